package io.postroom.channel;

import io.postroom.api.Outcome;

/**
 * One way to reach a person: mail, and whatever else a host adds. Many threads call it at the same time.
 *
 * <p>A channel of your own is one class. It takes the address under {@link #name()}, fills a text from {@link Notification#model()}, calls
 * the provider, and turns its answer into an outcome:
 *
 * <ul>
 *   <li>{@code done};
 *   <li>{@code retry} for a failure that may pass;
 *   <li>{@code reject} for a failure that will not pass;
 *   <li>{@code notNow} when the provider takes nothing from anybody.
 * </ul>
 */
public interface Channel {
    /** Returns the short name, as used in {@link Notification#to(String, String)}. */
    String name();

    /**
     * Hands the notification to the provider and waits for its answer. The same {@link Notification#id()} may come again when an earlier
     * answer was lost: pass the id on to providers that recognise repeats by it.
     *
     * @throws Exception for failures that the channel has no outcome for; {@code HandlingErrorSend} and the retry policy decide then
     */
    Outcome send(Notification notification) throws Exception;
}

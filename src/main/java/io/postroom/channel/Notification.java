package io.postroom.channel;

import io.postroom.handler.MessageContext;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A notice to one person, independent of the channel. Immutable: every method returns a changed copy. Nothing is checked here, because each
 * channel has its own rules for addresses and subjects.
 *
 * <pre>{@code
 * Notification.of(context, "ticket").to("mail", "Ann Lee <ann@example.org>").subject("Your order A-17").with("order", "A-17")
 * }</pre>
 *
 * @param id the message's id; the same at each repeat
 * @param createdAt when the message was created
 * @param template name of the template, without folder and ending
 * @param addresses where to reach the person, by name of the channel
 * @param subject a line before the text, for channels that have one
 * @param model what the template may name
 * @param context of the handler, with its settings; empty: it was made outside of a handler
 */
public record Notification(
        UUID id,
        Instant createdAt,
        String template,
        Map<String, String> addresses,
        String subject,
        Map<String, Object> model,
        Optional<MessageContext> context) {

    public Notification {
        addresses = Collections.unmodifiableMap(new LinkedHashMap<>(addresses));
        model = Collections.unmodifiableMap(new LinkedHashMap<>(model));
    }

    /** Makes a notification outside of a handler. */
    public Notification(
            UUID id,
            Instant createdAt,
            String template,
            Map<String, String> addresses,
            String subject,
            Map<String, Object> model) {
        this(id, createdAt, template, addresses, subject, model, Optional.empty());
    }

    /** Makes a notification for the message of this handler call. */
    public static Notification of(MessageContext context, String template) {
        return new Notification(
                context.id(), context.createdAt(), template, Map.of(), "", Map.of(), Optional.of(context));
    }

    /** Adds or replaces the address for a channel. */
    public Notification to(String channel, String address) {
        return new Notification(id, createdAt, template, plus(addresses, channel, address), subject, model, context);
    }

    public Notification subject(String subject) {
        return new Notification(id, createdAt, template, addresses, subject, model, context);
    }

    /** Adds or replaces a value for the template. */
    public Notification with(String name, Object value) {
        return new Notification(id, createdAt, template, addresses, subject, plus(model, name, value), context);
    }

    /** Returns the address for a channel; empty when the person has none. */
    public Optional<String> address(String channel) {
        return Optional.ofNullable(addresses.get(channel));
    }

    private static <V> Map<String, V> plus(Map<String, V> map, String name, V value) {
        Map<String, V> more = new LinkedHashMap<>(map);
        more.put(name, value);
        return more;
    }
}

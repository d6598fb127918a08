package io.postroom.handler;

import io.postroom.api.Outcome;

/**
 * Turns errors into outcomes. It is asked first when a handler of either kind threw an exception. If it throws itself or answers null, the
 * retry policy decides; so it does about errors of the JVM. Called by many threads at a time.
 */
@FunctionalInterface
public interface HandlingErrorSend {
    /**
     * Decides about an error. A {@code Retry} never passes the limit of attempts.
     *
     * @param error what the handler threw, or that its time limit was over
     * @param context of the message that failed; it has no connection, because an ATOMIC handler's transaction was rolled back
     */
    Outcome handle(Exception error, MessageContext context);
}

package io.postroom.handler;

import io.postroom.api.Outcome;

/**
 * Asked first when an attempt failed, for both kinds of handler: turns the error into an outcome. A {@code Retry} never passes the attempts
 * limit; if this throws itself, the retry policy decides.
 */
@FunctionalInterface
public interface HandlingErrorSend {
    Outcome handle(Exception error, MessageContext context);
}

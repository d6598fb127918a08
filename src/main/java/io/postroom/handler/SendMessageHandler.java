package io.postroom.handler;

import io.postroom.api.Outcome;

/** Sends outgoing messages. Called by many threads at a time. */
@FunctionalInterface
public interface SendMessageHandler<T> {
    /**
     * Sends one message.
     *
     * @param payload null for JSON null
     * @throws Exception goes to {@link HandlingErrorSend} and the retry policy
     */
    Outcome send(T payload, MessageContext context) throws Exception;
}

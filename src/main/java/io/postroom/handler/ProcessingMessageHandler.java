package io.postroom.handler;

import io.postroom.api.Outcome;

/** Processes incoming messages. Called by many threads at a time. */
@FunctionalInterface
public interface ProcessingMessageHandler<T> {
    /**
     * Processes one message.
     *
     * @param payload null for JSON null
     * @throws Exception goes to {@link HandlingErrorSend} and the retry policy
     */
    Outcome process(T payload, MessageContext context) throws Exception;
}

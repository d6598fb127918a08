package io.postroom.handler;

import io.postroom.api.Outcome;

/** Sends an outgoing message. Called by many threads at a time. What it throws goes to {@link HandlingErrorSend} and the retry policy. */
@FunctionalInterface
public interface SendMessageHandler<T> {
    Outcome send(T payload, MessageContext context) throws Exception;
}

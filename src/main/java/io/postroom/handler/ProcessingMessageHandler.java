package io.postroom.handler;

import io.postroom.api.Outcome;

/** Processes an incoming message. Called by many threads at a time. What it throws goes to {@link HandlingErrorSend} and the retry policy. */
@FunctionalInterface
public interface ProcessingMessageHandler<T> {
    Outcome process(T payload, MessageContext context) throws Exception;
}

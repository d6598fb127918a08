package io.postroom.handler;

import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import java.util.concurrent.Callable;

/** Around creating and handling: tenant, MDC, trace, defaults. Several are applied in their order, the first outermost. Called by many threads. */
public interface MessageInterceptor {
    /** May change the message before it is checked and stored. What it throws reaches the caller; nothing is written. */
    default CreateMessage beforeCreate(CreateMessage message) {
        return message;
    }

    /** Around one message's handling (each message of a batch is not wrapped apart: the batch is, with its first message's context). */
    default Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
        return next.call();
    }
}

package io.postroom.handler;

import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import java.util.concurrent.Callable;

/**
 * Wraps creating and handling: for tenant, MDC, trace, defaults. Several are applied in their order, the first one outermost. Called by
 * many threads at a time.
 */
public interface MessageInterceptor {
    /**
     * Answers the message to be stored, changed or not, before it is checked. What this throws reaches the caller, and nothing is written.
     */
    default CreateMessage beforeCreate(CreateMessage message) {
        return message;
    }

    /**
     * Wraps one call of a handler. A batch is wrapped as a whole, with its first message's context.
     *
     * @param next calls the next interceptor or the handler, on this thread; answers the first message's outcome
     * @return that outcome; another one holds for all messages of the call. Never null
     * @throws Exception counts as thrown by the handler
     */
    default Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
        return next.call();
    }
}

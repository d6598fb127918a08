package io.postroom.handler;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Outcome;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;

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
     * Answers one of several messages of a {@code createMessages}. Does by default what {@link #beforeCreate} does, and under the same
     * rules.
     */
    default CreateMessage beforeCreateInBulk(CreateMessage message) {
        return beforeCreate(message);
    }

    /**
     * Wraps the storing of the messages of one {@code createMessages}, after all were checked. It ends with the commit, or with the
     * statement in a transaction of the caller. Messages of files and mailboxes do not come here.
     *
     * @param messages as they are stored, two at least
     * @param next calls the next interceptor or stores them, on this thread
     * @return what {@code next} answered
     */
    default List<Created> aroundBulk(List<CreateMessage> messages, Supplier<List<Created>> next) {
        return next.get();
    }

    /**
     * Wraps one call of a handler. A call for several messages comes to {@link #aroundBatch}, and from there to this method, with its
     * first message's context.
     *
     * @param next calls the next interceptor or the handler, on this thread; answers the first message's outcome
     * @return that outcome; another one holds for all messages of the call. Never null
     * @throws Exception counts as thrown by the handler
     */
    default Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
        return next.call();
    }

    /**
     * Wraps one call of a handler for several messages. Does by default what {@link #aroundHandling} does for the first one.
     *
     * @param contexts the messages of the call in their order, two at least
     * @param next calls the next interceptor or the handler, on this thread; answers the first message's outcome
     * @return that outcome; another one holds for all messages of the call. Never null
     * @throws Exception counts as thrown by the handler
     */
    default Outcome aroundBatch(List<MessageContext> contexts, Callable<Outcome> next) throws Exception {
        return aroundHandling(contexts.get(0), next);
    }
}

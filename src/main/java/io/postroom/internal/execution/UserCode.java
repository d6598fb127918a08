package io.postroom.internal.execution;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.Transactions;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.MessageContext;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Failure;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Calls what the user wrote, on the calling thread: the handler, and HandlingErrorSend about what the handler threw. Thread-safe. */
final class UserCode {
    private static final Logger log = LoggerFactory.getLogger(UserCode.class);

    private final Delivery delivery;
    private final Optional<HandlingErrorSend> onError;
    private final Transactions transactions;
    private final LeaseHolder leaseHolder;
    private final ReplyEncoder replies;

    UserCode(HandlerSetup setup, Transactions transactions, LeaseHolder leaseHolder) {
        this.delivery = setup.delivery();
        this.onError = setup.onError();
        this.transactions = transactions;
        this.leaseHolder = leaseHolder;
        this.replies = setup.replies();
    }

    /**
     * Calls the handler. Answers one outcome a message, in the order of the call. A transaction that the call leaves open is rolled back.
     *
     * @param connection for {@link MessageContext#connection()}; null unless the handler is ATOMIC
     * @throws LeftOpenException the call answered, and left a transaction open
     * @throws Exception what the handler or an interceptor threw
     */
    List<Outcome> handle(HandlerCall call, @Nullable Connection connection) throws Exception {
        List<MessageContext> contexts = new ArrayList<>(call.messages().size());
        for (ClaimedMessage message : call.messages()) {
            contexts.add(context(call, message, connection));
        }
        Transactions.ThreadState before = transactions.threadState();
        List<Outcome> outcomes;
        try {
            outcomes = delivery.call(call.handler(), call.payloads(), contexts);
        } catch (Throwable thrown) {
            call.queue().noteReturn(call.handler());
            leftOpen(call, before).ifPresent(left -> log.warn("{}", left.getMessage(), left.getCause()));
            throw thrown;
        }
        call.queue().noteReturn(call.handler());
        Optional<LeftOpenException> left = leftOpen(call, before);
        if (left.isPresent()) {
            throw left.get();
        }
        return outcomes;
    }

    /** Rolls back what the call left open on this thread; empty: nothing. */
    private static Optional<LeftOpenException> leftOpen(HandlerCall call, Transactions.ThreadState before) {
        try {
            return before.restore().map(left -> new LeftOpenException(call, left, null));
        } catch (Throwable notCleaned) {
            call.attempt().threadIsSpoilt();
            return Optional.of(new LeftOpenException(call, "a transaction open", notCleaned));
        }
    }

    /**
     * Turns an error into an outcome: HandlingErrorSend is asked first; if there is none, or it throws itself, the retry policy decides.
     * The reply of the attempt that failed is void; HandlingErrorSend may answer Done and reply.
     */
    Outcome outcomeOf(HandlerCall call, ClaimedMessage message, Throwable error) {
        call.replies().forget(message);
        Optional<HandlingErrorSend> handling = call.handler().onError().or(() -> onError);
        if (error instanceof Exception exception && handling.isPresent()) {
            try {
                Outcome outcome = handling.get().handle(exception, context(call, message, null));
                if (outcome != null) {
                    return outcome;
                }
            } catch (Throwable alsoFailed) {
                log.warn(
                        "HandlingErrorSend failed for message {} of queue {}; the retry policy decides",
                        message.id(),
                        call.queue().name(),
                        Failure.loggable(alsoFailed));
            }
        }
        // A value outside its limits will be outside them the next time, too.
        boolean hopeless =
                error instanceof InvalidMessageException || call.policy().rejects(error);
        return hopeless ? Outcome.reject("rejected by the retry policy") : Outcome.retry("threw");
    }

    private MessageContext context(HandlerCall call, ClaimedMessage message, @Nullable Connection connection) {
        return new HandlerContext(
                message,
                call.queue().name(),
                call.policy().attempts(),
                call.attempt(),
                leaseHolder::isTrusted,
                connection,
                call.settings(),
                (queue, payload) -> call.replies()
                        .set(
                                message,
                                replies.encode(
                                        queue, message.id(), message.content().correlationId(), payload)));
    }
}

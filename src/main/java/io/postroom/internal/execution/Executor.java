package io.postroom.internal.execution;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.MessageContext;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.LeaseStore;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs held messages on the calling thread and says how each ended. Thread-safe. Whatever the user's code does, each message comes out exactly
 * once: as a {@link Completion} for the {@link Completer}, or, for an ATOMIC handler that did well, as one that is written already.
 */
public final class Executor {
    private static final Logger log = LoggerFactory.getLogger(Executor.class);

    private final HandlerRegistry handlers;
    private final Delivery delivery;
    private final Optional<HandlingErrorSend> onError;
    private final LeaseStore store;
    private final Transactions transactions;
    private final LeaseHolder leaseHolder;
    private final TimeLimits timeLimits;
    private final Completer completer;

    public Executor(
            HandlerSetup setup,
            LeaseStore store,
            Transactions transactions,
            LeaseHolder leaseHolder,
            TimeLimits timeLimits,
            Completer completer) {
        this.handlers = setup.handlers();
        this.delivery = setup.delivery();
        this.onError = setup.onError();
        this.store = store;
        this.transactions = transactions;
        this.leaseHolder = leaseHolder;
        this.timeLimits = timeLimits;
        this.completer = completer;
    }

    /**
     * Runs one message and hands its end to the completer. When the call is given up {@code onGivenUp} is run at once, by another thread, and this one
     * answers false if it ever comes back: it is not to be used again.
     */
    public boolean run(HandledQueue queue, ClaimedMessage message, Runnable onGivenUp) {
        return guarded(List.of(message), () -> runOne(queue, message, onGivenUp));
    }

    /** Runs messages that came together: those of a batch handler in one call, all others one by one. */
    public boolean run(HandledQueue queue, List<ClaimedMessage> messages, Runnable onGivenUp) {
        List<ClaimedMessage> open = new ArrayList<>(messages);
        return guarded(open, () -> runTogether(queue, open, onGivenUp));
    }

    /**
     * The last net: a fault of ours, or of a database that went away between claim and run, must leave no message under its lease.
     *
     * @param open those that have no end yet: one with two ends would be finished and come back
     */
    private boolean guarded(List<ClaimedMessage> open, BooleanSupplier run) {
        try {
            return run.getAsBoolean();
        } catch (Throwable unexpected) {
            log.error("{} messages could not be run and come back in a moment", open.size(), unexpected);
            open.forEach(message -> end(StateTransitions.notRun(message)));
            return true;
        }
    }

    private boolean runOne(HandledQueue queue, ClaimedMessage claimed, Runnable onGivenUp) {
        if (!leaseHolder.isTrusted()) {
            return end(Completion.release(claimed)); // others may have it by now
        }
        ClaimedMessage message =
                claimed.stored() ? claimed : store.reload(claimed).orElse(claimed);
        if (!message.stored()) {
            return end(StateTransitions.payloadMissing(message));
        }
        if (message.expired()) {
            return end(StateTransitions.expired(message));
        }
        Optional<Handler> handler = handlers.find(
                queue.name(), message.content().type(), message.content().version());
        if (handler.isEmpty()) {
            return end(StateTransitions.noHandler(message));
        }
        @Nullable Object payload; // JSON null, for the handler to judge
        try {
            payload = delivery.read(handler.get(), StoredContent.of(message));
        } catch (Delivery.UndecodableException undecodable) {
            return end(StateTransitions.undecodable(message, undecodable, System.nanoTime()));
        }
        return attempt(queue, handler.get(), List.of(message), Collections.singletonList(payload), onGivenUp);
    }

    /** @param open is told which of them have got their ends, or a net of their own */
    private boolean runTogether(HandledQueue queue, List<ClaimedMessage> open, Runnable onGivenUp) {
        List<ClaimedMessage> batch = new ArrayList<>();
        List<Object> payloads = new ArrayList<>();
        List<ClaimedMessage> others = new ArrayList<>();
        Handler batchHandler = null;
        for (ClaimedMessage message : List.copyOf(open)) {
            Optional<Handler> handler = handlerForBatch(queue, message);
            if (handler.isEmpty() || batchHandler != null && batchHandler != handler.get()) {
                others.add(message);
                continue;
            }
            try {
                payloads.add(delivery.read(handler.get(), StoredContent.of(message)));
                batch.add(message);
                batchHandler = handler.get();
            } catch (Delivery.UndecodableException undecodable) {
                end(StateTransitions.undecodable(message, undecodable, System.nanoTime()));
                open.remove(message);
            }
        }
        Runnable othersToo = () -> releaseAll(others, onGivenUp);
        if (batchHandler != null && !attempt(queue, batchHandler, batch, payloads, othersToo)) {
            return false;
        }
        open.clear();
        return runEach(others, onGivenUp, (message, whenGivenUp) -> run(queue, message, whenGivenUp));
    }

    private interface Run {
        boolean run(ClaimedMessage message, Runnable onGivenUp);
    }

    /** One by one; if a call is given up, those after it are given back at once. */
    private boolean runEach(List<ClaimedMessage> messages, Runnable onGivenUp, Run run) {
        for (int i = 0; i < messages.size(); i++) {
            List<ClaimedMessage> rest = messages.subList(i + 1, messages.size());
            if (!run.run(messages.get(i), () -> releaseAll(rest, onGivenUp))) {
                return false;
            }
        }
        return true;
    }

    private void releaseAll(List<ClaimedMessage> messages, Runnable onGivenUp) {
        messages.forEach(message -> end(Completion.release(message)));
        onGivenUp.run();
    }

    private Optional<Handler> handlerForBatch(HandledQueue queue, ClaimedMessage message) {
        return message.stored() && !message.expired() && leaseHolder.isTrusted()
                ? handlers.find(
                                queue.name(),
                                message.content().type(),
                                message.content().version())
                        .filter(handler -> handler.batch() > 1)
                : Optional.empty();
    }

    private boolean attempt(
            HandledQueue queue,
            Handler handler,
            List<ClaimedMessage> messages,
            List<Object> payloads,
            Runnable onGivenUp) {
        RetryPolicy policy = queue.retryPolicy(handler);
        Attempt attempt = new Attempt(handler.timeLimit());
        timeLimits.watch(attempt, () -> {
            giveUp(messages, handler, policy, attempt);
            onGivenUp.run();
        });
        try {
            Thread.interrupted(); // nothing left over may hit the user's code
            return attempt(queue, handler, policy, messages, payloads, attempt, onGivenUp);
        } finally {
            timeLimits.unwatch(attempt);
        }
    }

    private boolean attempt(
            HandledQueue queue,
            Handler handler,
            RetryPolicy policy,
            List<ClaimedMessage> messages,
            List<Object> payloads,
            Attempt attempt,
            Runnable onGivenUp) {
        boolean atomic = handler.mode() == HandlerMode.ATOMIC;
        boolean committed = false;
        List<Completion> ends = new ArrayList<>(messages.size());
        Attempt.State state;
        try {
            List<Outcome> outcomes = atomic
                    ? callAtomically(queue, handler, policy, messages, payloads, attempt)
                    : call(queue, handler, policy, messages, payloads, attempt, null);
            committed = atomic && outcomes.stream().allMatch(Outcome.Done.class::isInstance);
            state = attempt.finish();
            if (atomic && !committed && messages.size() > 1 && state == Attempt.State.RUNNING) {
                // One that did not do well rolled the writes of all back: each gets a transaction of its own.
                timeLimits.unwatch(attempt);
                return runSingly(queue, handler, messages, payloads, onGivenUp);
            }
            for (int i = 0; i < messages.size(); i++) {
                ends.add(StateTransitions.of(messages.get(i), outcomes.get(i), null, policy, attempt.startedNanos()));
            }
        } catch (Throwable error) {
            state = attempt.finish();
            if (state == Attempt.State.RUNNING && messages.size() > 1) {
                timeLimits.unwatch(attempt);
                return runSingly(queue, handler, messages, payloads, onGivenUp);
            }
            for (ClaimedMessage message : messages) {
                ends.add(failed(queue, handler, policy, message, error, attempt, state));
            }
        }
        if (committed) {
            completer.written(ends);
        } else if (state == Attempt.State.CALLED_OFF) {
            calledOff(messages, ends, atomic);
        } else if (state != Attempt.State.ABANDONED) {
            completer.add(ends);
        }
        return state != Attempt.State.ABANDONED;
    }

    private List<Outcome> call(
            HandledQueue queue,
            Handler handler,
            RetryPolicy policy,
            List<ClaimedMessage> messages,
            List<Object> payloads,
            Attempt attempt,
            @Nullable Connection connection)
            throws Exception {
        List<MessageContext> contexts = new ArrayList<>(messages.size());
        for (ClaimedMessage message : messages) {
            contexts.add(context(queue, policy, message, attempt, connection));
        }
        return delivery.call(handler, payloads, contexts);
    }

    /**
     * The handler's writes and the completion in one commit. Anything but Done rolls the writes back, and a lease that was lost meanwhile does too:
     * another process may be running the message, and only one of the two may commit.
     */
    private List<Outcome> callAtomically(
            HandledQueue queue,
            Handler handler,
            RetryPolicy policy,
            List<ClaimedMessage> messages,
            List<Object> payloads,
            Attempt attempt)
            throws Exception {
        try {
            return transactions.begin(transaction -> {
                List<Outcome> outcomes =
                        call(queue, handler, policy, messages, payloads, attempt, transaction.connection());
                if (!outcomes.stream().allMatch(Outcome.Done.class::isInstance)) {
                    throw new RollBack(outcomes);
                }
                List<Completion> done = new ArrayList<>(messages.size());
                for (ClaimedMessage message : messages) {
                    done.add(Completion.done(message, attempt.startedNanos(), System.nanoTime()));
                }
                List<LeasePart> parts = store.complete(leaseHolder.workerId(), done, transaction.connection());
                if (parts.stream()
                                .mapToInt(part -> part.completed().cardinality())
                                .sum()
                        < messages.size()) {
                    throw new LeaseLostException(messages.get(0), queue.name());
                }
                return outcomes;
            });
        } catch (RollBack rollBack) {
            return rollBack.outcomes;
        }
    }

    /** A batch threw: its messages are run one by one, and no failure is counted for the batch. */
    private boolean runSingly(
            HandledQueue queue,
            Handler handler,
            List<ClaimedMessage> messages,
            List<Object> payloads,
            Runnable onGivenUp) {
        Iterator<Object> payload = payloads.iterator();
        return runEach(messages, onGivenUp, (message, whenGivenUp) -> {
            List<Object> own = Collections.singletonList(payload.next());
            return guarded( // each by itself: those before it have their ends
                    List.of(message), () -> attempt(queue, handler, List.of(message), own, whenGivenUp));
        });
    }

    private Completion failed(
            HandledQueue queue,
            Handler handler,
            RetryPolicy policy,
            ClaimedMessage message,
            Throwable error,
            Attempt attempt,
            Attempt.State state) {
        Throwable cause = state == Attempt.State.OVERTIME ? new TimeLimitException(handler, error) : error;
        log.debug("message {} of queue {} failed in handler {}", message.id(), queue.name(), handler.id(), cause);
        Outcome outcome = outcomeOf(queue, handler, policy, message, cause, attempt);
        return StateTransitions.of(message, outcome, Failure.of(cause), policy, attempt.startedNanos());
    }

    /** HandlingErrorSend is asked first; if there is none, or it throws itself, the retry policy decides. */
    private Outcome outcomeOf(
            HandledQueue queue,
            Handler handler,
            RetryPolicy policy,
            ClaimedMessage message,
            Throwable error,
            Attempt attempt) {
        Optional<HandlingErrorSend> handling = handler.onError().or(() -> onError);
        if (error instanceof Exception exception && handling.isPresent()) {
            try {
                Outcome outcome = handling.get().handle(exception, context(queue, policy, message, attempt, null));
                if (outcome != null) {
                    return outcome;
                }
            } catch (Throwable alsoFailed) {
                log.warn(
                        "HandlingErrorSend failed for message {} of queue {}; the retry policy decides",
                        message.id(),
                        queue.name(),
                        alsoFailed);
            }
        }
        // A value outside its limits is so the next time, too.
        boolean hopeless = error instanceof InvalidMessageException || policy.rejects(error);
        return hopeless ? Outcome.reject("rejected by the retry policy") : Outcome.retry("threw");
    }

    /** The call ignored its interrupt. The message goes on as failed; if the call ever comes back, what it says is not listened to. */
    private void giveUp(List<ClaimedMessage> messages, Handler handler, RetryPolicy policy, Attempt attempt) {
        if (attempt.wasCalledOff()) {
            messages.forEach(message -> end(Completion.release(message)));
            return;
        }
        TimeLimitException error = new TimeLimitException(handler, null);
        Outcome outcome = policy.rejects(error) ? Outcome.reject("time limit") : Outcome.retry("time limit");
        for (ClaimedMessage message : messages) {
            end(StateTransitions.of(message, outcome, Failure.of(error), policy, attempt.startedNanos()));
        }
    }

    /** The process stops, or lost its leases: what did well counts (if the lease still does), the rest is given back and spends nothing. */
    private void calledOff(List<ClaimedMessage> messages, List<Completion> ends, boolean rolledBack) {
        for (int i = 0; i < messages.size(); i++) {
            Completion end = ends.get(i);
            end(end.isDone() && !rolledBack ? end : Completion.release(messages.get(i)));
        }
    }

    private MessageContext context(
            HandledQueue queue,
            RetryPolicy policy,
            ClaimedMessage message,
            Attempt attempt,
            @Nullable Connection connection) {
        return new HandlerContext(
                message, queue.name(), policy.attempts(), attempt, leaseHolder::isTrusted, connection);
    }

    private boolean end(Completion completion) {
        completer.add(List.of(completion));
        return true;
    }

    /** Carries a handler's answer out of a transaction that is to be rolled back. */
    private static final class RollBack extends Exception {
        private final transient List<Outcome> outcomes;

        RollBack(List<Outcome> outcomes) {
            super(null, null, false, false);
            this.outcomes = outcomes;
        }
    }
}

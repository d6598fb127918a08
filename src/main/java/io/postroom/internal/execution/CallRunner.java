package io.postroom.internal.execution;

import io.postroom.api.Limits;
import io.postroom.api.Outcome;
import io.postroom.api.Transactions;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs one call of a handler on the calling thread and gives its messages their ends. Thread-safe.
 *
 * <ol>
 *   <li>The call is watched: it is interrupted after its time limit, and given up if it ignores that.
 *   <li>The user's code answers outcomes, or throws.
 *   <li>The attempt is finished. From then on nothing interrupts this thread for it, and how it stood is known.
 *   <li>A batch that failed as a whole is run again, message by message.
 *   <li>{@link StateTransitions} decides the ends.
 *   <li>The completer gets them, unless somebody else gave these messages their ends.
 *   <li>The thread is made as it was before. One that cannot be cleaned is not used again.
 * </ol>
 */
final class CallRunner {
    private static final Logger log = LoggerFactory.getLogger(CallRunner.class);

    private final UserCode userCode;
    private final AtomicCalls atomicCalls;
    private final Transactions transactions;
    private final TimeLimits timeLimits;
    private final Completer completer;
    private final LastNet net;
    private final BiConsumer<String, Duration> park;
    private final LateStarts lateStarts = new LateStarts();

    CallRunner(
            UserCode userCode,
            AtomicCalls atomicCalls,
            Transactions transactions,
            TimeLimits timeLimits,
            Completer completer,
            LastNet net,
            BiConsumer<String, Duration> park) {
        this.userCode = userCode;
        this.atomicCalls = atomicCalls;
        this.transactions = transactions;
        this.timeLimits = timeLimits;
        this.completer = completer;
        this.net = net;
        this.park = park;
    }

    /**
     * What the user's code said.
     *
     * @param outcomes one a message, in order; empty when it threw
     * @param error what it threw, or null
     * @param committed an ATOMIC handler's transaction was committed, the completion included
     */
    private record Answer(List<Outcome> outcomes, @Nullable Throwable error, boolean committed) {}

    /**
     * Answers whether the calling thread may go on.
     *
     * @param onGivenUp run once, by the thread that watches the time, if the call is given up. This method answers false then, if it ever
     *     returns. Run by the calling thread if the user's code left it so that it cannot be used again
     */
    boolean run(HandlerCall call, Runnable onGivenUp) {
        ThreadGuard before = ThreadGuard.ofThisThread(transactions);
        boolean goesOn;
        try {
            goesOn = runWatched(call, onGivenUp);
        } catch (Throwable unexpected) {
            restore(before, call);
            throw unexpected;
        }
        if (restore(before, call) || !goesOn) {
            return goesOn;
        }
        onGivenUp.run();
        return false;
    }

    /** Answers whether the thread may be used again. */
    private static boolean restore(ThreadGuard before, HandlerCall call) {
        boolean clean =
                before.restore(() -> "an attempt of handler " + call.handler().id());
        return clean && !call.attempt().isThreadSpoilt();
    }

    private boolean runWatched(HandlerCall call, Runnable onGivenUp) {
        Attempt attempt = call.attempt();
        timeLimits.watch(attempt, () -> {
            giveUp(call);
            onGivenUp.run();
        });
        try {
            Thread.interrupted(); // what is left over from before must not hit the user's code
            Answer answer = ask(call);
            if (!(answer.error() instanceof LateStartException)) {
                call.ended();
            }
            Attempt.State state = attempt.finish();
            if (call.isBatch() && state == Attempt.State.RUNNING && failedAsAWhole(call, answer)) {
                timeLimits.unwatch(attempt);
                return runSingly(call, onGivenUp);
            }
            List<Completion> ends = ends(call, answer, state);
            answer.outcomes().stream().distinct().forEach(this::parkDestination);
            handOver(call, answer, state, ends);
            return state != Attempt.State.ABANDONED;
        } finally {
            timeLimits.unwatch(attempt);
        }
    }

    private Answer ask(HandlerCall call) {
        try {
            if (call.isAtomic()) {
                List<Outcome> outcomes = atomicCalls.call(call);
                return new Answer(outcomes, null, AtomicCalls.areDone(outcomes));
            }
            call.requireInTime();
            return new Answer(userCode.handle(call, null), null, false);
        } catch (Throwable error) {
            return new Answer(List.of(), error, false);
        }
    }

    /**
     * Whether the batch must be run again one by one: the call threw, or one message of an ATOMIC batch was not Done and all writes were
     * rolled back. A thread that cannot be used again runs nothing: then each message has failed.
     */
    private static boolean failedAsAWhole(HandlerCall call, Answer answer) {
        return (answer.error() != null || call.isAtomic() && !answer.committed())
                && !call.attempt().isThreadSpoilt();
    }

    /** Runs the messages of a failed batch one by one. No failure is counted for the batch. */
    private boolean runSingly(HandlerCall batch, Runnable onGivenUp) {
        Iterator<Object> payloads = batch.payloads().iterator();
        return net.runEach(batch.queue(), batch.messages(), onGivenUp, (message, whenGivenUp) -> {
            HandlerCall single =
                    HandlerCall.begin(batch.queue(), batch.handler(), batch.settings(), message, payloads.next());
            return run(single, whenGivenUp);
        });
    }

    private List<Completion> ends(HandlerCall call, Answer answer, Attempt.State state) {
        List<Completion> ends = new ArrayList<>(call.messages().size());
        for (int i = 0; i < call.messages().size(); i++) {
            ClaimedMessage message = call.messages().get(i);
            Completion end = answer.error() == null
                    ? StateTransitions.of(
                            message,
                            answer.outcomes().get(i),
                            null,
                            call.policy(),
                            call.attempt().startedNanos())
                    : failed(call, message, answer.error(), state);
            ends.add(end.isDone() ? end.withReply(call.replies().to(message)) : end);
        }
        return ends;
    }

    private Completion failed(HandlerCall call, ClaimedMessage message, Throwable error, Attempt.State state) {
        if (error instanceof LateStartException late) {
            lateStarts.said(call, late);
            return Completion.release(message);
        }
        if (error instanceof AtomicCalls.CutOffException cut
                && state == Attempt.State.RUNNING
                && message.counters().deliveries() < StateTransitions.FREE_CUT_OFFS) {
            log.warn(
                    "message {} of queue {} could not be completed in its handler's transaction, which is rolled back; it spends no"
                            + " attempt and runs again: {}",
                    message.id(),
                    call.queue().name(),
                    cut.getMessage());
            return StateTransitions.cutOff(message);
        }
        Throwable cause = state == Attempt.State.OVERTIME ? new TimeLimitException(call.handler(), error) : error;
        if (log.isDebugEnabled()) {
            log.debug(
                    "message {} of queue {} failed in handler {}",
                    message.id(),
                    call.queue().name(),
                    call.handler().id(),
                    Failure.loggable(cause));
        }
        Outcome outcome = userCode.outcomeOf(call, message, cause);
        parkDestination(outcome);
        return StateTransitions.of(
                message,
                outcome,
                Failure.of(cause),
                call.policy(),
                call.attempt().startedNanos());
    }

    /** Parks the destination of a message that could not go there now. The message waits, too, so a failure is only logged. */
    private void parkDestination(Outcome outcome) {
        if (!(outcome instanceof Outcome.NotNow notNow) || !Limits.isName(notNow.destination())) {
            return;
        }
        try {
            Duration time = notNow.retryAfter();
            park.accept(notNow.destination(), time.compareTo(Limits.HORIZON) > 0 ? Limits.HORIZON : time);
        } catch (RuntimeException failed) {
            log.warn("destination {} takes nothing now and could not be parked", notNow.destination(), failed);
        }
    }

    /**
     * Gives the ends to the completer. A commit counts in any case. Else the ends of a call that was given up are dropped, because its
     * messages got theirs when it was given up.
     */
    private void handOver(HandlerCall call, Answer answer, Attempt.State state, List<Completion> ends) {
        if (answer.committed()) {
            completer.written(ends);
        } else if (state == Attempt.State.CALLED_OFF) {
            calledOff(call, ends);
        } else if (state != Attempt.State.ABANDONED) {
            completer.add(ends);
        }
    }

    /**
     * Ends the messages of a call during which the process stopped or lost its leases. Results that are Done count if their lease still
     * holds. All others are released and spend nothing. An ATOMIC handler's writes were rolled back, so its messages are released, too.
     */
    private void calledOff(HandlerCall call, List<Completion> ends) {
        for (Completion end : ends) {
            net.end(end.isDone() && !call.isAtomic() ? end : Completion.release(end.message()));
        }
    }

    /**
     * Ends the messages of a call that ignored its interrupt. They count as failed, or are released if the call was called off. What the
     * call answers later, if it ever does, counts for nothing.
     */
    private void giveUp(HandlerCall call) {
        if (call.attempt().wasCalledOff()) {
            call.messages().forEach(message -> net.end(Completion.release(message)));
            return;
        }
        TimeLimitException error = new TimeLimitException(call.handler(), null);
        Outcome outcome = call.policy().rejects(error) ? Outcome.reject("time limit") : Outcome.retry("time limit");
        for (ClaimedMessage message : call.messages()) {
            net.end(StateTransitions.of(
                    message,
                    outcome,
                    Failure.of(error),
                    call.policy(),
                    call.attempt().startedNanos()));
        }
    }
}

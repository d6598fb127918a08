package io.postroom.internal.execution;

import io.postroom.api.Limits;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.StoreErrors;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Decides a message's next state from how its attempt ended: the one place that does. Pure functions, apart from the clock of the duration.
 *
 * <pre>
 * Done                        FINISHED  (DONE)
 * Retry, attempts left        DELAYED   by its own delay, else the policy's        failures + 1
 * Retry, the last attempt     DEAD      attempts_spent                             failures + 1
 * Snooze                      DELAYED   by its duration
 * NotNow                      DELAYED   by its retryAfter
 * Reject                      DEAD      rejected                                   failures + 1
 * undecodable                 DELAYED   30 s, doubling to 10 min, one line of history
 * undecodable for 24 hours    DEAD      undecodable
 * expired                     FINISHED  (EXPIRED)
 * no handler                  DELAYED   30 s, doubling to 10 min, no line of history
 * settings cannot be used     DELAYED   10 s, doubling to 10 min, no line of history
 * payload missing             DELAYED   1 s, doubling to 10 min, no line of history
 * not run, an error           like Retry, by the policy's delay                    failures + 1
 * not run, the store is away  DELAYED   10 s, doubling to 10 min
 * ATOMIC, cut off             DELAYED   1 s, doubling to 10 min, no line of history; from the 20th delivery on like an exception
 * </pre>
 *
 * <p>An exception is turned into one of these outcomes first, by {@code UserCode.outcomeOf}; a call that was given up, by {@code
 * CallRunner.giveUp}. A message that was not run because the process stops goes back to READY by {@link Completion#release}.
 *
 * <p>The legal moves are the table {@link io.postroom.api.MessageState#next()}; a test checks that every end here is one of them. Whether a
 * handler is LEASED or ATOMIC makes no difference to its state, only to who writes the end.
 */
final class StateTransitions {
    static final String ATTEMPTS_SPENT = "attempts_spent";
    static final String REJECTED = "rejected";
    static final String UNDECODABLE = "undecodable";
    /** Longest delay, as for delayed messages: see {@link io.postroom.api.Limits#HORIZON}. */
    private static final Duration LONGEST_DELAY = Limits.HORIZON;

    /** Time for other processes to read a payload: a deployment in which old and new run side by side may take most of a day. */
    static final Duration UNDECODABLE_FOR = Duration.ofHours(24);

    private static final Duration NO_HANDLER_FIRST = Duration.ofSeconds(30);
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);
    private static final Duration NOT_RUN = Duration.ofSeconds(10);
    private static final Duration UNUSABLE_SETTINGS_FIRST = Duration.ofSeconds(10);
    private static final Duration PAYLOAD_MISSING_FIRST = Duration.ofSeconds(1);
    private static final Duration CUT_OFF_FIRST = Duration.ofSeconds(1);
    /** About two hours of cut-offs. */
    static final int FREE_CUT_OFFS = 20;

    private StateTransitions() {}

    /**
     * Decides by an outcome. A message that fails is DEAD once its failures reach the policy's attempts, whatever delay the outcome names.
     * Delays are cut at 400 days; failures stop counting at {@link Short#MAX_VALUE}, the largest that can be stored.
     *
     * @param failure what a thrown error said; null when the handler answered the outcome itself
     * @param startedNanos {@code System.nanoTime()} when the handler began
     */
    static Completion of(
            ClaimedMessage message, Outcome outcome, @Nullable Failure failure, RetryPolicy policy, long startedNanos) {
        return outcome.match(new Decision(message, failure, policy, startedNanos, System.nanoTime()));
    }

    /**
     * Delays a message whose stored content cannot be read here: perhaps another process can, or a newer version of this program. No
     * failure is counted. It waits as long again as it has waited, 30 s at least and 10 minutes at most, and is DEAD after 24 hours.
     *
     * @param since how long ago its content was first found unreadable; empty: just now, which the history notes
     */
    static Completion undecodable(
            ClaimedMessage message, Throwable error, Optional<Duration> since, long startedNanos) {
        boolean dead = since.isPresent() && since.get().compareTo(UNDECODABLE_FOR) >= 0;
        boolean noted = dead || since.isEmpty();
        return new Completion(
                message,
                !noted ? null : dead ? AttemptOutcome.REJECT : AttemptOutcome.UNDECODABLE,
                dead ? NextState.DEAD : NextState.DELAYED,
                dead ? Duration.ZERO : waitAfter(since.orElse(Duration.ZERO)),
                UNDECODABLE,
                noted ? Failure.of(error) : null,
                message.counters().failures(),
                startedNanos,
                System.nanoTime());
    }

    private static Duration waitAfter(Duration waited) {
        Duration longer = waited.compareTo(NO_HANDLER_FIRST) < 0 ? NO_HANDLER_FIRST : waited;
        return longer.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : longer;
    }

    /**
     * Delays a message whose type no handler here takes: perhaps a newer version of this program will, or another process. 30 s at the
     * first delivery, doubling to 10 minutes.
     */
    static Completion noHandler(ClaimedMessage message) {
        return waiting(
                message,
                "no_handler",
                doubled(NO_HANDLER_FIRST, message.counters().deliveries()));
    }

    /**
     * Delays a message whose handler names an entry that is missing, disabled or out of its validity, or whose secret is not found. It
     * spends nothing, because no attempt was made: 10 s at the first delivery, doubling to 10 minutes.
     *
     * @param reason which entry, for explain
     */
    static Completion unusableSettings(ClaimedMessage message, String reason) {
        return waiting(
                message,
                reason,
                doubled(UNUSABLE_SETTINGS_FIRST, message.counters().deliveries()));
    }

    /**
     * Delays a message whose payload even a new snapshot did not show: purge is putting it back, or somebody deleted it by hand. 1 s at the
     * first delivery, doubling to 10 minutes.
     */
    static Completion payloadMissing(ClaimedMessage message) {
        return waiting(
                message,
                "payload_missing",
                doubled(PAYLOAD_MISSING_FIRST, message.counters().deliveries()));
    }

    /**
     * Ends a message that could not be run, and leaves a line of history. An error counts like one that the handler threw, so that a
     * message that can never be run becomes a dead letter. A store that is away is no fault of the message and spends nothing: 10 s at
     * the first delivery, doubling to 10 minutes.
     */
    static Completion notRun(ClaimedMessage message, Throwable error, RetryPolicy policy) {
        Failure failure = Failure.of(error).during("the message could not be run");
        long now = System.nanoTime();
        if (!isStoreAway(error)) {
            return of(message, Outcome.retry("not run"), failure, policy, now);
        }
        return new Completion(
                message,
                AttemptOutcome.RETRY,
                NextState.DELAYED,
                doubled(NOT_RUN, message.counters().deliveries()),
                "not_run",
                failure,
                message.counters().failures(),
                now,
                now);
    }

    private static boolean isStoreAway(Throwable error) {
        try {
            return StoreErrors.mayPass(error);
        } catch (Throwable badCause) {
            return false;
        }
    }

    /**
     * Delays a message whose ATOMIC transaction the database cut off after the handler had done its part. 1 s at the first delivery,
     * doubling to 10 minutes, because a time limit of the server may cut it off each time. After {@link #FREE_CUT_OFFS} deliveries each
     * one spends an attempt, so that it ends.
     */
    static Completion cutOff(ClaimedMessage message) {
        return waiting(
                message, "not_run", doubled(CUT_OFF_FIRST, message.counters().deliveries()));
    }

    /** Finishes a message whose time to live ended while it waited. */
    static Completion expired(ClaimedMessage message) {
        long now = System.nanoTime();
        return new Completion(
                message,
                AttemptOutcome.EXPIRED,
                NextState.FINISHED,
                Duration.ZERO,
                null,
                null,
                message.counters().failures(),
                now,
                now);
    }

    /** Delays a message and writes no line of history, because no attempt was made. */
    private static Completion waiting(ClaimedMessage message, String reason, Duration delay) {
        long now = System.nanoTime();
        return new Completion(
                message,
                null,
                NextState.DELAYED,
                delay,
                reason,
                null,
                message.counters().failures(),
                now,
                now);
    }

    /** @param deliveries before this one */
    private static Duration doubled(Duration first, int deliveries) {
        Duration delay = first.multipliedBy(1L << Math.min(deliveries, 20));
        return delay.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : delay;
    }

    /** The end of one message for each outcome its handler may answer. */
    private record Decision(
            ClaimedMessage message,
            @Nullable Failure failure,
            RetryPolicy policy,
            long startedNanos,
            long finishedNanos)
            implements Outcome.Cases<Completion> {
        @Override
        public Completion done(Outcome.Done done) {
            Completion end = Completion.done(message, startedNanos, finishedNanos);
            return done.note().map(end::withNote).orElse(end);
        }

        @Override
        public Completion retry(Outcome.Retry retry) {
            Failure cause = failure == null ? Failure.of(retry.reason()) : failure;
            int failures = Math.min(message.counters().failures() + 1, Short.MAX_VALUE);
            if (failures >= policy.attempts()) {
                return ending(AttemptOutcome.FAILED, NextState.DEAD, Duration.ZERO, ATTEMPTS_SPENT, cause, failures);
            }
            Duration delay = retry.after().orElseGet(() -> policy.delayAfter(failures));
            return ending(AttemptOutcome.RETRY, NextState.DELAYED, delay, "retry", cause, failures);
        }

        @Override
        public Completion snooze(Outcome.Snooze snooze) {
            Failure reason = Failure.of(snooze.reason());
            return ending(
                    AttemptOutcome.SNOOZE,
                    NextState.DELAYED,
                    snooze.duration(),
                    "snooze",
                    reason,
                    message.counters().failures());
        }

        @Override
        public Completion notNow(Outcome.NotNow notNow) {
            Failure reason = Failure.of(notNow.destination() + " takes nothing now");
            return ending(
                    AttemptOutcome.NOT_NOW,
                    NextState.DELAYED,
                    notNow.retryAfter(),
                    "not_now",
                    reason,
                    message.counters().failures());
        }

        @Override
        public Completion reject(Outcome.Reject reject) {
            Failure cause = failure == null ? Failure.of(reject.reason()) : failure;
            return ending(
                    AttemptOutcome.REJECT,
                    NextState.DEAD,
                    Duration.ZERO,
                    REJECTED,
                    cause,
                    Math.min(message.counters().failures() + 1, Short.MAX_VALUE));
        }

        private Completion ending(
                AttemptOutcome ended, NextState next, Duration delay, String reason, Failure cause, int failures) {
            Duration bounded = delay.compareTo(LONGEST_DELAY) > 0 ? LONGEST_DELAY : delay;
            return new Completion(message, ended, next, bounded, reason, cause, failures, startedNanos, finishedNanos);
        }
    }
}

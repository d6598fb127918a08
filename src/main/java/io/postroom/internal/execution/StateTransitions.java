package io.postroom.internal.execution;

import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.NextState;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The one place that decides a message's next state from how its attempt ended. Pure functions. */
final class StateTransitions {
    static final String ATTEMPTS_SPENT = "attempts_spent";
    static final String REJECTED = "rejected";
    static final String UNDECODABLE = "undecodable";
    private static final Duration LONGEST_DELAY = Duration.ofDays(400);
    private static final Duration NO_HANDLER_FIRST = Duration.ofSeconds(30);
    private static final Duration NO_HANDLER_LONGEST = Duration.ofMinutes(10);
    private static final Duration NOT_RUN = Duration.ofSeconds(10);
    private static final Duration PAYLOAD_MISSING_FIRST = Duration.ofSeconds(1);

    private StateTransitions() {}

    /** @param failure what a thrown error said; null when the handler answered by itself */
    static Completion of(
            ClaimedMessage message, Outcome outcome, @Nullable Failure failure, RetryPolicy policy, long startedNanos) {
        long finishedNanos = System.nanoTime();
        return outcome.match(new Outcome.Cases<>() {
            @Override
            public Completion done(Outcome.Done done) {
                return Completion.done(message, startedNanos, finishedNanos);
            }

            @Override
            public Completion retry(Outcome.Retry retry) {
                Failure cause = failure == null ? Failure.of(retry.reason()) : failure;
                int failures = Math.min(message.counters().failures() + 1, Short.MAX_VALUE);
                if (failures >= policy.attempts()) {
                    return ending(
                            AttemptOutcome.FAILED, NextState.DEAD, Duration.ZERO, ATTEMPTS_SPENT, cause, failures);
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
                return new Completion(
                        message, ended, next, bounded, reason, cause, failures, startedNanos, finishedNanos);
            }
        });
    }

    /** The stored content does not fit the handler's class: no attempt can mend it, and none is counted. */
    static Completion undecodable(ClaimedMessage message, Throwable error, long startedNanos) {
        return new Completion(
                message,
                AttemptOutcome.REJECT,
                NextState.DEAD,
                Duration.ZERO,
                UNDECODABLE,
                Failure.of(error),
                message.counters().failures(),
                startedNanos,
                System.nanoTime());
    }

    /** Nobody here takes its type: perhaps a newer version of this program will, or another process. 30 s, doubling to 10 minutes. */
    static Completion noHandler(ClaimedMessage message) {
        return waiting(
                message,
                "no_handler",
                doubled(NO_HANDLER_FIRST, message.counters().deliveries()));
    }

    /** The payload is not visible even in a new snapshot: purge is putting it back, or somebody deleted it by hand. */
    static Completion payloadMissing(ClaimedMessage message) {
        return waiting(
                message,
                "payload_missing",
                doubled(PAYLOAD_MISSING_FIRST, message.counters().deliveries()));
    }

    /** Something that is not the message's fault kept it from being run. */
    static Completion notRun(ClaimedMessage message) {
        return waiting(message, "not_run", NOT_RUN);
    }

    /** Its time to live ended while it waited. */
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

    private static Duration doubled(Duration first, int deliveries) {
        Duration delay = first.multipliedBy(1L << Math.min(deliveries, 20));
        return delay.compareTo(NO_HANDLER_LONGEST) > 0 ? NO_HANDLER_LONGEST : delay;
    }
}

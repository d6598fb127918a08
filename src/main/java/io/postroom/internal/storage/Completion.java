package io.postroom.internal.storage;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How the hold on a message ends.
 *
 * @param outcome the line of history; null writes none
 * @param delay for {@link NextState#DELAYED}
 * @param reason for DELAYED ({@code delayed.reason}) and DEAD ({@code dead_letter.reason})
 * @param failure what went wrong, cleaned and cut
 * @param failures the new count
 * @param startedNanos {@code System.nanoTime()} when the handler began, likewise finishedNanos
 */
public record Completion(
        ClaimedMessage message,
        @Nullable AttemptOutcome outcome,
        NextState next,
        Duration delay,
        @Nullable String reason,
        @Nullable Failure failure,
        int failures,
        long startedNanos,
        long finishedNanos) {

    public boolean isDone() {
        return outcome == AttemptOutcome.DONE;
    }

    public static Completion done(ClaimedMessage message, long startedNanos, long finishedNanos) {
        return new Completion(
                message,
                AttemptOutcome.DONE,
                NextState.FINISHED,
                Duration.ZERO,
                null,
                null,
                message.counters().failures(),
                startedNanos,
                finishedNanos);
    }

    /** Given back untouched: a shutdown, or a claim nobody will run. Spends nothing, writes no history. */
    public static Completion release(ClaimedMessage message) {
        long now = System.nanoTime();
        return new Completion(
                message,
                null,
                NextState.READY,
                Duration.ZERO,
                null,
                null,
                message.counters().failures(),
                now,
                now);
    }

    /** The same with its failure replaced by a text that can surely be stored. */
    public Completion withoutDetails() {
        return new Completion(
                message,
                outcome,
                next,
                delay,
                reason,
                failure == null ? null : Failure.UNSTORABLE,
                failures,
                startedNanos,
                finishedNanos);
    }
}

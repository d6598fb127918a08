package io.postroom.internal.storage;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a lease lets go of a message: where the message goes, and what is written about the attempt.
 *
 * @param outcome the outcome for the line of history; null: no line is written
 * @param delay how long the message waits, for {@link NextState#DELAYED}; else zero
 * @param reason for DELAYED ({@code delayed.reason}) and DEAD ({@code dead_letter.reason}); else null
 * @param failure what went wrong, cleaned and cut; null when nothing did
 * @param failures the count from now on
 * @param startedNanos {@code System.nanoTime()} when the handler began
 * @param finishedNanos {@code System.nanoTime()} when it ended: the store writes both as a time before its own now
 * @param reply what is written with the end if that counts; null: nothing
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
        long finishedNanos,
        @Nullable ReplyMessage reply) {

    /** An end without a reply. */
    public Completion(
            ClaimedMessage message,
            @Nullable AttemptOutcome outcome,
            NextState next,
            Duration delay,
            @Nullable String reason,
            @Nullable Failure failure,
            int failures,
            long startedNanos,
            long finishedNanos) {
        this(message, outcome, next, delay, reason, failure, failures, startedNanos, finishedNanos, null);
    }

    /** Answers the same end with this reply; null: without one. */
    public Completion withReply(@Nullable ReplyMessage given) {
        return given == reply
                ? this
                : new Completion(
                        message, outcome, next, delay, reason, failure, failures, startedNanos, finishedNanos, given);
    }

    /** Whether a handler finished the message. */
    public boolean isDone() {
        return outcome == AttemptOutcome.DONE;
    }

    /** Ends a message that its handler finished. */
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

    /** Gives a message back to READY untouched: at a shutdown, or when nobody will run it. Spends nothing and writes no history. */
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

    /** Answers the same end with its failure replaced by a text that can surely be stored. */
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
                finishedNanos,
                reply);
    }
}

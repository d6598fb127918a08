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
 * @param note of a handler that finished the message, for the history; null: none
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
        @Nullable ReplyMessage reply,
        @Nullable String note) {
    private static final Duration REPLY_REFUSED_FIRST = Duration.ofSeconds(10);
    private static final Duration REPLY_REFUSED_LONGEST = Duration.ofMinutes(10);
    /** About half an hour, in which a queue that is closed for a while is open again. */
    private static final int REPLY_REFUSED_TIMES = 8;

    private static final String UNSTORABLE_NOTE = "the note's own text could not be stored";

    /** An end without a reply and without a note. */
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
        this(message, outcome, next, delay, reason, failure, failures, startedNanos, finishedNanos, null, null);
    }

    /** Answers the same end with this reply; null: without one. */
    public Completion withReply(@Nullable ReplyMessage given) {
        return given == reply ? this : with(failure, given, note);
    }

    /** Answers the same end with this note, cleaned and cut. */
    public Completion withNote(String given) {
        return with(failure, reply, Failure.clean(given));
    }

    /** Whether a handler finished the message. */
    public boolean isDone() {
        return outcome == AttemptOutcome.DONE;
    }

    /** Whether a handler finished the message and left no text for the history: the shorter statements write that. */
    public boolean isPlainDone() {
        return isDone() && note == null;
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

    /** Answers the same end with its failure or note replaced by a text that can surely be stored. */
    public Completion withoutDetails() {
        return with(failure == null ? null : Failure.UNSTORABLE, reply, note == null ? null : UNSTORABLE_NOTE);
    }

    /**
     * Answers what becomes of a message whose reply cannot be stored for now: it runs again after 10 s at the first delivery, doubling to
     * 10 minutes, and is DEAD at the 8th.
     */
    public Completion replyRefused(Failure why) {
        int deliveries = Math.max(1, message.counters().deliveries());
        boolean isDead = deliveries >= REPLY_REFUSED_TIMES;
        Duration doubled = REPLY_REFUSED_FIRST.multipliedBy(1L << Math.min(deliveries - 1, 6));
        return new Completion(
                message,
                AttemptOutcome.RETRY,
                isDead ? NextState.DEAD : NextState.DELAYED,
                isDead ? Duration.ZERO : doubled.compareTo(REPLY_REFUSED_LONGEST) > 0 ? REPLY_REFUSED_LONGEST : doubled,
                isDead ? "attempts_spent" : "retry",
                why,
                Math.min(message.counters().failures() + 1, Short.MAX_VALUE),
                startedNanos,
                finishedNanos);
    }

    private Completion with(
            @Nullable Failure otherFailure, @Nullable ReplyMessage otherReply, @Nullable String otherNote) {
        return new Completion(
                message,
                outcome,
                next,
                delay,
                reason,
                otherFailure,
                failures,
                startedNanos,
                finishedNanos,
                otherReply,
                otherNote);
    }
}

package io.postroom.api;

import java.util.EnumSet;
import java.util.Set;

/**
 * Where a message stands in one queue. It is in exactly one of these places at any committed moment. {@link #next()} is the table of legal
 * moves; a test checks it, and the engine's transitions against it.
 */
public enum MessageState {
    /**
     * Waits for its due time: after a delay, a retry, a snooze, "not now", or because no handler took it or could read it. Left by promote,
     * cancel, expire or reschedule.
     */
    DELAYED,
    /**
     * Waits for a worker. Entered at enqueue, promote, release, rescue and redrive; left by claim, cancel, expire or reschedule. A rescued
     * message that had started when its worker died is a suspect: few suspects run at once in a process.
     */
    READY,
    /** Held by one worker under a lease. Left when its attempt ends, when it is released, or when its worker dies (rescue). */
    IN_PROGRESS,
    /** Finished by a handler. Stays until its queue's retention is over, then is purged. */
    DONE,
    /**
     * Given up: its attempts are spent, it was rejected or undecodable for a day, or too many workers died after it had started. Stays
     * until redriven or cancelled.
     */
    DEAD,
    /** Taken back before it was handled. Purged like DONE. */
    CANCELLED,
    /** Its time to live ended before it was handled. Purged like DONE. */
    EXPIRED;

    /** The states that a message may go to from here; empty for a finished one. A new set each time. */
    public Set<MessageState> next() {
        return switch (this) {
            case DELAYED -> EnumSet.of(READY, DELAYED, CANCELLED, EXPIRED);
            case READY -> EnumSet.of(IN_PROGRESS, DELAYED, CANCELLED, EXPIRED);
            case IN_PROGRESS -> EnumSet.of(DONE, READY, DELAYED, DEAD, CANCELLED, EXPIRED);
            case DEAD -> EnumSet.of(READY, CANCELLED);
            case DONE, CANCELLED, EXPIRED -> EnumSet.noneOf(MessageState.class);
        };
    }

    /** Whether nothing will happen to the message any more: DONE, CANCELLED or EXPIRED. A DEAD one can still be redriven. */
    public boolean isFinished() {
        return next().isEmpty();
    }

    /** Whether the message has reached an end that {@code sendMessageAsync} reports: finished, or DEAD. */
    public boolean isEnd() {
        return isFinished() || this == DEAD;
    }
}

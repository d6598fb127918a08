package io.postroom.internal.storage;

import java.util.Arrays;

/**
 * What a poll answers about one queue.
 *
 * @param name the name that belongs to the number in the database that answered
 * @param deleted whether the queue was deleted: its consumers have to stop
 * @param maxAttempts most attempts of a message, the first included
 * @param retryAfter the waits between attempts, as text for people
 * @param operatorSettings whether maxAttempts and retryAfter are an operator's and win over the handler's
 * @param suspects whether a suspect waits
 * @param elsewhere whether another live process consumes the queue, too
 * @param stop whether the consumer of this process is told to stop
 * @param lowest the lowest visible number in READY from the low watermark on, one a priority; -1: none
 * @param ordered whether the messages of a group run one after the other
 * @param hasLimiter whether the queue has a limiter or a destination
 * @param fair whether the groups of its messages take turns
 */
public record QueueReport(
        int queueId,
        String name,
        boolean paused,
        boolean deleted,
        int maxAttempts,
        String retryAfter,
        boolean operatorSettings,
        boolean suspects,
        boolean elsewhere,
        Stop stop,
        long[] lowest,
        boolean ordered,
        boolean hasLimiter,
        boolean fair) {

    /** A report of a queue that is not fair and has no limiter. */
    public QueueReport(
            int queueId,
            String name,
            boolean paused,
            boolean deleted,
            int maxAttempts,
            String retryAfter,
            boolean operatorSettings,
            boolean suspects,
            boolean elsewhere,
            Stop stop,
            long[] lowest,
            boolean ordered) {
        this(
                queueId,
                name,
                paused,
                deleted,
                maxAttempts,
                retryAfter,
                operatorSettings,
                suspects,
                elsewhere,
                stop,
                lowest,
                ordered,
                false,
                false);
    }

    /** Whether the consumer of the asking process is told to stop. */
    public enum Stop {
        /** It may go on. */
        NONE,
        /** It is told to stop and has not answered. */
        ORDERED,
        /** It is told to stop and has answered that it claims no more. */
        CONFIRMED
    }

    /** Whether no message of the queue was seen in READY. */
    public boolean nothingReady() {
        return !suspects && Arrays.stream(lowest).allMatch(seq -> seq < 0);
    }
}

package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the store small and ready for the days to come. At most one caller at a time in a cluster.
 *
 * <p>Every method is one transaction of its own or several. Failures are {@link StoreException}s. {@link StoreException.Kind#TRY_AGAIN} is
 * common here, because locks are tried for a moment only: nothing was changed, and a later call may succeed.
 */
public interface MaintenanceStore {
    /** What is stored by days. */
    enum Kind {
        MESSAGES,
        HISTORY
    }

    /** Lists the days, the oldest first, without gaps. The first begins at {@link Instant#MIN}, the last ends at {@link Instant#MAX}. */
    List<Day> days(Kind kind);

    /** Counts how many of the last {@code rows} messages of a day are still needed. */
    Need needAtTheEnd(Day day, int rows);

    /**
     * Frees a past day as a whole and puts back what is still needed, if that is no more than {@code mostKept} messages. What leaves is
     * written into the ledger. Nothing can be written into the day meanwhile; readers wait only for the moment at the end.
     */
    Freed freeMessages(Day day, int mostKept);

    /** Does the same for history: the lines of messages that are still stored are put back. */
    Freed freeHistory(Day day, int mostKept);

    /**
     * Removes single messages that are finished and past their retention, with their history and keys. They are found by the next {@code
     * limit} lines in this day of history that finished a message.
     *
     * @param after where the batch before ended; {@link Batch#START} at first
     * @param spared days that will be freed as a whole: their messages are left alone until {@code overdue}
     * @param overdue how long the retention of a message of a spared day has been over when it is removed all the same
     */
    Batch removeBatch(Day history, String after, int limit, List<Day> spared, Duration overdue);

    /**
     * Truncates READY if it is empty and larger than this. Does not wait for a lock. Answers whether it did; false, too, when READY was in
     * use.
     */
    boolean truncateReady(long bytes);

    /**
     * Removes lines of history of messages whose content and last line have left with another day. Reads the whole day.
     *
     * @param limit most lines
     * @return how many lines were removed
     */
    int removeLeftovers(Day history, int limit);

    /**
     * Removes deduplication keys whose message is gone. A key can outlive its message: a caller repeats an old id with a new key, and the
     * message is purged before that caller's commit. Reads all keys. Answers how many were removed, {@code limit} at most.
     */
    int removeLostKeys(int limit);

    /** Removes workers that ended that long ago and that no line of history names any more. Reads all history. Answers how many. */
    int forgetWorkers(Duration endedBefore);

    /** Forgets lines of messages that reached no queue and were dropped. Answers how many. */
    int forgetDropped(Duration droppedBefore);

    /** Forgets batches that were completed that long ago, children not before their parent. Answers how many. */
    int forgetBatches(Duration completedBefore);

    /** Makes days ahead if fewer than two are left. Answers how many; 0: there were enough. */
    int makeDaysAhead(Kind kind);

    /**
     * Takes the open end of the days away, without a lock that others would wait behind. {@link #makeDaysAhead} then puts a new end there
     * without such a lock, too. For hosts whose transactions overlap all the time. Takes as long as the transactions that use the table
     * now, and gives up after twenty seconds. Until days were made, rows of times after the last day are refused.
     *
     * @return false when nothing was done: the end is less than an hour away, it has rows, or a transaction goes on for longer
     */
    boolean detachEmptyEnd(Kind kind);

    /**
     * Moves the rows of the oldest days that hold at most {@code rows} into the first day, while there are more than {@code most} days.
     * Answers how many days went.
     */
    int foldPastDays(Kind kind, int most, int rows);

    /**
     * A day of messages or history: one partition, which may be wider than a day.
     *
     * @param name of its table
     * @param from its first instant
     * @param to the first instant after it
     * @param bytes size of the rows themselves, without indexes and large values
     * @param past whether it has been over for so long that nothing new comes into it
     * @param overdue how long the retention of what ended at its first instant has been over, in the queue with the shortest one; negative:
     *     of nothing in it
     */
    record Day(String name, Instant from, Instant to, long bytes, boolean past, Duration overdue) {}

    /**
     * How much of a day is needed.
     *
     * @param looked messages looked at
     * @param needed those of them that are unfinished or within their retention; a deduplication key alone does not count
     * @param lasting those of the needed ones that will be needed in two days, too
     */
    record Need(int looked, int needed, int lasting) {}

    /** How freeing a day ended. */
    enum Freed {
        /** It is done. */
        DONE,
        /** It is being read: by a dump, or in an open transaction. */
        BUSY,
        /** Too much is needed now, but less will be soon. */
        NEEDED,
        /** Too much will be needed for days to come. */
        LASTING
    }

    /**
     * What became of a batch.
     *
     * @param last where the next batch begins; null: the day is done
     * @param removed messages that were removed
     */
    record Batch(@Nullable String last, int removed) {
        /** Stands before the first line of a day. */
        public static final String START = "(0,0)";
    }
}

package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * What keeps the store small and ready for the days to come. One caller at a time in a cluster. Every method is a transaction of its own or several;
 * failures are {@link StoreException}s, of which {@link StoreException.Kind#TRY_AGAIN} is common here: locks are tried for a moment only.
 */
public interface MaintenanceStore {
    /** What is kept by days. */
    enum Kind {
        MESSAGES,
        HISTORY
    }

    /** Oldest first, without gaps. The first begins at {@link Instant#MIN}, the last ends at {@link Instant#MAX}. */
    List<Day> days(Kind kind);

    /** How much of the last {@code rows} messages of a day is still needed. */
    Need needAtTheEnd(Day day, int rows);

    /**
     * Frees a past day as a whole and puts back what is still needed, if that is no more than {@code mostKept}. What leaves is put down in the
     * ledger. Nobody writes into the day meanwhile; readers wait only for the moment at the end.
     */
    Freed freeMessages(Day day, int mostKept);

    /** The same for history: what belongs to a message that is stored is put back. */
    Freed freeHistory(Day day, int mostKept);

    /**
     * Removes finished messages whose retention is over one by one, with their history and keys, led by the next {@code limit} such ends in this
     * day of history.
     *
     * @param after where the batch before ended; {@link Batch#START} at first
     * @param spared days of messages that will be freed as a whole
     */
    Batch removeBatch(Day history, String after, int limit, List<Day> spared);

    /** Frees READY when it is empty and larger than this. Does not wait: false when it was in use. */
    boolean truncateReady(long bytes);

    /** Removes lines of history, at most {@code limit}, of messages whose content and end left with another day. Reads the whole day. Answers how many. */
    int removeLeftovers(Day history, int limit);

    /** Removes processes that ended that long ago and that no history names any more. Reads all history. Answers how many. */
    int forgetWorkers(Duration endedBefore);

    /** Makes days ahead when fewer than two are left. Answers how many; 0: there were enough. */
    int makeDaysAhead(Kind kind);

    /** When there are more days than {@code most}: puts the oldest ones that hold at most {@code rows} into the first. Answers how many went. */
    int foldPastDays(Kind kind, int most, int rows);

    /**
     * @param bytes of the rows themselves, without indexes and large values
     * @param past long enough over that nothing new comes into it
     */
    record Day(String name, Instant from, Instant to, long bytes, boolean past) {}

    /**
     * @param needed of those looked at: unfinished, or within retention; a deduplication key alone does not count
     * @param lasting of the needed: those that will be needed in two days, too
     */
    record Need(int looked, int needed, int lasting) {}

    /** How freeing a day ended. */
    enum Freed {
        /** It is done. */
        DONE,
        /** Somebody reads in it: a dump, or an open transaction. */
        BUSY,
        /** Too much is needed now, but less will be soon. */
        NEEDED,
        /** Too much will be needed for days to come. */
        LASTING
    }

    /**
     * @param looked ends looked at; fewer than the limit: the day is through
     * @param last where the next batch begins
     * @param removed messages that left
     */
    record Batch(int looked, String last, int removed) {
        public static final String START = "(0,0)";
    }
}

package io.postroom.internal.jobs;

import io.postroom.api.StoreException;
import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.MaintenanceStore.Kind;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the partitions of coming days and folds those of past days into one. Runs on one node at a time. No other part needs this job to
 * be in time: messages after the last day go to the open tail, and a late turn can still move the tail. The job locks each whole table
 * for some milliseconds, about once a week.
 */
public final class MaintainPartitions implements Job {
    private static final Logger log = LoggerFactory.getLogger(MaintainPartitions.class);

    /** Seven days ahead, a week of retention, today, the tail and the past. More partitions cost a little in each look-up without an id. */
    static final int MOST_DAYS = 16;
    /** Most rows that are moved into the partition of the past while other transactions wait. */
    static final int MOST_ROWS_FOLDED = 500;

    private static final Duration INTERVAL = Duration.ofHours(1);
    private static final Duration TRY_AGAIN = Duration.ofSeconds(20);
    /** The time of trying after which the tail is moved in another way, which may take long. Two days are left then. */
    private static final Duration PATIENCE = Duration.ofHours(1);

    private final MaintenanceStore maintenance;
    private final Duration patience;
    private final Map<Kind, FailedTries> failedTries = new EnumMap<>(Kind.class);

    /** Counts tries that failed in a row because other transactions held the table. */
    private static final class FailedTries {
        private final long sinceNanos = System.nanoTime();
        private final RepeatedWarning warning = new RepeatedWarning();

        Duration lasting() {
            return Duration.ofNanos(System.nanoTime() - sinceNanos);
        }
    }

    public MaintainPartitions(MaintenanceStore maintenance) {
        this(maintenance, PATIENCE);
    }

    MaintainPartitions(MaintenanceStore maintenance, Duration patience) {
        this.maintenance = maintenance;
        this.patience = patience;
    }

    @Override
    public String name() {
        return "MaintainPartitions";
    }

    @Override
    public Duration firstWait() {
        return UPKEEP_BEGINS_AFTER;
    }

    @Override
    public Duration run() {
        boolean inTime = true;
        @Nullable StoreException failed = null;
        for (Kind kind : Kind.values()) {
            try {
                inTime &= maintain(kind);
            } catch (StoreException error) {
                failed = error; // after the other kind had its turn
            }
        }
        if (failed != null) {
            throw failed;
        }
        return inTime ? INTERVAL : TRY_AGAIN;
    }

    /** Returns false when another transaction holds the table: the job tries again later, for days if need be. */
    private boolean maintain(Kind kind) {
        try {
            int made = makeDaysAhead(kind);
            int folded = maintenance.foldPastDays(kind, MOST_DAYS, MOST_ROWS_FOLDED);
            if (made + folded > 0) {
                log.info("partitions of {}: {} made, {} put away", kind, made, folded);
            }
            return true;
        } catch (StoreException error) {
            if (error.kind() != StoreException.Kind.TRY_AGAIN) {
                throw error;
            }
            log.debug("partitions of {} are in use; trying again in {}", kind, TRY_AGAIN, error);
            return false;
        }
    }

    private int makeDaysAhead(Kind kind) {
        try {
            int made = maintenance.makeDaysAhead(kind);
            failedTries.remove(kind);
            return made;
        } catch (StoreException error) {
            FailedTries tries = failedTries.computeIfAbsent(kind, any -> new FailedTries());
            if (error.kind() != StoreException.Kind.TRY_AGAIN || tries.lasting().compareTo(patience) < 0) {
                throw error;
            }
            return makeDaysPatiently(kind, error, tries);
        }
    }

    private int makeDaysPatiently(Kind kind, StoreException inUse, FailedTries tries) {
        try {
            if (maintenance.detachEmptyEnd(kind)) {
                return maintenance.makeDaysAhead(kind);
            }
        } catch (StoreException error) {
            warn(kind, tries);
            throw error;
        }
        warn(kind, tries);
        throw inUse;
    }

    private static void warn(Kind kind, FailedTries tries) {
        if (tries.warning.isDue()) {
            log.warn(
                    "no partitions of coming days can be made for {} for {} minutes: a transaction uses the table all the time."
                            + " Past messages are then deleted row by row, which costs more. End the oldest of the transactions"
                            + " that db/audit/oldest_transactions.sql lists",
                    kind,
                    tries.lasting().toMinutes());
        }
    }
}

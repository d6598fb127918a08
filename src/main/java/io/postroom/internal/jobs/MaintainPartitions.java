package io.postroom.internal.jobs;

import io.postroom.api.StoreException;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.MaintenanceStore.Kind;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the days to come and puts away those gone by. On one node at a time. Nothing depends on its being in time: what comes later than the last day
 * goes to the open tail, and the tail can still be moved then. It takes the tables as a whole for some milliseconds, about once a week each.
 */
public final class MaintainPartitions implements Job {
    private static final Logger log = LoggerFactory.getLogger(MaintainPartitions.class);

    /** Seven days ahead, a week of retention, today, the tail and the past. More cost every look-up that knows no id a little. */
    static final int MOST_DAYS = 16;
    /** What is moved into the past while others wait. */
    static final int MOST_ROWS_FOLDED = 500;

    private static final Duration INTERVAL = Duration.ofHours(1);
    private static final Duration TRY_AGAIN = Duration.ofSeconds(20);

    private final MaintenanceStore maintenance;

    public MaintainPartitions(MaintenanceStore maintenance) {
        this.maintenance = maintenance;
    }

    @Override
    public String name() {
        return "MaintainPartitions";
    }

    @Override
    public Duration run() {
        boolean inTime = true;
        @Nullable StoreException failed = null;
        for (Kind kind : Kind.values()) {
            try {
                inTime &= maintain(kind);
            } catch (StoreException error) {
                failed = error; // the other kind is not to suffer for it
            }
        }
        if (failed != null) {
            throw failed;
        }
        return inTime ? INTERVAL : TRY_AGAIN;
    }

    /** False: somebody holds the table, so try again later; for days if need be. */
    private boolean maintain(Kind kind) {
        try {
            int made = maintenance.makeDaysAhead(kind);
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
}

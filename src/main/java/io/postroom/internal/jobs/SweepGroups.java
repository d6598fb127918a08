package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.JobStore.GroupPosition;
import io.postroom.internal.storage.JobStore.GroupSweep;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Makes groups of ordered queues go on whose holders have ended without handing them on: after an expiry or the crash limit, when a lock
 * was lost, or when rows were written by hand. Runs on every node. With {@value #GROUPS_AT_ONCE} busy groups or fewer, each is looked at
 * every two seconds, and each second while groups are found that have to go on.
 */
public final class SweepGroups implements Job {
    private static final int GROUPS_AT_ONCE = 2000;
    private static final Duration FOUND = Duration.ofSeconds(1);
    private static final Duration USED = Duration.ofSeconds(2);
    private static final Duration UNUSED = Duration.ofSeconds(30);

    private final JobStore store;
    private @Nullable GroupPosition from;

    public SweepGroups(JobStore store) {
        this.store = store;
    }

    @Override
    public String name() {
        return "SweepGroups";
    }

    @Override
    public Duration firstWait() {
        return UPKEEP_BEGINS_AFTER;
    }

    @Override
    public Duration run() {
        GroupSweep sweep = store.sweepGroups(from, GROUPS_AT_ONCE);
        from = sweep.next();
        if (from != null || sweep.advanced() > 0) {
            return FOUND;
        }
        return sweep.isUsed() ? USED : UNUSED;
    }
}

package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import java.time.Duration;

/**
 * Keeps the bookkeeping of limits of groups small: removes rows of groups that are at rest, and gives keys to messages that waited before
 * their queue was fair. Runs on every node; both steps take what others leave.
 */
public final class TidyGroupLimits implements Job {
    private static final int ROWS_AT_ONCE = 10_000;
    private static final Duration FOUND = Duration.ofSeconds(1);
    private static final Duration NOTHING = Duration.ofSeconds(60);

    private final JobStore store;

    public TidyGroupLimits(JobStore store) {
        this.store = store;
    }

    @Override
    public String name() {
        return "TidyGroupLimits";
    }

    @Override
    public Duration firstWait() {
        return UPKEEP_BEGINS_AFTER;
    }

    @Override
    public Duration run() {
        return store.tidyGroupLimits(ROWS_AT_ONCE) >= ROWS_AT_ONCE ? FOUND : NOTHING;
    }
}

package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import java.time.Duration;

/**
 * Chains the lines of the ledger, so that a change of one is found. Runs on every node, and one at a time seals. An act does not wait for
 * it: its line is written with the act, and sealed within 30 seconds after the commit, or within 5 while others came just before.
 */
public final class SealLedger implements Job {
    private static final int LINES_AT_ONCE = 1000;
    private static final Duration MORE = Duration.ofMillis(100);
    private static final Duration USED = Duration.ofSeconds(5);
    private static final Duration UNUSED = Duration.ofSeconds(30);

    private final JobStore store;

    public SealLedger(JobStore store) {
        this.store = store;
    }

    @Override
    public String name() {
        return "SealLedger";
    }

    @Override
    public Duration firstWait() {
        return UPKEEP_BEGINS_AFTER;
    }

    @Override
    public Duration run() {
        int sealed = store.sealLedger(LINES_AT_ONCE);
        if (sealed == LINES_AT_ONCE) {
            return MORE;
        }
        return sealed > 0 ? USED : UNUSED;
    }
}

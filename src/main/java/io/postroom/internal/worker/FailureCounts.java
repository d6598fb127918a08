package io.postroom.internal.worker;

import io.postroom.api.RecentFailures;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Counts failures over the last hour, in slots of ten seconds. Thread-safe. */
final class FailureCounts {
    private static final long SLOT_NANOS = Duration.ofSeconds(10).toNanos();
    /** An hour, and the slot that has just begun. */
    private static final int SLOTS = 361;

    private static final Duration LONGEST = Duration.ofHours(1);

    private final LongSupplier nanos;
    private final long startNanos;
    private final long[] slots = new long[SLOTS];
    private final long[] failed = new long[SLOTS];
    private final long[] dead = new long[SLOTS];

    FailureCounts(LongSupplier nanos) {
        this.nanos = nanos;
        this.startNanos = nanos.getAsLong();
    }

    synchronized void failed(boolean isDead) {
        long slot = slot();
        int place = (int) (slot % SLOTS);
        if (slots[place] != slot) {
            slots[place] = slot;
            failed[place] = 0;
            dead[place] = 0;
        }
        failed[place]++;
        dead[place] += isDead ? 1 : 0;
    }

    /** Sums up the slots of that time; the one that has just begun counts in any case. */
    synchronized RecentFailures within(Duration time) {
        long now = slot();
        long first = now - (time.compareTo(LONGEST) < 0 ? time.toNanos() / SLOT_NANOS : SLOTS - 1);
        long failures = 0;
        long deaths = 0;
        for (int place = 0; place < SLOTS; place++) {
            if (slots[place] >= first && slots[place] <= now) {
                failures += failed[place];
                deaths += dead[place];
            }
        }
        return new RecentFailures(deaths, failures, time);
    }

    private long slot() {
        return (nanos.getAsLong() - startNanos) / SLOT_NANOS;
    }
}

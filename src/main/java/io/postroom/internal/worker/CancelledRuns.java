package io.postroom.internal.worker;

import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.execution.TimeLimits;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Interrupts handlers whose messages were cancelled. Used by the poll's thread. The store refuses their results anyway, so this only saves
 * work.
 *
 * <p>A cancelled message may still wait for a handler thread here. So it is remembered for {@link #REMEMBERED}, and its handler is
 * interrupted when it has started. The message never runs again after that, so a longer memory does no harm.
 */
final class CancelledRuns {
    private static final Duration REMEMBERED = Duration.ofHours(1);

    private final WorkerStore store;
    private final LeaseHolder leaseHolder;
    private final TimeLimits timeLimits;
    private final Map<UUID, Long> toldAtNanos = new HashMap<>();

    CancelledRuns(WorkerStore store, LeaseHolder leaseHolder, TimeLimits timeLimits) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.timeLimits = timeLimits;
    }

    /** @param cancelled messages of a poll's summary */
    void told(List<UUID> cancelled) {
        long now = System.nanoTime();
        toldAtNanos.values().removeIf(at -> now - at > REMEMBERED.toNanos());
        cancelled.forEach(message -> toldAtNanos.put(message, now));
        if (!toldAtNanos.isEmpty()) {
            timeLimits.callOff(toldAtNanos.keySet());
        }
        if (!cancelled.isEmpty()) {
            store.forgetCancelled(leaseHolder.workerId(), cancelled);
        }
    }
}

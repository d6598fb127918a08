package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a process tells and asks the database about itself: its row and its beats, what waits in its queues, word to other processes. Thread-safe.
 *
 * <p>Each call is a transaction of its own; failures are {@link StoreException}s. Times are the store's own.
 */
public interface WorkerStore {
    /** A new row for this process start; its id is never used again. */
    int register(UUID instance, String name, String version);

    void announce(int workerId, List<ConsumerRow> consumers);

    /** False: the row is gone, and with it every lease of this worker. */
    boolean beat(int workerId, UUID instance);

    /** A clean end: no lease may be left. */
    void deregister(int workerId);

    /**
     * All that a process with nothing to do needs to ask, in one statement.
     *
     * @param floors ten values per queue, by priority
     * @param emptyAt a sample that became safe, and then all lanes of these queues were seen empty; null: not known. While nobody drew a number since,
     *     on the same server, the lanes are not looked at
     * @param dueFrom as for promote: what is due before is not looked at
     */
    PollResult poll(
            int workerId,
            List<Integer> queueIds,
            long[] floors,
            @Nullable WatermarkSample emptyAt,
            @Nullable Instant dueFrom);

    WatermarkSample sampleWatermark(boolean byWriters);

    boolean isSettled(WatermarkSample sample);

    /** Sends the other processes word of these arrivals. */
    void notifyOthers(Collection<Arrival> arrivals);
}

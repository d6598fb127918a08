package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.sql.Connection;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Takes messages out of READY under leases, and lets go of them once their attempts ended. Thread-safe.
 *
 * <p>Each call is a transaction of its own unless it takes a connection; failures are {@link StoreException}s. Times are the store's own.
 */
public interface LeaseStore {
    /** Takes messages out of READY and puts them under leases. Empty: nothing free from these cursors on. */
    List<ClaimedMessage> claim(ClaimRequest request);

    /** The payload of a held message in a new snapshot; empty: still not visible. */
    Optional<ClaimedMessage> reload(ClaimedMessage message);

    /**
     * Writes the ends of held messages in one transaction. What is missing in the answer was lost: somebody else holds or finished it, and nothing
     * was written. So is an end that the store refuses even without its details: it stays under its lease.
     */
    List<LeasePart> complete(int workerId, List<Completion> completions);

    /** The same in a transaction that belongs to a handler. */
    List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection);

    /**
     * Gives back what this worker holds without knowing: leases of claims whose answer never came. Their messages go to READY, with nothing counted
     * against them.
     *
     * @param knownLeases what it does know of, read before this call
     * @param olderThan   younger leases may belong to a claim in flight and are left alone
     * @param only        leases that hold one of these messages; null: all
     */
    List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only);
}

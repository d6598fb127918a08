package io.postroom.internal.storage;

import io.postroom.api.Reason;
import java.util.Optional;

/**
 * Whole topologies. Each call is one transaction: all of it, or nothing. Thread-safe. Failures are StoreExceptions; refusals are those of
 * {@link io.postroom.api.Exchanges}.
 */
public interface TopologyStore {
    /** Reads all of it in one snapshot. */
    Topology read();

    /**
     * Declares what is not there. Queues that exist stay as they are.
     *
     * @param reason for the record of what changes; empty: it names the database user, and no reason
     */
    void declareMissing(Topology wanted, Optional<Reason> reason);

    /**
     * Declares all of it, as {@link io.postroom.api.Queues#declare} and {@link io.postroom.api.Exchanges#declare} do: a queue that exists
     * gets the settings named, unless they are an operator's.
     *
     * @param reason for the record of what changes; empty: it names the database user, and no reason
     * @param dryRun whether the transaction is rolled back
     * @return what is there afterwards
     */
    Topology declare(Topology wanted, Optional<Reason> reason, boolean dryRun);
}

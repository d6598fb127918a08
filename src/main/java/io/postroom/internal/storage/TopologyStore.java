package io.postroom.internal.storage;

/**
 * Whole topologies. Each call is one transaction: all of it, or nothing. Thread-safe. Failures are StoreExceptions; refusals are those of
 * {@link io.postroom.api.Exchanges}.
 */
public interface TopologyStore {
    /** Reads all of it in one snapshot. */
    Topology read();

    /** Declares what is not there. Queues that exist stay as they are. */
    void declareMissing(Topology wanted);

    /**
     * Declares all of it, as {@link io.postroom.api.Queues#declare} and {@link io.postroom.api.Exchanges#declare} do: a queue that exists
     * gets the settings named, unless they are an operator's.
     *
     * @param dryRun whether the transaction is rolled back
     * @return what is there afterwards
     */
    Topology declare(Topology wanted, boolean dryRun);
}

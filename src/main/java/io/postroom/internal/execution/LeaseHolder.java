package io.postroom.internal.execution;

/**
 * The worker under whose id this process holds its leases, as far as claiming and running messages need it. Thread-safe; asking costs
 * nothing.
 */
public interface LeaseHolder {
    /** The worker's id; 0 before it is registered. It changes when other processes declared the worker dead and it registers again. */
    int workerId();

    /** Whether the leases of this worker are surely still its own. False: other processes may have its messages by now. */
    boolean isTrusted();
}

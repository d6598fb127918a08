package io.postroom.internal.execution;

/** The worker that holds this process's leases, as far as claiming and running messages need to know it. Thread-safe. */
public interface LeaseHolder {
    /** Zero before it is registered; changes when it was declared dead and registers again. */
    int workerId();

    /** Whether leases of this worker are surely still its own. False: other processes may have its messages by now. */
    boolean isTrusted();
}

package io.postroom.internal.worker;

import io.postroom.internal.storage.Arrival;

/** The consumers of this process, as far as {@link Notifier} needs them. Thread-safe. */
interface LocalConsumers {
    /**
     * Wakes the consumer of the queue in which this process made messages READY, at no database cost.
     *
     * @return whether other processes should hear of the arrival, too: no consumer here, or none that can take messages now while others
     *     may
     */
    boolean wake(Arrival arrival);

    /** Wakes the consumer of the queue in which another process made messages READY. That process wakes all that consume the queue. */
    default void wakeFromOutside(Arrival arrival) {
        wake(arrival);
    }
}

package io.postroom.internal.worker;

import io.postroom.internal.storage.Arrival;

/** The consumers of this process, as far as {@link Notifier} needs them. Thread-safe. */
interface LocalConsumers {
    /**
     * Wakes the consumer of the arrival's queue, at no database cost.
     *
     * @return whether other processes should hear of the arrival, too: no consumer here, or none that can take messages now while others
     *     may
     */
    boolean wake(Arrival arrival);
}

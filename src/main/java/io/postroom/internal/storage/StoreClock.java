package io.postroom.internal.storage;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The store's clock, as far as this process knows it: what it was told last, and what has passed since by a clock that cannot be set. Until
 * it is told anything, as in a process that does not poll, it is this process's wall clock. Thread-safe.
 */
public final class StoreClock {
    private volatile @Nullable Reading last;

    /** Takes over what the store's clock shows now. */
    public void told(Instant now) {
        last = new Reading(now, System.nanoTime());
    }

    /** Answers what the store's clock shows now, late by the way of the answer that told it. */
    public Instant now() {
        Reading reading = last;
        return reading == null ? Instant.now() : reading.at.plus(Duration.ofNanos(System.nanoTime() - reading.nanos));
    }

    private record Reading(Instant at, long nanos) {}
}

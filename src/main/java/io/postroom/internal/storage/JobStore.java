package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The steps of the jobs on a timer. Thread-safe. Each call is a transaction of its own; failures are {@link StoreException}s. Times are the store's own.
 */
public interface JobStore {
    /** DELAYED to READY. {@code lastDueAt} of the answer is where the next look may start from. */
    Promoted promote(@Nullable Instant from, int limit);

    /**
     * When the next one is due; empty: nothing is delayed. As a wait, so that clocks need not agree.
     *
     * @param from as for promote: what is due before is not looked at
     */
    Optional<Duration> untilNextDue(@Nullable Instant from);

    /** The due messages, for promoting them one by one when a batch fails. */
    List<UUID> due(int limit);

    /** Promotes this one, or makes it a dead letter when it cannot be. */
    void promoteOrQuarantine(UUID messageId);

    /** Leases of silent workers back to READY. A lane whose messages all became dead letters is answered too, with count 0. */
    List<Arrival> rescue(Duration leaseTime, int limit);

    /** Waiting messages whose time to live ended, to EXPIRED; answers where the next look starts, null when all were seen. */
    @Nullable
    Expired expire(@Nullable Expired from, int limit);

    /**
     * What waits in queues deleted longer ago than this, to CANCELLED; answers how many. A delete empties its queue once, but an open transaction,
     * a retry or a rescue may still bring something.
     *
     * @param delayed also what is DELAYED, which is dearer to find
     */
    int cancelDeleted(Duration olderThan, int limit, boolean delayed);

    /** Moves on the bulk redrives that are on record and no other process is at, by what their rate allows in this time. */
    RedriveResult redriveSome(Duration elapsed);

    /**
     * What a promotion moved.
     *
     * @param lastDueAt null when nothing moved
     */
    record Promoted(List<Arrival> arrivals, @Nullable Instant lastDueAt, int messages) {}

    /** How far a look at what expires got. By id too: many messages expire at one instant. */
    record Expired(Instant expiresAt, UUID id) {
        /** At an instant, before its first message. */
        public static final UUID BEFORE_ALL = new UUID(0, 0);
    }
}

package io.postroom.api;

import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;

/**
 * Makes and checks message ids. They are UUIDs of version 7 (RFC 9562), because {@code message} is partitioned by the time that an id
 * carries; JDK 17 cannot make them. Thread-safe. Ids of one process grow strictly.
 */
public final class MessageIds {
    /** How old an id may be that a caller gives: 24 hours. */
    public static final Duration OLDEST = Duration.ofHours(24);
    /** How far ahead of now an id may be that a caller gives: 5 minutes, for clocks that differ. */
    public static final Duration NEWEST = Duration.ofMinutes(5);

    private static final SecureRandom RANDOM = new SecureRandom();
    private static final long SEQUENCE_BITS = 12;
    private static long lastTick;

    private MessageIds() {}

    /** Makes a new id of now. */
    public static UUID next() {
        long tick = nextTick();
        long millis = tick >>> SEQUENCE_BITS;
        long sequence = tick & 0xFFF;
        long high = millis << 16 | 0x7000L | sequence;
        long low = RANDOM_LOW.get().nextLong() & 0x3FFF_FFFF_FFFF_FFFFL | 0x8000_0000_0000_0000L;
        return new UUID(high, low);
    }

    /** Reads the time that an id of version 7 carries, to the millisecond. */
    public static Instant instantOf(UUID version7) {
        return Instant.ofEpochMilli(version7.getMostSignificantBits() >>> 16);
    }

    /** Whether this is a UUID of version 7 with the RFC's variant. */
    public static boolean isVersion7(UUID id) {
        return id.version() == 7 && id.variant() == 2;
    }

    /**
     * Counts milliseconds and a 12-bit sequence in one number. A burst within a millisecond, or a clock that is set back, uses ticks of the
     * time to come.
     */
    private static synchronized long nextTick() {
        lastTick = Math.max(lastTick + 1, System.currentTimeMillis() << SEQUENCE_BITS);
        return lastTick;
    }

    // Seeded once a thread from the secure source: SecureRandom itself takes a lock and a hash for each id.
    private static final ThreadLocal<java.util.SplittableRandom> RANDOM_LOW =
            ThreadLocal.withInitial(() -> new java.util.SplittableRandom(RANDOM.nextLong()));
}

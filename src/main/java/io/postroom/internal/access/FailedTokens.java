package io.postroom.internal.access;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Counts wrong tokens, and says how long an address waits. From the third failure on, or a later one, it waits after each one: 1 s, 2 s,
 * 4 s and so on, 5 minutes at most. Failures while it waits do not count. A success, or 15 minutes without a failure that counts, makes it
 * forget. Addresses of IPv6 count by their first 64 bits, which one person has. Holds up to 10,000 addresses, the last ones. Thread-safe.
 *
 * <p>It keeps nobody out: the caller looks at the token first. A right token is told from a wrong one while an address waits, too; the
 * token's 16 characters or more are what guessing fails at.
 */
public final class FailedTokens {
    private static final int FREE_FAILURES = 2;
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(5);
    private static final Duration FORGOTTEN = Duration.ofMinutes(15);
    private static final int MOST_ADDRESSES = 10_000;
    private static final int NETWORK_BYTES = 8;

    private final LongSupplier nanos;
    private final int free;
    private final Map<String, Failures> byAddress = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Failures> eldest) {
            return size() > MOST_ADDRESSES;
        }
    };

    /** @param nanos a clock that only goes forward */
    public FailedTokens(LongSupplier nanos) {
        this(nanos, FREE_FAILURES);
    }

    /** @param free failures after which an address does not wait yet */
    public FailedTokens(LongSupplier nanos, int free) {
        this.nanos = nanos;
        this.free = free;
    }

    /**
     * Counts a wrong token.
     *
     * @return how long the address still waits because of those before; empty: it did not wait
     */
    public synchronized Optional<Duration> failed(String address) {
        long now = nanos.getAsLong();
        Failures failures = byAddress.computeIfAbsent(network(address), unused -> new Failures(now));
        if (now - failures.lastNanos > FORGOTTEN.toNanos()) {
            failures.count = 0;
            failures.freeNanos = now;
        }
        long wait = failures.freeNanos - now;
        if (wait > 0) {
            return Optional.of(Duration.ofNanos(wait));
        }
        failures.count++;
        failures.lastNanos = now;
        if (failures.count > free) {
            long seconds = 1L << Math.min(failures.count - free - 1, 30);
            failures.freeNanos = now
                    + Duration.ofSeconds(Math.min(seconds, LONGEST_WAIT.toSeconds()))
                            .toNanos();
        }
        return Optional.empty();
    }

    public synchronized void succeeded(String address) {
        byAddress.remove(network(address));
    }

    private static String network(String address) {
        if (address.indexOf(':') < 0) {
            return address;
        }
        try {
            InetAddress parsed = InetAddress.getByName(address); // has a colon, so no name is looked up
            return parsed instanceof Inet6Address
                    ? HexFormat.of().formatHex(Arrays.copyOf(parsed.getAddress(), NETWORK_BYTES))
                    : parsed.getHostAddress();
        } catch (UnknownHostException odd) {
            return address;
        }
    }

    private static final class Failures {
        private int count;
        private long lastNanos;
        private long freeNanos;

        Failures(long now) {
            lastNanos = now;
            freeNanos = now;
        }
    }
}

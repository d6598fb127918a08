package io.postroom.api;

import java.time.Duration;

/**
 * How the machine runs.
 *
 * @param name of this process, for people; default host name and process id
 * @param leaseTime a process without a beat for this long loses its messages; default 30 s
 * @param beatInterval default 5 s; at most a third of leaseTime
 * @param pollInterval how long a message of an SQL client may wait before it is noticed; default 1 s. Less costs one statement each
 * @param listen whether to hold a LISTEN connection and to send NOTIFY; off behind PgBouncer in transaction mode
 * @param declareOnUse whether an unknown queue is made at its first use; else its name is an error
 */
public record EngineSettings(
        String name,
        Duration leaseTime,
        Duration beatInterval,
        Duration pollInterval,
        boolean listen,
        boolean declareOnUse) {
    public static final Duration DEFAULT_LEASE_TIME = Duration.ofSeconds(30);
    public static final Duration DEFAULT_BEAT_INTERVAL = Duration.ofSeconds(5);
    public static final Duration DEFAULT_POLL_INTERVAL = Duration.ofSeconds(1);

    public EngineSettings {
        if (name.isBlank() || name.length() > 200) {
            throw new IllegalArgumentException("name must be 1 to 200 characters, got \"" + name + "\"");
        }
        if (beatInterval.toMillis() < 10 || leaseTime.compareTo(beatInterval.multipliedBy(3)) < 0) {
            throw new IllegalArgumentException(
                    "leaseTime must be at least three times beatInterval, and that at least 10 ms; got leaseTime "
                            + leaseTime + " and beatInterval " + beatInterval);
        }
        if (pollInterval.toMillis() < 10 || pollInterval.compareTo(Duration.ofMinutes(1)) > 0) {
            throw new IllegalArgumentException("pollInterval must be 10 ms to 1 minute, got " + pollInterval);
        }
    }

    public static EngineSettings defaults(String name) {
        return new EngineSettings(name, DEFAULT_LEASE_TIME, DEFAULT_BEAT_INTERVAL, DEFAULT_POLL_INTERVAL, true, true);
    }

    /** How long without a confirmed beat this process still trusts its leases: less than the others wait, by two beats. */
    public Duration trustTime() {
        return leaseTime.minus(beatInterval.multipliedBy(2));
    }
}

package io.postroom.api;

import java.time.Duration;

/**
 * How the engine of a process runs.
 *
 * @param name of this process, for people; 1 to 200 characters, default host name and process id
 * @param leaseTime how long a process may send no heartbeat before others take its messages; default 30 s, at least three times {@code
 *     beatInterval}. More: a dead process is noticed later. Less: a process that pauses for long loses its messages
 * @param beatInterval the time between two heartbeats; default 5 s, at least 10 ms, at most a third of {@code leaseTime}
 * @param pollInterval how long a message of an SQL client may wait before it is noticed; default 1 s, 10 ms to 1 minute. Each poll costs
 *     one statement
 * @param listen whether to hold a LISTEN connection and to send NOTIFY; default true. Switch it off behind PgBouncer in transaction mode,
 *     and set {@code prepareThreshold=0} in the URL: a start without both is refused
 * @param declareOnUse whether an unknown queue is made at its first use; default true. False: its name is an error
 */
public record EngineSettings(
        String name,
        Duration leaseTime,
        Duration beatInterval,
        Duration pollInterval,
        boolean listen,
        boolean declareOnUse) {
    /** 30 seconds. */
    public static final Duration DEFAULT_LEASE_TIME = Duration.ofSeconds(30);
    /** 5 seconds. */
    public static final Duration DEFAULT_BEAT_INTERVAL = Duration.ofSeconds(5);
    /** 1 second. */
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

    /** All defaults, for a process of this name. */
    public static EngineSettings defaults(String name) {
        return new EngineSettings(name, DEFAULT_LEASE_TIME, DEFAULT_BEAT_INTERVAL, DEFAULT_POLL_INTERVAL, true, true);
    }

    /**
     * How long this process trusts its leases without a confirmed heartbeat: two beat intervals less than other processes wait before they
     * take over.
     */
    public Duration trustTime() {
        return leaseTime.minus(beatInterval.multipliedBy(2));
    }
}

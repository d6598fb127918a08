package io.postroom.api;

import java.time.Duration;

/**
 * How the engine of a process runs.
 *
 * @param name of this process, for people; 1 to 200 characters, default host name and process id
 * @param leaseTime how long a process may send no heartbeat before others take its messages; default 30 s, at least three times {@code
 *     beatInterval}, at most 1 day. More: a dead process is noticed later. Less: a process that pauses for long loses its messages
 * @param beatInterval the time between two heartbeats; default 5 s, at least 10 ms, at most a third of {@code leaseTime}
 * @param pollInterval how long a message of an SQL client may wait before it is noticed; default 1 s, 10 ms to 1 minute. Each poll costs
 *     one statement
 * @param listen whether to hold a LISTEN connection and to send NOTIFY; default true. Switch it off behind PgBouncer in transaction mode,
 *     and set {@code prepareThreshold=0} in the URL: a start without both is refused
 * @param declareOnUse whether an unknown queue is made at its first use; default true. False: its name is an error
 * @param handlerThreads upper bound for the threads that run handlers, shared by all queues of the process; default 1,000, 1 to 10,000.
 *     Threads start as messages need them. With fewer than the concurrency of all handlers, messages wait for a thread
 * @param virtualThreads whether handlers run on virtual threads; default false. Needs Java 21 or newer
 */
public record EngineSettings(
        String name,
        Duration leaseTime,
        Duration beatInterval,
        Duration pollInterval,
        boolean listen,
        boolean declareOnUse,
        int handlerThreads,
        boolean virtualThreads) {
    /** 30 seconds. */
    public static final Duration DEFAULT_LEASE_TIME = Duration.ofSeconds(30);
    /** 5 seconds. */
    public static final Duration DEFAULT_BEAT_INTERVAL = Duration.ofSeconds(5);
    /** 1 second. */
    public static final Duration DEFAULT_POLL_INTERVAL = Duration.ofSeconds(1);

    /** 1,000. */
    public static final int DEFAULT_HANDLER_THREADS = 1_000;

    private static final Duration LONGEST_LEASE_TIME = Duration.ofDays(1);
    private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(10);
    private static final Duration LONGEST_POLL_INTERVAL = Duration.ofMinutes(1);
    private static final int MOST_HANDLER_THREADS = 10_000;
    private static final int FIRST_JAVA_WITH_VIRTUAL_THREADS = 21;

    public EngineSettings {
        if (name.isBlank() || name.length() > 200) {
            throw new IllegalArgumentException("name must be 1 to 200 characters, got \"" + name + "\"");
        }
        if (leaseTime.compareTo(LONGEST_LEASE_TIME) > 0) {
            throw new IllegalArgumentException("leaseTime must be at most 1 day, got " + leaseTime);
        }
        if (beatInterval.compareTo(SHORTEST_INTERVAL) < 0 || beatInterval.compareTo(leaseTime.dividedBy(3)) > 0) {
            throw new IllegalArgumentException(
                    "leaseTime must be at least three times beatInterval, and that at least 10 ms; got leaseTime "
                            + leaseTime + " and beatInterval " + beatInterval);
        }
        if (pollInterval.compareTo(SHORTEST_INTERVAL) < 0 || pollInterval.compareTo(LONGEST_POLL_INTERVAL) > 0) {
            throw new IllegalArgumentException("pollInterval must be 10 ms to 1 minute, got " + pollInterval);
        }
        if (handlerThreads < 1 || handlerThreads > MOST_HANDLER_THREADS) {
            throw new IllegalArgumentException("handlerThreads must be 1 to 10000, got " + handlerThreads);
        }
        int java = Runtime.version().feature();
        if (virtualThreads && java < FIRST_JAVA_WITH_VIRTUAL_THREADS) {
            throw new IllegalArgumentException("virtualThreads needs Java " + FIRST_JAVA_WITH_VIRTUAL_THREADS
                    + " or newer, and this is Java " + java + ": leave it off, or start with a newer Java");
        }
    }

    /** The default number of handler threads, none of them virtual. */
    public EngineSettings(
            String name,
            Duration leaseTime,
            Duration beatInterval,
            Duration pollInterval,
            boolean listen,
            boolean declareOnUse) {
        this(name, leaseTime, beatInterval, pollInterval, listen, declareOnUse, DEFAULT_HANDLER_THREADS, false);
    }

    /** All defaults, for a process of this name. */
    public static EngineSettings defaults(String name) {
        return new EngineSettings(name, DEFAULT_LEASE_TIME, DEFAULT_BEAT_INTERVAL, DEFAULT_POLL_INTERVAL, true, true);
    }

    /** The same settings with another upper bound for the threads that run handlers, 1 to 10,000. */
    public EngineSettings withHandlerThreads(int most) {
        return new EngineSettings(
                name, leaseTime, beatInterval, pollInterval, listen, declareOnUse, most, virtualThreads);
    }

    /** The same settings with handlers on virtual threads, or not. */
    public EngineSettings withVirtualThreads(boolean on) {
        return new EngineSettings(
                name, leaseTime, beatInterval, pollInterval, listen, declareOnUse, handlerThreads, on);
    }

    /**
     * How long this process trusts its leases without a confirmed heartbeat: two beat intervals less than other processes wait before they
     * take over.
     */
    public Duration trustTime() {
        return leaseTime.minus(beatInterval.multipliedBy(2));
    }
}

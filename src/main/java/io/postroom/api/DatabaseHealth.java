package io.postroom.api;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The database at one moment: facts, and what they mean.
 *
 * @param at the database's time
 * @param version of PostgreSQL, as in {@code 18.1}
 * @param role of this process
 * @param clockSkew how far this process's clock is ahead of the database's; negative: behind it. Exact to half of a round trip
 * @param horizon who keeps deleted rows from being cleaned away, the oldest first; at most 50
 * @param tables sizes, the largest first; partitions of one table count together
 * @param days partitions of messages and of history
 * @param workers processes that are not stopped, those with the latest heartbeat first; at most 200. Those silent for a day are left out
 * @param findings what needs doing, then what is good to know; empty: all is well
 */
public record DatabaseHealth(
        Instant at,
        String version,
        String role,
        Duration clockSkew,
        List<Holder> horizon,
        List<Table> tables,
        List<Days> days,
        List<Worker> workers,
        List<Finding> findings) {
    public DatabaseHealth {
        horizon = List.copyOf(horizon);
        tables = List.copyOf(tables);
        days = List.copyOf(days);
        workers = List.copyOf(workers);
        findings = List.copyOf(findings);
    }

    /** Whether nothing needs doing. */
    public boolean isHealthy() {
        return findings.stream().noneMatch(finding -> finding.level() == Level.PROBLEM);
    }

    /** What holds the horizon. */
    public enum HolderKind {
        /** A transaction of a connection. */
        SESSION,
        /** A replication slot. It keeps WAL, too. */
        REPLICATION_SLOT,
        /** A standby that reports its own queries ({@code hot_standby_feedback}). */
        STANDBY,
        /** A transaction that was prepared for a two-phase commit. */
        PREPARED_TRANSACTION
    }

    /**
     * One that holds the horizon: rows that were deleted since it began stay in every table.
     *
     * @param name of the slot, the standby or the prepared transaction; of a session its pid
     * @param pid of the server's process; empty: there is none
     * @param application its {@code application_name}; empty when it has none
     * @param user empty when it is not known
     * @param state as in {@code idle in transaction}; of a slot {@code active} or {@code not consumed}
     * @param seconds since its transaction began; empty when it is not known
     * @param transactions so many transactions have begun since; empty: it holds back the catalogs alone, or nothing
     * @param walBytes of WAL that it keeps; empty: not a slot
     */
    public record Holder(
            HolderKind kind,
            String name,
            Optional<Integer> pid,
            Optional<String> application,
            Optional<String> user,
            Optional<String> state,
            Optional<Long> seconds,
            Optional<Long> transactions,
            Optional<Long> walBytes) {}

    /**
     * The size of a table.
     *
     * @param partitions 1 for a table without partitions
     * @param liveRows as the statistics say
     * @param deadRows as the statistics say: rows that vacuum has not cleaned away
     * @param bytes on disk, indexes included
     * @param vacuumedAt the last vacuum of any of its partitions; empty: there was none
     */
    public record Table(
            String name, int partitions, long liveRows, long deadRows, long bytes, Optional<Instant> vacuumedAt) {}

    /**
     * The partitions of a table by time.
     *
     * @param table {@code message} or {@code attempt}
     * @param from the beginning of the first day; empty: there is no day
     * @param until the end of the last day that was made ahead; empty: there is no day
     * @param bytes of rows on disk
     */
    public record Days(String table, int partitions, Optional<Instant> from, Optional<Instant> until, long bytes) {}

    /**
     * A process that works on this database, or did until its heartbeats stopped.
     *
     * @param silentFor the time since its last heartbeat
     * @param holds messages that it has in progress
     */
    public record Worker(String name, String version, Instant startedAt, Duration silentFor, long holds) {}

    /** How bad a finding is. */
    public enum Level {
        /** Somebody must do something. */
        PROBLEM,
        /** Good to know. */
        NOTE
    }

    /**
     * Something that is wrong, or good to know.
     *
     * @param code stable, for programs, as in {@code horizon} or {@code no_worker}
     * @param what is wrong, as a sentence
     * @param todo what to do about it, as a sentence
     */
    public record Finding(Level level, String code, String what, String todo) {}
}

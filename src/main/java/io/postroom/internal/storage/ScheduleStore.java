package io.postroom.internal.storage;

import io.postroom.api.Reason;
import io.postroom.api.Schedule;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleRun;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Stores schedules and moves them on. Thread-safe. Times are the database's; failures are {@link io.postroom.api.StoreException}s. */
public interface ScheduleStore {
    /**
     * Makes or changes a schedule.
     *
     * @param message as JSON, with the members of {@code postroom.create_messages}
     * @param byOperator false: what an operator has set stays
     * @return whether anything was written
     * @throws io.postroom.api.InvalidMessageException a value breaks a limit
     */
    boolean write(Schedule schedule, String message, boolean byOperator);

    /**
     * Returns whether there was one.
     *
     * @param reason here and below, why and by whom, for the record; null: nobody said
     */
    boolean delete(String name, @Nullable Reason reason);

    /** Returns whether it was running; empty: there is none. */
    Optional<Boolean> pause(String name, @Nullable Reason reason);

    /** Returns whether it was paused; empty: there is none. */
    Optional<Boolean> resume(String name, @Nullable Reason reason);

    /** Returns whether there is one. */
    boolean runNow(String name, @Nullable Reason reason);

    List<ScheduleInfo> list(String after, int limit);

    Optional<ScheduleInfo> find(String name);

    /** The last runs, the newest first; empty list also when there is no schedule. */
    List<ScheduleRun> runs(String name);

    /** The database's time. */
    Instant now();

    /** How long until a schedule is due; zero: one is; empty: none will be. */
    Optional<Duration> untilNextDue();

    /**
     * Locks due schedules, the longest due first, lets {@code firing} decide and create their messages, and writes how they go on, all in
     * one transaction. Schedules that another process has locked are left out. One without a step stays as it is.
     *
     * @param only the id of the one to fire; null: any whose last try did not fail
     * @return how many were due
     */
    int fire(int limit, @Nullable Integer only, Firing firing);

    /** Decides what due schedules do. Called once for each try, within its transaction. */
    @FunctionalInterface
    interface Firing {
        /** @param now the database's time when they were locked */
        List<ScheduleStep> fire(List<DueSchedule> due, Instant now, Connection connection);
    }

    /**
     * The ids of due schedules, the longest due first.
     *
     * @param onlyFailed only those whose last try failed
     */
    List<Integer> due(int limit, boolean onlyFailed);

    /**
     * Notes that a schedule could not fire. It is tried again later: after 1 second at first, then after twice as long, up to 5 minutes.
     * Its planned time stays. One that is not due any more is left alone.
     */
    void failed(int id, String error);

    /**
     * Lets schedules be planned anew that were planned with older time zone rules. Those that another transaction has locked are left out.
     *
     * @return how many
     */
    int replanOlderThan(String zoneVersion, int limit);
}

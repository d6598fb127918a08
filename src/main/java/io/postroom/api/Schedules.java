package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The schedules: declare, pause, run, delete, list. Thread-safe. Each call runs in a transaction of its own, whatever transaction the
 * caller has open. Failures of the database are {@link StoreException}s.
 *
 * <p>A run is an ordinary message, created in the transaction that moves the schedule on to its next time. So each planned time has one
 * message at most, however many processes run or die, and time is the database's. Every process with workers fires; without any, nothing
 * fires until one comes.
 */
public interface Schedules {
    /**
     * Makes or changes the schedule of this name. A repeat writes nothing, so every process may call it at its start. Changed times are
     * planned anew from now on; with the same times the plan stays. A paused schedule stays paused. Of two processes that declare different
     * texts the last one wins. What an operator has set stays. The starter does this with {@code postroom.schedules.*}.
     *
     * @return whether anything was written
     * @throws InvalidMessageException the expression or zone cannot be read, no day has such a date, or the message breaks a limit
     */
    boolean declare(Schedule schedule);

    /**
     * Makes or replaces the schedule of this name as an operator does: declarations leave it as it is from then on, until it is deleted.
     * Otherwise as {@link #declare}.
     *
     * @return whether anything was written
     * @throws InvalidMessageException as for {@link #declare}
     */
    boolean set(Schedule schedule);

    /**
     * Deletes a schedule and its history. Messages that it created are not touched. A program that declares it makes it anew at its next
     * start: to keep it from firing, pause it.
     *
     * @return false: there was none
     */
    boolean delete(String name);

    /** As {@link #delete(String)}, with a reason for the record. */
    boolean delete(String name, Reason reason);

    /**
     * Lets a schedule fire no more until {@link #resume(String)}. Once this returns, nothing is fired.
     *
     * @return false: it was paused
     * @throws ScheduleNotFoundException there is none
     */
    boolean pause(String name);

    /** As {@link #pause(String)}, with a reason for the record. */
    boolean pause(String name, Reason reason);

    /**
     * Lets a paused schedule fire again, at its next time from now. Times that passed in the pause are left out.
     *
     * @return false: it was not paused
     * @throws ScheduleNotFoundException there is none
     */
    boolean resume(String name);

    /** As {@link #resume(String)}, with a reason for the record. */
    boolean resume(String name, Reason reason);

    /**
     * Runs a schedule once now, beside its planned times, also a paused one. A worker creates the message within two seconds.
     *
     * @throws ScheduleNotFoundException there is none
     */
    void runNow(String name);

    /** As {@link #runNow(String)}, with a reason for the record. */
    void runNow(String name, Reason reason);

    /** The schedule of this name, if there is one. */
    Optional<ScheduleInfo> find(String name);

    /**
     * Lists schedules by name.
     *
     * @param after only names behind this one; empty: from the first
     * @param limit 1 to 1000
     */
    List<ScheduleInfo> list(String after, int limit);

    /**
     * Answers the next planned times of a stored schedule, also of a paused one, from now on. A schedule with {@link Schedule#afterEnd} has
     * one at most.
     *
     * @param howMany 1 to 1000
     * @throws ScheduleNotFoundException there is none
     * @throws InvalidMessageException its expression cannot be read
     */
    List<Instant> nextRuns(String name, int howMany);

    /**
     * Answers the next times that a schedule would have, without storing it. It needs no message.
     *
     * @param howMany 1 to 1000
     * @throws InvalidMessageException as for {@link #declare}
     */
    List<Instant> preview(Schedule schedule, int howMany);

    /**
     * The last 20 runs, the newest first.
     *
     * @throws ScheduleNotFoundException there is none
     */
    List<ScheduleRun> runs(String name);
}

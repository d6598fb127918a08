package io.postroom.internal.jobs;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** One turn of work, repeated by {@link JobTimer}, which never runs a job beside itself. */
public interface Job {
    /** The first wait of upkeep, which no message waits for. */
    Duration UPKEEP_BEGINS_AFTER = Duration.ofSeconds(2);

    /** The wait of a job that is not needed, in a process whose polls say when it is. */
    Duration UNTIL_NEEDED = Duration.ofMinutes(1);

    String name();

    /**
     * Returns how long a process that starts waits before the first turn. Upkeep comes a moment later than what messages wait for: the
     * first turns of five such jobs took a third of what a start costs the database.
     */
    default Duration firstWait() {
        return Duration.ZERO;
    }

    /**
     * Returns how long a job waits that is not needed.
     *
     * @param isToldByPolls whether polls of this process succeed, which say when the job is needed
     * @param alone the wait in a process without such polls
     */
    static Duration idle(BooleanSupplier isToldByPolls, Duration alone) {
        return isToldByPolls.getAsBoolean() ? UNTIL_NEEDED : alone;
    }

    /** Does what is due. Returns how long to wait until the next turn; after an exception the timer repeats the job with back-off. */
    Duration run();
}

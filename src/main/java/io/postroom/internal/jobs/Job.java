package io.postroom.internal.jobs;

import java.time.Duration;

/** One turn of work, repeated by {@link JobTimer}, which never runs a job beside itself. */
public interface Job {
    /** The first wait of upkeep, which no message waits for. */
    Duration UPKEEP_BEGINS_AFTER = Duration.ofSeconds(2);

    String name();

    /**
     * Returns how long a process that starts waits before the first turn. Upkeep comes a moment later than what messages wait for: the
     * first turns of five such jobs took a third of what a start costs the database.
     */
    default Duration firstWait() {
        return Duration.ZERO;
    }

    /** Does what is due. Returns how long to wait until the next turn; after an exception the timer repeats the job with back-off. */
    Duration run();
}

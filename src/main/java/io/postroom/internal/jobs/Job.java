package io.postroom.internal.jobs;

import java.time.Duration;

/** One turn of work, repeated by {@link JobTimer}, which never runs a job beside itself. */
public interface Job {
    String name();

    /** Does what is due. Returns how long to wait until the next turn; after an exception the timer repeats the job with back-off. */
    Duration run();
}

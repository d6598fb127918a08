package io.postroom.internal.jobs;

import java.time.Duration;

/** One job. */
public interface Job {
    String name();

    /** Does what is due and answers how long nothing will be. Exceptions mean "again, later". */
    Duration run();
}

package io.postroom.api;

import java.time.Duration;

/** Looks at the database that Postroom works on. Thread-safe. */
public interface Database {
    /** How old a transaction may be before {@link #health} counts it as a problem, unless the caller says otherwise: 5 minutes. */
    Duration USUAL_AGE = Duration.ofMinutes(5);

    /**
     * Looks at rights, server settings, schema, horizon, sizes, days, purge, operations and workers. Changes nothing. Each look is a
     * transaction of its own with a limit of 5 seconds. What cannot be looked at is a finding, and the others go on.
     *
     * @param olderThan a transaction that keeps deleted rows for longer is a problem; 0 to 1 day
     * @throws InvalidMessageException {@code olderThan} is outside its limits
     * @throws StoreException the database cannot be reached
     */
    DatabaseHealth health(Duration olderThan);
}

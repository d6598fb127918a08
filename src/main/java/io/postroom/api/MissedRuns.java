package io.postroom.api;

/** What is done about planned times that passed while nobody fired, because no worker ran or the database was away. */
public enum MissedRuns {
    /** Nothing: a time that is more than a minute ago is left out. */
    NONE,
    /** One run for all of them, with the planned time of the last one. The default. */
    ONCE,
    /** A run for each, up to a limit; the last ones count. */
    ALL
}

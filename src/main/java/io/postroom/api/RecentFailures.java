package io.postroom.api;

import java.time.Duration;

/**
 * What failed in one process lately, for health checks and alerts. Counted in memory since the process started, not in the database.
 *
 * @param deadLetters messages that this process gave up
 * @param failedAttempts attempts that failed here, those that ended in a dead letter included
 * @param within the time that was asked for; exact to ten seconds
 */
public record RecentFailures(long deadLetters, long failedAttempts, Duration within) {}

package io.postroom.api;

import java.time.Duration;

/**
 * What failed in one process lately, for health checks and alerts. Counted in memory since the process started, not in the database.
 *
 * @param deadLetters messages that this process gave up: by an attempt, by a rescue at the crash limit, or as quarantined
 * @param failedAttempts attempts that failed here, and each dead letter that a job of this process made
 * @param within the time that was asked for; exact to ten seconds
 */
public record RecentFailures(long deadLetters, long failedAttempts, Duration within) {}

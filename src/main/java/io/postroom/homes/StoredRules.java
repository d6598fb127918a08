package io.postroom.homes;

import java.time.Instant;

/**
 * The rules that a home has stored.
 *
 * @param home name of the home
 * @param version how often they were changed, from 1; another one on each home while a change is under way or was cut off
 * @param changedAt by the clock of the home
 * @param changedBy the database user
 */
public record StoredRules(String home, long version, HomeRules rules, Instant changedAt, String changedBy) {}

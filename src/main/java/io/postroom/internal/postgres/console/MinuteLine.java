package io.postroom.internal.postgres.console;

import java.time.Instant;

/**
 * What came into a queue in a minute.
 *
 * @param at when the minute began
 * @param created messages that were created in it
 * @param ended how many of these have ended by now
 * @param estimated whether more messages came than are looked at: then both counts are estimates
 */
public record MinuteLine(Instant at, long created, long ended, boolean estimated) {}

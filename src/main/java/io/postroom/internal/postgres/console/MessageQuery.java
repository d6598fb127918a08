package io.postroom.internal.postgres.console;

import java.util.Optional;

/**
 * Which messages a list shows.
 *
 * @param place where they stand
 * @param queue their queue; needed with {@link Place#READY} and {@link Place#GROUPED}
 * @param type compared exactly
 * @param correlationId compared exactly; only with {@link Place#ANY}
 * @param fingerprint of their error; only with {@link Place#DEAD}
 */
public record MessageQuery(
        Place place,
        Optional<String> queue,
        Optional<String> type,
        Optional<String> correlationId,
        Optional<String> fingerprint) {
    /** Where messages stand, and in which order they are listed. */
    public enum Place {
        /** Any; the newest first. */
        ANY,
        /** In the order in which they are claimed. */
        READY,
        /** READY behind others of their group, by group. */
        GROUPED,
        /** The newest first. */
        DELAYED,
        /** In the order in which they were claimed. */
        IN_PROGRESS,
        /** Of a queue: the last that died first; else the newest first. */
        DEAD,
        /** The newest first. */
        DONE,
        /** The newest first. */
        CANCELLED,
        /** The newest first. */
        EXPIRED
    }
}

package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What a filter matches.
 *
 * @param count matching dead letters, of 10,000 at most, after a look at 100,000 letters with the queue and fingerprint of
 *     the filter; all else here is about these
 * @param more whether there may be others
 * @param first the ten oldest of those that were counted
 * @param fingerprints the 20 most frequent ones
 */
public record DeadLetterPreview(long count, boolean more, List<Letter> first, List<Fingerprint> fingerprints) {
    /**
     * A dead letter.
     *
     * @param error the first line, at most 200 characters
     */
    public record Letter(
            UUID id,
            String queue,
            Instant deadAt,
            String reason,
            Optional<String> errorClass,
            Optional<String> error,
            Optional<String> fingerprint,
            Optional<String> type) {}

    /**
     * Errors that are alike.
     *
     * @param fingerprint empty: letters without one
     * @param error the first line of one of them, at most 200 characters
     */
    public record Fingerprint(Optional<String> fingerprint, long count, Instant newestAt, Optional<String> error) {}
}

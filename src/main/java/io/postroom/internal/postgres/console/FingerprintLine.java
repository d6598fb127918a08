package io.postroom.internal.postgres.console;

import java.time.Instant;
import java.util.Optional;

/**
 * Dead letters whose errors are alike.
 *
 * @param fingerprint empty: those without an error
 * @param count stops at {@code most}
 * @param queue of one of them, as all that follows: of the newest message in the list of all; elsewhere each may be of another
 * @param error the first line, at most 200 characters
 */
public record FingerprintLine(
        Optional<String> fingerprint,
        long count,
        long most,
        String queue,
        Instant deadAt,
        String reason,
        Optional<String> errorClass,
        Optional<String> error) {}

package io.postroom.internal.postgres.console;

import java.util.List;

/**
 * The errors of those dead letters that match, among the newest that were looked at.
 *
 * @param rows the errors with the most letters first
 * @param more whether there may be letters or errors besides these
 */
public record LettersByError(List<FingerprintLine> rows, boolean more) {
    /** Returns how many letters these are. */
    public long count() {
        return rows.stream().mapToLong(FingerprintLine::count).sum();
    }
}

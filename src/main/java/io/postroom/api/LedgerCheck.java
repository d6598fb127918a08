package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * What a check of the ledger's chain found.
 *
 * @param lines lines that are part of the chain
 * @param unsealed lines that are no part yet; a job seals them within 30 seconds while a process with workers runs
 * @param unsealedSince when the oldest of these was written
 * @param lastNumber number of the chain's last line; empty: there is none
 * @param lastHash its hash, 64 hexadecimal digits; keep both outside of the database for the next check
 * @param problem what differs at the first line that is broken; empty: the chain is whole
 * @param brokenNumber number of that line
 * @param brokenId its id; empty: the line is missing
 */
public record LedgerCheck(
        long lines,
        long unsealed,
        Optional<Instant> unsealedSince,
        Optional<Long> lastNumber,
        Optional<String> lastHash,
        Optional<String> problem,
        Optional<Long> brokenNumber,
        Optional<UUID> brokenId) {
    /** Whether no sealed line was changed or removed, as far as it can be seen. */
    public boolean isWhole() {
        return problem.isEmpty();
    }
}

package io.postroom.api;

import java.util.List;

/** Reads what people did: the view {@code operator_log}. Thread-safe. Failures of the database are {@link StoreException}s. */
public interface Ledger {
    /**
     * Lists lines, the newest first, at most {@link LedgerFilter#limit()}.
     *
     * @throws InvalidMessageException {@link LedgerFilter#before} is not the id of a line
     */
    List<LedgerLine> lines(LedgerFilter filter);

    /**
     * Checks the chain of all lines: the function {@code check_ledger}. Reads the whole ledger.
     *
     * <p>The removal of the last lines and a chain that was written anew are seen by {@link #check(long, String)} alone.
     */
    LedgerCheck check();

    /**
     * Does what {@link #check()} does, and looks whether the end of an earlier check is still there.
     *
     * @param knownNumber {@link LedgerCheck#lastNumber} of that check, 1 at least
     * @param knownHash its {@link LedgerCheck#lastHash}
     * @throws InvalidMessageException one of them cannot be such a value
     */
    LedgerCheck check(long knownNumber, String knownHash);
}

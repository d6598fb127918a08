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
}

package io.postroom.api;

import java.util.List;

/** Lists what imports of files did in all processes. Thread-safe. Failures of the database are {@link StoreException}s. */
public interface FileImports {
    /**
     * Reads the files that imports have taken, the last one first. Those that ended 90 days ago are forgotten.
     *
     * @param most files, 1 to 1000
     * @throws InvalidMessageException {@code most} breaks its limit
     */
    List<ImportedFile> list(int most);
}

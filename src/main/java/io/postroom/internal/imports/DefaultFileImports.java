package io.postroom.internal.imports;

import io.postroom.api.FileImports;
import io.postroom.api.ImportedFile;
import io.postroom.api.Limits;
import io.postroom.internal.storage.FileImportStore;
import java.util.List;

/** Lists what the store knows of imported files. Thread-safe. */
public final class DefaultFileImports implements FileImports {
    private static final int MOST = 1000;

    private final FileImportStore store;

    public DefaultFileImports(FileImportStore store) {
        this.store = store;
    }

    @Override
    public List<ImportedFile> list(int most) {
        return store.list(Limits.requireRange("most", most, 1, MOST));
    }
}

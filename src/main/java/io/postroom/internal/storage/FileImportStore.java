package io.postroom.internal.storage;

import io.postroom.api.ImportedFile;
import java.sql.Connection;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Stores how far files are that become messages. Thread-safe. Times are the database's; failures are StoreExceptions. */
public interface FileImportStore {
    /**
     * What a file is when it is taken.
     *
     * @param modifiedMicros its time of change, since 1970
     * @param sha256 null: not read
     */
    record TakenFile(
            UUID id, String importName, String file, long size, long modifiedMicros, byte @Nullable [] sha256) {}

    /** A file that was taken, and how far it is. */
    record KnownFile(long size, long modifiedMicros, ImportPosition position) {}

    /** Finds a file that was taken. */
    Optional<KnownFile> find(UUID id);

    /** Stores a file that was taken just now; one that is stored already stays as it is. Forgets some that ended long ago. */
    void begin(TakenFile file);

    /** Finds when a file of the same import with the same name, size and content was imported under another id. */
    Optional<Instant> importedBefore(TakenFile file);

    /**
     * Moves the position and runs {@code work}, in one transaction. {@code work} runs while the row is locked and the position is known to
     * be {@code from}: whatever it writes into files or tables, no other process writes for these lines.
     *
     * @param to with the state DONE the file is finished
     * @return whether it was moved; false: another process has moved it, and {@code work} was not run
     */
    boolean advance(UUID id, ImportPosition from, ImportPosition to, Work work);

    /** Runs once for each try, within the transaction. */
    @FunctionalInterface
    interface Work {
        void run(Connection connection);
    }

    /** Lets a file fail, unless it has ended. What was committed stays. */
    void fail(UUID id, String error);

    /** Reads files, the last taken first. */
    List<ImportedFile> list(int most);
}

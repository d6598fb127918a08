package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A file that an import has taken, and how far it is.
 *
 * @param id also the name of its folder below {@code processing}, {@code done} or {@code failed}
 * @param importName the import
 * @param file the file's name
 * @param size in bytes
 * @param position bytes whose lines are messages or bad lines
 * @param lines lines read, the header and empty ones included
 * @param messages lines whose messages were created, or were there already by their key
 * @param badLines lines in {@code bad-lines.ndjson} beside the file
 * @param startedAt by the database's clock
 * @param changedAt when the position moved last
 * @param finishedAt empty while it is RUNNING
 * @param error why it failed; empty text: it did not
 */
public record ImportedFile(
        UUID id,
        String importName,
        String file,
        long size,
        State state,
        long position,
        long lines,
        long messages,
        long badLines,
        Instant startedAt,
        Instant changedAt,
        Optional<Instant> finishedAt,
        String error) {
    /** Where a file stands. */
    public enum State {
        RUNNING,
        DONE,
        FAILED
    }
}

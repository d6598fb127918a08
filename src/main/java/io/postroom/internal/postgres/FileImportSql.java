package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about imports of files. */
final class FileImportSql {
    private FileImportSql() {}

    static final Sql FIND = Sql.of("""
            -- name: find_file_import
            SELECT size, modified_us, state, position, lines, messages, bad_lines, bad_bytes, error
            FROM postroom.file_import
            WHERE id = :id
            """);

    static final Sql BEGIN = Sql.of("""
            -- name: begin_file_import
            INSERT INTO postroom.file_import (id, import_name, file, size, modified_us, sha256)
            VALUES (:id, :importName, :file, :size, :modified, :sha256)
            ON CONFLICT ON CONSTRAINT file_import_pk DO NOTHING
            """);

    static final Sql FORGET = Sql.of("""
            -- name: forget_file_imports
            DELETE FROM postroom.file_import
            WHERE id IN (
                SELECT f.id
                FROM postroom.file_import f
                WHERE f.finished_at < clock_timestamp() - interval '90 days'
                ORDER BY f.id
                LIMIT 1000)
            """);

    static final Sql IMPORTED_BEFORE = Sql.of("""
            -- name: imported_before
            SELECT min(finished_at)
            FROM postroom.file_import
            WHERE sha256 = :sha256
              AND import_name = :importName
              AND file = :file
              AND size = :size
              AND id <> :id
              AND state = 'DONE'
            """);

    /**
     * Locks the row and compares the position. Two processes may read the same lines, when one of them was suspended for longer than its
     * lock. The second one waits here for the commit of the first, finds another position and creates nothing.
     */
    static final Sql ADVANCE = Sql.of("""
            -- name: advance_file_import
            UPDATE postroom.file_import
            SET position = :position,
                lines = :lines,
                messages = :messages,
                bad_lines = :badLines,
                bad_bytes = :badBytes,
                state = :state,
                changed_at = clock_timestamp(),
                finished_at = CASE WHEN :state <> 'RUNNING' THEN clock_timestamp() END
            WHERE id = :id
              AND state = 'RUNNING'
              AND position = :from
            """);

    static final Sql FAIL = Sql.of("""
            -- name: fail_file_import
            UPDATE postroom.file_import
            SET state = 'FAILED', error = :error, changed_at = clock_timestamp(), finished_at = clock_timestamp()
            WHERE id = :id
              AND state = 'RUNNING'
            """);

    static final Sql LIST = Sql.of("""
            -- name: list_file_imports
            SELECT id, import_name, file, size, state, position, lines, messages, bad_lines, started_at, changed_at, finished_at, error
            FROM postroom.file_imports
            ORDER BY id DESC
            LIMIT :most
            """);
}

package io.postroom.internal.postgres;

import io.postroom.api.ImportedFile;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.FileImportStore;
import io.postroom.internal.storage.ImportPosition;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/** Stores how far files are that become messages. Statements: {@link FileImportSql}. */
final class PostgresFileImportStore implements FileImportStore {
    private final StoreTransactions transactions;

    PostgresFileImportStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public Optional<KnownFile> find(UUID id) {
        return transactions.single("find the import of a file", connection -> {
            try (Sql.Call call = FileImportSql.FIND.on(connection)) {
                return call.set("id", id)
                        .first(row -> new KnownFile(
                                row.getLong(1),
                                row.getLong(2),
                                new ImportPosition(
                                        ImportedFile.State.valueOf(row.getString(3)),
                                        row.getLong(4),
                                        row.getLong(5),
                                        row.getLong(6),
                                        row.getLong(7),
                                        row.getLong(8),
                                        row.getString(9))));
            }
        });
    }

    @Override
    public void begin(TakenFile file) {
        transactions.several("begin the import of " + file.file(), connection -> {
            try (Sql.Call call = FileImportSql.BEGIN.on(connection)) {
                call.set("id", file.id())
                        .set("importName", file.importName())
                        .set("file", file.file())
                        .set("size", file.size())
                        .set("modified", file.modifiedMicros())
                        .set("sha256", file.sha256())
                        .update();
            }
            try (Sql.Call call = FileImportSql.FORGET.on(connection)) {
                return call.update();
            }
        });
    }

    @Override
    public Optional<Instant> importedBefore(TakenFile file) {
        return transactions.single("look for an earlier import of " + file.file(), connection -> {
            try (Sql.Call call = FileImportSql.IMPORTED_BEFORE.on(connection)) {
                return call.set("sha256", file.sha256())
                        .set("importName", file.importName())
                        .set("file", file.file())
                        .set("size", file.size())
                        .set("id", file.id())
                        .one(row -> Optional.ofNullable(Rows.instant(row, 1)));
            }
        });
    }

    @Override
    public boolean advance(UUID id, ImportPosition from, ImportPosition to, Work work) {
        return transactions.several("import lines of a file", connection -> {
            try (Sql.Call call = FileImportSql.ADVANCE.on(connection)) {
                int moved = call.set("id", id)
                        .set("from", from.bytes())
                        .set("position", to.bytes())
                        .set("lines", to.lines())
                        .set("messages", to.messages())
                        .set("badLines", to.badLines())
                        .set("badBytes", to.badBytes())
                        .set("state", to.state().name())
                        .update();
                if (moved == 0) {
                    return false;
                }
            }
            work.run(connection);
            return true;
        });
    }

    @Override
    public void fail(UUID id, String error) {
        transactions.single("let the import of a file fail", connection -> {
            try (Sql.Call call = FileImportSql.FAIL.on(connection)) {
                return call.set("id", id).set("error", error).update();
            }
        });
    }

    @Override
    public List<ImportedFile> list(int most) {
        return transactions.read("list imports of files", connection -> {
            try (Sql.Call call = FileImportSql.LIST.on(connection)) {
                return call.set("most", most).list(PostgresFileImportStore::file);
            }
        });
    }

    private static ImportedFile file(ResultSet row) throws SQLException {
        return new ImportedFile(
                row.getObject(1, UUID.class),
                row.getString(2),
                row.getString(3),
                row.getLong(4),
                ImportedFile.State.valueOf(row.getString(5)),
                row.getLong(6),
                row.getLong(7),
                row.getLong(8),
                row.getLong(9),
                Objects.requireNonNull(Rows.instant(row, 10)),
                Objects.requireNonNull(Rows.instant(row, 11)),
                Optional.ofNullable(Rows.instant(row, 12)),
                row.getString(13));
    }
}

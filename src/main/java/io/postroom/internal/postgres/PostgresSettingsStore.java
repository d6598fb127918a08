package io.postroom.internal.postgres;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsChangedException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoreException;
import io.postroom.api.StoredSettings;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.FoundSettings;
import io.postroom.internal.storage.SettingsDocument;
import io.postroom.internal.storage.SettingsStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Reads and changes entries of external systems. Statements: {@link SettingsSql}. */
final class PostgresSettingsStore implements SettingsStore {
    private static final String CHANGED = "PR409";

    private final StoreTransactions transactions;

    PostgresSettingsStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public Optional<StoredSettings> find(String name) {
        return transactions.read("read settings " + name, connection -> find(name, connection)).stream()
                .findFirst();
    }

    @Override
    public List<StoredSettings> list() {
        return transactions.read("read settings", connection -> find(null, connection));
    }

    private static List<StoredSettings> find(@Nullable String name, Connection connection) throws SQLException {
        try (Sql.Call call = SettingsSql.FIND.on(connection)) {
            return call.set("name", name).list(PostgresSettingsStore::stored);
        }
    }

    @Override
    public List<FoundSettings> find(Collection<String> names) {
        return transactions.single("read settings " + String.join(", ", names), connection -> {
            try (Sql.Call call = SettingsSql.FIND_NAMED.on(connection)) {
                return call.set("names", names.toArray(String[]::new)).list(PostgresSettingsStore::found);
            }
        });
    }

    /** What a newer version wrote may not be readable here. The error could show a value, so its text is left out. */
    private static FoundSettings found(ResultSet row) throws SQLException {
        String name = row.getString(1);
        try {
            return new FoundSettings(name, stored(row), null);
        } catch (RuntimeException unreadable) {
            String why = unreadable instanceof InvalidMessageException invalid
                    ? invalid.field()
                    : unreadable.getClass().getSimpleName();
            return new FoundSettings(name, null, "this process cannot read it (" + why + ")");
        }
    }

    private static StoredSettings stored(ResultSet row) throws SQLException {
        return new StoredSettings(
                SettingsDocument.read(row.getString(1), row.getString(2)),
                row.getLong(3),
                row.getBoolean(4),
                Objects.requireNonNull(Rows.instant(row, 5)),
                row.getString(6));
    }

    @Override
    public List<SettingsChange> history(String name, int most) {
        return transactions.read("read the history of settings " + name, connection -> {
            try (Sql.Call call = SettingsSql.HISTORY.on(connection)) {
                return call.set("name", name).set("most", most).list(PostgresSettingsStore::change);
            }
        });
    }

    private static SettingsChange change(ResultSet row) throws SQLException {
        String name = row.getString(1);
        return new SettingsChange(
                name,
                row.getLong(2),
                Objects.requireNonNull(Rows.instant(row, 3)),
                row.getString(4),
                row.getBoolean(5),
                List.of((String[]) row.getArray(6).getArray()),
                Optional.ofNullable(row.getString(7)).map(json -> SettingsDocument.read(name, json)),
                Optional.ofNullable(row.getString(8)).map(json -> SettingsDocument.read(name, json)));
    }

    @Override
    public StoredSettings set(
            SettingsEntry entry, @Nullable Long expectedVersion, @Nullable String person, @Nullable String reason) {
        return translated(
                entry.name(),
                () -> transactions.changes("set settings " + entry.name(), connection -> {
                    try (Sql.Call call = SettingsSql.SET.on(connection)) {
                        call.set("name", entry.name())
                                .setUntyped("document", SettingsDocument.write(entry))
                                .set("expected", expectedVersion)
                                .set("person", person)
                                .set("reason", reason)
                                .one(row -> row.getLong(1));
                    }
                    return find(entry.name(), connection).get(0); // the row is locked until the commit
                }));
    }

    @Override
    public boolean declare(SettingsEntry entry) {
        return translated(
                entry.name(),
                () -> transactions.changes("declare settings " + entry.name(), connection -> {
                    try (Sql.Call call = SettingsSql.DECLARE.on(connection)) {
                        return call.set("name", entry.name())
                                .setUntyped("document", SettingsDocument.write(entry))
                                .one(row -> row.getBoolean(1));
                    }
                }));
    }

    @Override
    public boolean delete(
            String name, @Nullable Long expectedVersion, @Nullable String person, @Nullable String reason) {
        return translated(
                name,
                () -> transactions.changes("delete settings " + name, connection -> {
                    try (Sql.Call call = SettingsSql.DELETE.on(connection)) {
                        return call.set("name", name)
                                .set("expected", expectedVersion)
                                .set("person", person)
                                .set("reason", reason)
                                .one(row -> row.getBoolean(1));
                    }
                }));
    }

    private static <T> T translated(String name, Supplier<T> call) {
        try {
            return FunctionRefusals.translated(call);
        } catch (StoreException refused) {
            ServerErrorMessage said =
                    refused.getCause() instanceof PSQLException error ? error.getServerErrorMessage() : null;
            if (refused.state().equals(CHANGED) && said != null) {
                throw new SettingsChangedException(name, String.valueOf(said.getMessage()));
            }
            throw refused;
        }
    }
}

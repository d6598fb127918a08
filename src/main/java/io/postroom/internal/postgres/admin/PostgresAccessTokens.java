package io.postroom.internal.postgres.admin;

import io.postroom.api.AccessRole;
import io.postroom.api.AccessToken;
import io.postroom.api.AccessTokens;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.FunctionRefusals;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.AccessTokenStore;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the tokens of the HTTP API and the console. Thread-safe. Statements: {@link AccessTokenSql}. */
public final class PostgresAccessTokens implements AccessTokens, AccessTokenStore {
    private static final Logger log = LoggerFactory.getLogger(PostgresAccessTokens.class);

    private final StoreTransactions transactions;
    /** Each is logged once. */
    private final Set<String> unreadableNames = ConcurrentHashMap.newKeySet();

    public PostgresAccessTokens(DataSource source) {
        transactions = new StoreTransactions(source);
    }

    @Override
    public String create(NewAccessToken token) {
        return create(token, null, null);
    }

    @Override
    public String create(NewAccessToken token, Reason reason) {
        return create(token, reason.text(), reason.actor().orElse(null));
    }

    private String create(NewAccessToken token, @Nullable String reason, @Nullable String actor) {
        return FunctionRefusals.translated(() -> transactions.change("create token " + token.name(), connection -> {
            try (Sql.Call call = AccessTokenSql.CREATE.on(connection)) {
                return call.set("name", token.name())
                        .set("role", token.role().word())
                        .set("queues", token.queues().toArray(String[]::new))
                        .set("expiresAt", token.expiresAt().orElse(null))
                        .set("reason", reason)
                        .set("actor", actor)
                        .one(row -> row.getString(1));
            }
        }));
    }

    @Override
    public List<AccessToken> list(String after, int limit) {
        if (limit < 1 || limit > LONGEST_LIST) {
            throw new InvalidMessageException("limit", "1 to " + LONGEST_LIST, String.valueOf(limit));
        }
        return transactions.read("list tokens", connection -> {
            try (Sql.Call call = AccessTokenSql.LIST.on(connection)) {
                return call.set("after", after).set("limit", limit).list(PostgresAccessTokens::token);
            }
        });
    }

    @Override
    public boolean revoke(String name) {
        return revoke(name, null, null);
    }

    @Override
    public boolean revoke(String name, Reason reason) {
        return revoke(name, reason.text(), reason.actor().orElse(null));
    }

    private boolean revoke(String name, @Nullable String reason, @Nullable String actor) {
        return FunctionRefusals.translated(() -> transactions.change("revoke token " + name, connection -> {
            try (Sql.Call call = AccessTokenSql.REVOKE.on(connection)) {
                return call.set("name", name)
                        .set("reason", reason)
                        .set("actor", actor)
                        .one(row -> row.getBoolean(1));
            }
        }));
    }

    @Override
    public long version() {
        return transactions.single("look for changed tokens", connection -> {
            try (Sql.Call call = AccessTokenSql.VERSION.on(connection)) {
                return call.one(row -> row.getLong(1));
            }
        });
    }

    @Override
    public List<Known> inUse() {
        return transactions.single("read tokens", connection -> {
            try (Sql.Call call = AccessTokenSql.IN_USE.on(connection)) {
                return call.list(this::known).stream().flatMap(Optional::stream).toList();
            }
        });
    }

    /** Empty: a row that was written by hand, or by a newer version, and makes no sense. It must not keep others from being followed. */
    private Optional<Known> known(ResultSet row) throws SQLException {
        String name = row.getString(1);
        try {
            return Optional.of(new Known(
                    name,
                    row.getBytes(2),
                    AccessRole.of(row.getString(3)),
                    texts(row, 4),
                    Optional.ofNullable(Rows.duration(row, 5))));
        } catch (RuntimeException unreadable) {
            if (unreadableNames.add(name)) {
                log.warn("Token \"{}\" cannot be read and is not accepted: {}", name, unreadable.toString());
            }
            return Optional.empty();
        }
    }

    @Override
    public void noteUse(Map<String, Duration> ago) {
        List<String> names = new ArrayList<>(ago.keySet());
        long[] micros = names.stream()
                .mapToLong(name -> Rows.micros(Objects.requireNonNull(ago.get(name))))
                .toArray();
        transactions.single("note the use of tokens", connection -> {
            try (Sql.Call call = AccessTokenSql.NOTE_USE.on(connection)) {
                return call.set("names", names.toArray(String[]::new))
                        .set("micros", micros)
                        .update();
            }
        });
    }

    private static AccessToken token(ResultSet row) throws SQLException {
        return new AccessToken(
                row.getString(1),
                AccessRole.of(row.getString(2)),
                texts(row, 3),
                AccessToken.State.valueOf(row.getString(4).replace(' ', '_').toUpperCase(Locale.ROOT)),
                Objects.requireNonNull(Rows.instant(row, 5)),
                row.getString(6),
                Optional.ofNullable(Rows.instant(row, 7)),
                Optional.ofNullable(Rows.instant(row, 8)),
                Optional.ofNullable(Rows.instant(row, 9)),
                Optional.ofNullable(row.getString(10)));
    }

    private static List<String> texts(ResultSet row, int column) throws SQLException {
        Array array = row.getArray(column);
        return List.of((String[]) array.getArray());
    }
}

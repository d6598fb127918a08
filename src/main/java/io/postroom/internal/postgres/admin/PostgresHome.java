package io.postroom.internal.postgres.admin;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.HomeStore;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the name and the rules of a home in its database. Thread-safe. Statements: {@link HomeSql}. */
public final class PostgresHome implements HomeStore {
    private static final Logger log = LoggerFactory.getLogger(PostgresHome.class);
    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private final DataSource source;
    private final StoreTransactions transactions;

    public PostgresHome(DataSource source) {
        this.source = source;
        transactions = new StoreTransactions(source);
    }

    @Override
    public Optional<StoredHome> read() {
        return transactions.single("read the rules of the homes", connection -> {
            try (Sql.Call call = HomeSql.READ.on(connection)) {
                return stored(call.list(Line::of));
            }
        });
    }

    @Override
    public Optional<StoredHome> readIfThere() {
        return transactions.single("read the rules of the homes", PostgresHome::hasTables) ? read() : Optional.empty();
    }

    @Override
    public StoredHome adopt(String name, Set<String> homes, String rules) {
        transactions.single("make the database home " + name, connection -> {
            try (Sql.Call call = HomeSql.ADOPT.on(connection)) {
                return call.set("home", name)
                        .set("homes", homes.toArray(String[]::new))
                        .set("rules", rules)
                        .update();
            }
        });
        return read().orElseThrow();
    }

    @Override
    public void know(Map<String, UUID> ids) {
        List<Map.Entry<String, UUID>> all = List.copyOf(ids.entrySet());
        transactions.single("note the ids of the homes", connection -> {
            try (Sql.Call call = HomeSql.KNOW.on(connection)) {
                return call.set("names", all.stream().map(Map.Entry::getKey).toArray(String[]::new))
                        .set(
                                "ids",
                                all.stream()
                                        .map(home -> home.getValue().toString())
                                        .toArray(String[]::new))
                        .update();
            }
        });
    }

    @Override
    public Optional<String> nameOn(Connection connection) {
        return StoreTransactions.joined("find out which home a connection leads to", connection, own -> {
            if (!hasTables(own)) {
                return Optional.empty();
            }
            try (Sql.Call call = HomeSql.NAME_HERE.on(own)) {
                return call.first(row -> row.getString(1));
            }
        });
    }

    private static boolean hasTables(Connection connection) throws SQLException {
        try (Sql.Call call = HomeSql.HAS_TABLES.on(connection)) {
            return call.one(row -> row.getBoolean(1));
        }
    }

    @Override
    public ChangeLock lock() {
        try {
            Connection connection = source.getConnection();
            try {
                connection.setAutoCommit(false);
                try (Sql.Call call = HomeSql.LOCK.on(connection)) {
                    int pid = call.one(row -> row.getBoolean(1) ? row.getInt(2) : 0);
                    if (pid == 0) {
                        throw new SQLException(
                                "another process is changing the rules of the homes", LOCK_NOT_AVAILABLE);
                    }
                    return new HeldLock(connection, pid);
                }
            } catch (SQLException | RuntimeException failed) {
                new HeldLock(connection, 0).close();
                throw failed;
            }
        } catch (SQLException failed) {
            throw StoreErrors.translate("lock the rules of the homes", failed);
        }
    }

    /** The lock goes with its transaction, also where a pooler gives the session to others. */
    private record HeldLock(Connection connection, int pid) implements ChangeLock {
        @Override
        public void require() {
            StoreTransactions.joined("hold the lock of the rules of the homes", connection, own -> {
                try (Sql.Call call = HomeSql.HOLD.on(own)) {
                    return call.one(row -> row.getInt(1));
                }
            });
        }

        @Override
        public void close() {
            try (connection) {
                connection.rollback();
                connection.setAutoCommit(true);
            } catch (SQLException gone) {
                log.debug("the connection of the lock is gone, and the lock with it", gone);
            }
        }
    }

    @Override
    public List<HomeQueue> queues() {
        return transactions.single("list the queues of a home", connection -> {
            try (Sql.Call call = HomeSql.QUEUES.on(connection)) {
                return call.list(row ->
                        new HomeQueue(row.getString(1), Optional.ofNullable(row.getString(2)), row.getBoolean(3)));
            }
        });
    }

    @Override
    public List<String> obstacles(Collection<String> queues) {
        return transactions.single("look what keeps queues from moving", connection -> {
            try (Sql.Call call = HomeSql.OBSTACLES.on(connection)) {
                return call.set("queues", queues.toArray(String[]::new)).list(row -> row.getString(1));
            }
        });
    }

    @Override
    public List<String> pastRules() {
        return transactions.single("read past rules of a home", connection -> {
            try (Sql.Call call = HomeSql.PAST_RULES.on(connection)) {
                return call.list(row -> row.getString(1));
            }
        });
    }

    @Override
    public void announce(String nextRules) {
        transactions.single("announce rules of the homes", connection -> {
            try (Sql.Call call = HomeSql.ANNOUNCE.on(connection)) {
                return call.set("rules", nextRules).update();
            }
        });
    }

    @Override
    public Set<String> close(Map<String, String> movedTo) {
        List<Map.Entry<String, String>> all = List.copyOf(movedTo.entrySet());
        return transactions.single("close queues that move", connection -> {
            try (Sql.Call call = HomeSql.CLOSE.on(connection)) {
                return new TreeSet<>(call.set(
                                "queues", all.stream().map(Map.Entry::getKey).toArray(String[]::new))
                        .set("movedTo", all.stream().map(Map.Entry::getValue).toArray(String[]::new))
                        .list(row -> row.getString(1)));
            }
        });
    }

    /** Two statements: the trigger of the second one must see what the first one has changed. */
    @Override
    public void withdraw(Collection<String> queues) {
        transactions.several("open queues again", connection -> {
            try (Sql.Call call = HomeSql.WITHDRAW.on(connection)) {
                call.update();
            }
            return reopened(queues, connection);
        });
    }

    private static int reopened(Collection<String> queues, Connection connection) throws SQLException {
        try (Sql.Call call = HomeSql.REOPEN.on(connection)) {
            return call.set("queues", queues.toArray(String[]::new)).update();
        }
    }

    @Override
    public void leave(Collection<String> queues) {
        transactions.single("delete queues that have moved", connection -> {
            try (Sql.Call call = HomeSql.LEAVE.on(connection)) {
                return call.set("queues", queues.toArray(String[]::new)).update();
            }
        });
    }

    @Override
    public Set<String> openTransactions(int butOfPid) {
        return transactions.single("list the open transactions", connection -> {
            try (Sql.Call call = HomeSql.OPEN_TRANSACTIONS.on(connection)) {
                return new TreeSet<>(call.set("butOfPid", butOfPid).list(row -> row.getString(1)));
            }
        });
    }

    @Override
    public List<Left> left(Collection<String> queues) {
        return transactions.single("count what is left in queues that move", connection -> {
            try (Sql.Call call = HomeSql.LEFT.on(connection)) {
                return call.set("queues", queues.toArray(String[]::new))
                        .list(row -> new Left(row.getString(1), row.getLong(2), row.getLong(3), row.getLong(4)));
            }
        });
    }

    /** Two statements: the trigger of the second one must see the rules that the first one has stored. */
    @Override
    public void change(Set<String> homes, String rules, long version, Collection<String> returning) {
        transactions.several("change the rules of the homes", connection -> {
            try (Sql.Call call = HomeSql.CHANGE.on(connection)) {
                call.set("homes", homes.toArray(String[]::new))
                        .set("rules", rules)
                        .set("version", version)
                        .update();
            }
            return reopened(returning, connection);
        });
    }

    private static Optional<StoredHome> stored(List<Line> lines) {
        Map<String, Optional<UUID>> homes = new HashMap<>();
        lines.forEach(line -> homes.put(line.name, Optional.ofNullable(line.id)));
        return lines.stream()
                .filter(line -> line.isHere)
                .findFirst()
                .map(here -> new StoredHome(
                        here.name,
                        Objects.requireNonNull(here.id),
                        homes,
                        here.rules,
                        here.version,
                        here.changedAt,
                        here.changedBy));
    }

    private record Line(
            String name,
            @Nullable UUID id,
            boolean isHere,
            String rules,
            long version,
            Instant changedAt,
            String changedBy) {
        static Line of(ResultSet row) throws SQLException {
            String id = row.getString(2);
            return new Line(
                    row.getString(1),
                    id == null ? null : UUID.fromString(id),
                    row.getBoolean(3),
                    row.getString(4),
                    row.getLong(5),
                    Objects.requireNonNull(Rows.instant(row, 6)),
                    row.getString(7));
        }
    }
}

package io.postroom.internal.postgres;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.ExchangeKind;
import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.Route;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.RoutingRows;
import io.postroom.internal.storage.RoutingStore;
import io.postroom.internal.storage.Targets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Declares, binds and reads exchanges. Statements: {@link RoutingSql}. */
final class PostgresRoutingStore implements RoutingStore {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final StoreTransactions transactions;

    PostgresRoutingStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    // ---- change

    @Override
    public boolean declare(Exchange exchange) {
        return FunctionRefusals.translated(() -> transactions.several(
                "declare exchange " + exchange.name(), connection -> declare(exchange, connection)));
    }

    private static boolean declare(Exchange exchange, Connection connection) throws SQLException {
        try (Sql.Call call = RoutingSql.DECLARE.on(connection)) {
            return call.set("exchange", exchange.name())
                    .set("kind", exchange.kind().word())
                    .set("alternate", exchange.alternate().orElse(null))
                    .one(row -> row.getBoolean(1));
        }
    }

    @Override
    public boolean delete(String exchange, boolean ifUnused) {
        return FunctionRefusals.translated(() -> transactions.several("delete exchange " + exchange, connection -> {
            try (Sql.Call call = RoutingSql.DELETE.on(connection)) {
                return call.set("exchange", exchange).set("ifUnused", ifUnused).one(row -> row.getBoolean(1));
            }
        }));
    }

    @Override
    public boolean bind(Binding binding) {
        return change("bind exchange " + binding.exchange(), RoutingSql.BIND, binding);
    }

    @Override
    public boolean unbind(Binding binding) {
        return change("unbind exchange " + binding.exchange(), RoutingSql.UNBIND, binding);
    }

    private boolean change(String doing, Sql sql, Binding binding) {
        return FunctionRefusals.translated(
                () -> transactions.several(doing, connection -> change(sql, binding, connection)));
    }

    private static boolean change(Sql sql, Binding binding, Connection connection) throws SQLException {
        try (Sql.Call call = sql.on(connection)) {
            return call.set("exchange", binding.exchange())
                    .set("queue", binding.queue().orElse(null))
                    .set("routingKey", binding.routingKey())
                    .setUntyped("arguments", JSON.writeValueAsString(plain(binding.arguments())))
                    .set("toExchange", binding.toExchange().orElse(null))
                    .one(row -> row.getBoolean(1));
        }
    }

    /** Arguments as JSON has them: one without a value is null. */
    static Map<String, @Nullable String> plain(Map<String, Optional<String>> arguments) {
        Map<String, @Nullable String> plain = new LinkedHashMap<>();
        arguments.forEach((name, value) -> plain.put(name, value.orElse(null)));
        return plain;
    }

    // ---- look

    @Override
    public List<Exchange> exchanges() {
        return transactions.read("list exchanges", connection -> {
            try (Sql.Call call = RoutingSql.EXCHANGES.on(connection)) {
                return call.list(PostgresRoutingStore::exchange);
            }
        });
    }

    @Override
    public List<Binding> bindings(String exchange) {
        return transactions.read("list bindings of exchange " + exchange, connection -> {
            try (Sql.Call call = RoutingSql.BINDINGS.on(connection)) {
                return call.set("exchange", exchange).list(PostgresRoutingStore::binding);
            }
        });
    }

    static Exchange exchange(ResultSet row) throws SQLException {
        return new Exchange(
                row.getString(1), ExchangeKind.ofWord(row.getString(2)), Optional.ofNullable(row.getString(3)));
    }

    static Binding binding(ResultSet row) throws SQLException {
        return new Binding(
                row.getString(1),
                Optional.ofNullable(row.getString(2)),
                Optional.ofNullable(row.getString(3)),
                row.getString(4),
                optional(pairs(row.getArray(5))));
    }

    private static Map<String, Optional<String>> optional(Map<String, @Nullable String> arguments) {
        return arguments.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, entry -> Optional.ofNullable(entry.getValue())));
    }

    @Override
    public List<Route> route(String exchange, String routingKey, Map<String, String> headers) {
        return FunctionRefusals.translated(() -> transactions.read("route through exchange " + exchange, connection -> {
            try (Sql.Call call = RoutingSql.ROUTE.on(connection)) {
                return call.set("exchange", exchange)
                        .set("routingKey", routingKey)
                        .setUntyped("headers", JSON.writeValueAsString(headers))
                        .list(row -> new Route(row.getString(1), List.of((String[])
                                row.getArray(2).getArray())));
            }
        }));
    }

    @Override
    public RoutingRows read() {
        RoutingRows rows = readOnce();
        if (rows.version() != null) {
            return rows;
        }
        // Somebody emptied the table: without a version nothing that was read could be remembered.
        transactions.single("give the bindings a version", connection -> {
            try (Sql.Call call = RoutingSql.CHANGE.on(connection)) {
                return call.one(row -> true);
            }
        });
        return readOnce();
    }

    private RoutingRows readOnce() {
        return transactions.single("read the bindings", connection -> {
            try (Sql.Call call = RoutingSql.READ.on(connection)) {
                Reading reading = new Reading();
                call.list(reading::add);
                return new RoutingRows(reading.version, reading.exchanges, reading.bindings);
            }
        });
    }

    /** Gathers the rows of {@link RoutingSql#READ}. */
    private static final class Reading {
        private @Nullable UUID version;
        private final List<RoutingRows.ExchangeRow> exchanges = new ArrayList<>();
        private final List<RoutingRows.BindingRow> bindings = new ArrayList<>();

        boolean add(ResultSet row) throws SQLException {
            switch (row.getString(1)) {
                case "version" -> version = row.getObject(2, UUID.class);
                case "exchange" ->
                    exchanges.add(new RoutingRows.ExchangeRow(
                            row.getInt(3), row.getString(4), ExchangeKind.ofWord(row.getString(5)), row.getString(6)));
                default ->
                    bindings.add(new RoutingRows.BindingRow(
                            row.getInt(3),
                            row.getInt(7),
                            row.getString(4),
                            row.getInt(8),
                            row.getString(5),
                            pairs(row.getArray(9))));
            }
            return true;
        }
    }

    /** Reads an array of names and values in turn. */
    private static Map<String, @Nullable String> pairs(@Nullable Array array) throws SQLException {
        if (array == null) {
            return Map.of();
        }
        String[] texts = (String[]) array.getArray();
        Map<String, @Nullable String> pairs = new LinkedHashMap<>();
        for (int i = 0; i + 1 < texts.length; i += 2) {
            pairs.put(texts[i], texts[i + 1]);
        }
        return pairs;
    }

    // ---- in the caller's transaction

    @Override
    public Targets resolve(NewMessage message, Connection connection) {
        String exchange = Objects.requireNonNull(message.content().exchange());
        return StoreTransactions.joined("route message " + message.id(), connection, own -> {
            try (Sql.Call call = RoutingSql.RESOLVE.on(own)) {
                List<Found> found = call.set("exchange", exchange)
                        .set("routingKey", message.content().routingKey())
                        .setUntyped(
                                "headers",
                                Objects.requireNonNullElse(message.content().headers(), "{}"))
                        .list(Found::of);
                if (found.isEmpty()) {
                    throw new ExchangeNotFoundException(exchange);
                }
                return Objects.requireNonNull(message.targets())
                        .chosenAnew(
                                found.get(0).exchangeId,
                                found.stream()
                                        .flatMap(one -> one.queue.stream())
                                        .toList());
            }
        });
    }

    private record Found(int exchangeId, Optional<Targets.Target> queue) {
        static Found of(ResultSet row) throws SQLException {
            String queue = row.getString(3);
            return new Found(
                    row.getInt(1),
                    queue == null
                            ? Optional.empty()
                            : Optional.of(new Targets.Target(row.getInt(2), queue, Rows.duration(row, 4))));
        }
    }

    @Override
    public void requireNotMoved(String queue, Connection connection) {
        StoreTransactions.joined("look whether queue " + queue + " has moved", connection, own -> {
            try (Sql.Call call = RoutingSql.REQUIRE_NOT_MOVED.on(own)) {
                return call.set("queue", queue).list(row -> queue);
            }
        });
    }

    @Override
    public void drop(NewMessage message, Connection connection) {
        StoreTransactions.joined("drop message " + message.id(), connection, own -> {
            try (Sql.Call call = RoutingSql.DROP.on(own)) {
                return call.set("exchange", message.content().exchange())
                        .set("routingKey", message.content().routingKey())
                        .set("id", message.id())
                        .set("type", message.content().type())
                        .set("correlation", message.content().correlationId())
                        .update();
            }
        });
    }
}

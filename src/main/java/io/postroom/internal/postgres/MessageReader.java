package io.postroom.internal.postgres;

import io.postroom.api.Attempt;
import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.PathStep;
import io.postroom.api.QueueEntry;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads messages. A filter becomes parameters of a fixed statement, and rows become messages with one entry per queue. No text of a user
 * becomes part of a statement. Statements: {@link RegistrySql}.
 */
final class MessageReader {
    private static final JsonMapper JSON = JsonMapper.shared();

    private static final Map<MessageState, String> PLACES = new EnumMap<>(Map.of(
            MessageState.READY, RegistrySql.READY,
            MessageState.DELAYED, RegistrySql.DELAYED,
            MessageState.IN_PROGRESS, RegistrySql.IN_PROGRESS,
            MessageState.DEAD, RegistrySql.DEAD,
            MessageState.DONE, RegistrySql.DONE,
            MessageState.CANCELLED, RegistrySql.CANCELLED,
            MessageState.EXPIRED, RegistrySql.EXPIRED));

    /** The statements by the states they search; at most 127. */
    private static final Map<Set<MessageState>, Sql> FIND_IN = new ConcurrentHashMap<>();

    /** The same for filters with headers. */
    private static final Map<Set<MessageState>, Sql> LOOK_IN = new ConcurrentHashMap<>();

    private MessageReader() {}

    static Optional<Message> find(UUID id, Connection connection) throws SQLException {
        try (Sql.Call call = RegistrySql.FIND_ONE.on(connection)) {
            return messages(call.set("id", id).set("payloads", true)).stream().findFirst();
        }
    }

    /** @param payloads whether they are read; without, each is an empty text */
    static List<Message> find(MessageFilter filter, boolean payloads, Connection connection) throws SQLException {
        if (!filter.headers().isEmpty()) {
            return look(filter, payloads, MessageFilter.LOOKED_FOR_HEADERS, connection);
        }
        Set<MessageState> states = statesOf(filter);
        if (states.isEmpty()) {
            return List.of();
        }
        Sql find = isAnywhere(states) ? RegistrySql.FIND : in(states, FIND_IN, RegistrySql::findIn);
        try (Sql.Call call = find.on(connection)) {
            return messages(set(call, filter).set("payloads", payloads));
        }
    }

    /** The states in which messages can match; none: nothing can, because only dead letters have a fingerprint. */
    private static Set<MessageState> statesOf(MessageFilter filter) {
        Set<MessageState> states = filter.states().isEmpty() ? EnumSet.allOf(MessageState.class) : filter.states();
        if (filter.fingerprint().isEmpty()) {
            return states;
        }
        return states.contains(MessageState.DEAD) ? Set.of(MessageState.DEAD) : Set.of();
    }

    private static boolean isAnywhere(Set<MessageState> states) {
        return states.size() == MessageState.values().length;
    }

    private static Sql in(
            Set<MessageState> states, Map<Set<MessageState>, Sql> known, Function<List<String>, Sql> statement) {
        return known.computeIfAbsent(
                states,
                these -> statement.apply(
                        new TreeSet<>(these).stream().map(PLACES::get).toList()));
    }

    /**
     * Lists messages by a filter with headers. Finds the ids first: what is looked at and does not match is never read whole.
     *
     * @param most messages that are looked at
     */
    static List<Message> look(MessageFilter filter, boolean payloads, int most, Connection connection)
            throws SQLException {
        Set<MessageState> states = statesOf(filter);
        if (states.isEmpty()) {
            return List.of();
        }
        List<UUID> ids = new ArrayList<>();
        Sql look = isAnywhere(states) ? RegistrySql.LOOK : in(states, LOOK_IN, RegistrySql::lookIn);
        try (Sql.Call call = look.on(connection)) {
            set(call, filter).set("look", most).list(row -> {
                if (row.getBoolean(2)) {
                    throw unfilled(filter, most, ids.size());
                }
                return ids.add(Objects.requireNonNull(row.getObject(1, UUID.class)));
            });
        }
        if (ids.isEmpty()) {
            return List.of();
        }
        try (Sql.Call call = RegistrySql.FIND_THESE.on(connection)) {
            return messages(call.set("ids", ids.toArray(new UUID[0])).set("payloads", payloads));
        }
    }

    private static InvalidMessageException unfilled(MessageFilter filter, int most, int found) {
        return new InvalidMessageException(
                "headers",
                "found in the " + most + " messages that are looked at",
                String.valueOf(json(filter.headers())),
                "There are " + found + " in them, and there are others to look at. Narrow the time of creation"
                        + (found > 0 ? ", or set limit to " + found : ""));
    }

    /** The condition of a filter on headers as a JSON object; null: none. */
    private static @Nullable String json(Map<String, String> headers) {
        return headers.isEmpty() ? null : JSON.writeValueAsString(headers);
    }

    static List<Message> next(MessageFilter filter, Connection connection) throws SQLException {
        try (Sql.Call call = RegistrySql.NEXT.on(connection)) {
            return messages(set(call, filter).set("payloads", true));
        }
    }

    static List<Message> removable(MessageFilter filter, Connection connection) throws SQLException {
        try (Sql.Call call = RegistrySql.REMOVABLE.on(connection)) {
            return messages(set(call, filter).set("payloads", true));
        }
    }

    private static Sql.Call set(Sql.Call call, MessageFilter filter) throws SQLException {
        return setConditions(call, filter).set("limit", filter.limit());
    }

    /** Sets the conditions of a filter, without its limit. */
    static Sql.Call setConditions(Sql.Call call, MessageFilter filter) throws SQLException {
        call.set("queue", filter.queue().orElse(null))
                .set("type", filter.type().orElse(null))
                .set("correlation", filter.correlationId().orElse(null))
                .setUntyped("headers", json(filter.headers()))
                .set("from", filter.createdFrom().orElse(null))
                .set("to", filter.createdTo().orElse(null));
        if (call.has("before")) {
            call.set("before", filter.before().map(UUID::toString).orElse(null));
        }
        return call.has("fingerprint")
                ? call.set("fingerprint", filter.fingerprint().orElse(null))
                : call;
    }

    /** Returns one message per id, in the order of the first rows. */
    private static List<Message> messages(Sql.Call call) throws SQLException {
        Map<UUID, Message> messages = new LinkedHashMap<>();
        call.list(row -> {
            Message message = message(row);
            return messages.merge(message.id(), message, MessageReader::join);
        });
        return List.copyOf(messages.values());
    }

    private static Message join(Message known, Message more) {
        List<QueueEntry> entries = new ArrayList<>(known.entries());
        entries.addAll(more.entries());
        return new Message(
                known.id(),
                known.type(),
                known.version(),
                known.direction(),
                known.payload(),
                known.contentType(),
                known.headers(),
                known.priority(),
                known.correlationId(),
                known.exchange(),
                known.routingKey(),
                known.group(),
                known.createdAt(),
                List.copyOf(entries));
    }

    private static Message message(ResultSet row) throws SQLException {
        QueueEntry entry = new QueueEntry(
                row.getString(12),
                MessageState.valueOf(row.getString(13)),
                row.getInt(14),
                row.getInt(15),
                row.getInt(16),
                Optional.ofNullable(Rows.instant(row, 17)),
                Optional.ofNullable(Rows.instant(row, 11)),
                Optional.ofNullable(row.getString(18)));
        return new Message(
                row.getObject(1, UUID.class),
                row.getString(2),
                row.getInt(3),
                Direction.valueOf(row.getString(4)),
                Objects.requireNonNullElse(
                        row.getString(5), "null"), // a row written by hand may have neither JSON nor bytes
                row.getString(6),
                headers(row.getArray(7)),
                row.getInt(8),
                Optional.ofNullable(row.getString(9)),
                Optional.ofNullable(row.getString(19)),
                Objects.requireNonNullElse(row.getString(20), ""),
                Optional.ofNullable(row.getString(21)),
                instant(row, 10),
                List.of(entry));
    }

    /** Reads an array of names and values in turn. */
    private static Map<String, String> headers(@Nullable Array array) throws SQLException {
        if (array == null) {
            return Map.of();
        }
        String[] texts = (String[]) array.getArray();
        Map<String, String> headers = new LinkedHashMap<>();
        for (int i = 0; i + 1 < texts.length; i += 2) {
            headers.put(texts[i], texts[i + 1] == null ? "null" : texts[i + 1]);
        }
        return Collections.unmodifiableMap(headers);
    }

    static Attempt attempt(ResultSet row) throws SQLException {
        return new Attempt(
                row.getObject(1, UUID.class),
                row.getString(2),
                row.getInt(3),
                row.getString(4),
                instant(row, 5),
                instant(row, 6),
                row.getString(7),
                Optional.ofNullable(row.getString(8)),
                Optional.ofNullable(row.getString(9)));
    }

    static PathStep step(ResultSet row) throws SQLException {
        return new PathStep(
                instant(row, 1),
                row.getObject(2, UUID.class),
                Optional.ofNullable(row.getString(3)),
                Objects.requireNonNullElse(row.getString(4), ""),
                row.getString(5),
                Optional.ofNullable(row.getString(6)),
                Optional.ofNullable(row.getString(7)),
                Optional.ofNullable(row.getString(8)));
    }

    private static Instant instant(ResultSet row, int column) throws SQLException {
        return Objects.requireNonNull(Rows.instant(row, column));
    }

    /** Answers the state of each message that is known; of several queues the first in the order of the states. */
    static Map<UUID, MessageState> states(Collection<UUID> ids, Connection connection) throws SQLException {
        Map<UUID, MessageState> states = new HashMap<>();
        try (Sql.Call call = RegistrySql.STATES.on(connection)) {
            call.set("ids", ids.toArray(new UUID[0]))
                    .list(row -> states.merge(
                            row.getObject(1, UUID.class),
                            MessageState.valueOf(row.getString(2)),
                            (one, other) -> one.compareTo(other) < 0 ? one : other));
        }
        return states;
    }
}

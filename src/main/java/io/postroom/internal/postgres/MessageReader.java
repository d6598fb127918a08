package io.postroom.internal.postgres;

import io.postroom.api.Attempt;
import io.postroom.api.Direction;
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
import org.jspecify.annotations.Nullable;

/**
 * Reads messages. A filter becomes parameters of a fixed statement, and rows become messages with one entry per queue. No text of a user
 * becomes part of a statement. Statements: {@link RegistrySql}.
 */
final class MessageReader {
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

    private MessageReader() {}

    static Optional<Message> find(UUID id, Connection connection) throws SQLException {
        try (Sql.Call call = RegistrySql.FIND_ONE.on(connection)) {
            return messages(call.set("id", id)).stream().findFirst();
        }
    }

    static List<Message> find(MessageFilter filter, Connection connection) throws SQLException {
        Set<MessageState> states = filter.states();
        if (filter.fingerprint().isPresent()) {
            if (!states.isEmpty() && !states.contains(MessageState.DEAD)) {
                return List.of(); // only dead letters have a fingerprint
            }
            states = Set.of(MessageState.DEAD);
        }
        boolean anywhere = states.isEmpty() || states.size() == MessageState.values().length;
        try (Sql.Call call = (anywhere ? RegistrySql.FIND : in(states)).on(connection)) {
            return messages(set(call, filter));
        }
    }

    private static Sql in(Set<MessageState> states) {
        return FIND_IN.computeIfAbsent(
                states,
                these -> RegistrySql.findIn(
                        new TreeSet<>(these).stream().map(PLACES::get).toList()));
    }

    static List<Message> next(MessageFilter filter, Connection connection) throws SQLException {
        try (Sql.Call call = RegistrySql.NEXT.on(connection)) {
            return messages(set(call, filter));
        }
    }

    static List<Message> removable(MessageFilter filter, Connection connection) throws SQLException {
        try (Sql.Call call = RegistrySql.REMOVABLE.on(connection)) {
            return messages(set(call, filter));
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
                Optional.ofNullable(row.getString(8)));
    }

    static PathStep step(ResultSet row) throws SQLException {
        return new PathStep(
                instant(row, 1),
                row.getObject(2, UUID.class),
                Optional.ofNullable(row.getString(3)),
                Objects.requireNonNullElse(row.getString(4), ""),
                row.getString(5),
                Optional.ofNullable(row.getString(6)),
                Optional.ofNullable(row.getString(7)));
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

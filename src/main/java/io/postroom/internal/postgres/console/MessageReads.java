package io.postroom.internal.postgres.console;

import io.postroom.api.InvalidMessageException;
import io.postroom.internal.postgres.console.MessageQuery.Place;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.AttemptOutcome;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Lists messages by where they stand. Statements: {@link MessageReadsSql}. */
final class MessageReads {
    /** Rows that a list with a filter looks at, where no index has the filter. */
    private static final int LOOKED = 10_000;
    /** The same for ends, each of which is looked up in every day of attempts. */
    private static final int LOOKED_FOR_ENDS = 1_000;

    private static final UUID HIGHEST = new UUID(-1L, -1L);
    private static final int KEY_COLUMN = 12;
    private static final int LOOKED_COLUMN = 13;

    private MessageReads() {}

    /**
     * Reads a part of a list.
     *
     * @param after where it begins, as {@link Slice#next} says; null: at the start
     * @throws InvalidMessageException {@code after} is of another list
     */
    static Slice<MessageLine> list(MessageQuery query, @Nullable String after, int limit, Connection connection)
            throws SQLException {
        Key key = new Key(after);
        return switch (query.place()) {
            case READY -> ready(query, key, limit, connection);
            case GROUPED -> grouped(query, key, limit, connection);
            case IN_PROGRESS -> inProgress(query, key, limit, connection);
            case DELAYED -> looked(MessageReadsSql.DELAYED, query, key, limit, connection);
            case DEAD -> dead(query, key, limit, connection);
            case ANY, DONE, CANCELLED, EXPIRED -> stored(query, key, limit, connection);
        };
    }

    private static Slice<MessageLine> ready(MessageQuery query, Key key, int limit, Connection connection)
            throws SQLException {
        try (Sql.Call call = MessageReadsSql.READY.on(connection)) {
            call.set("queue", query.queue().orElseThrow())
                    .set("priority", (int) key.number(9))
                    .set("seq", key.secondNumber(0))
                    .set("limit", limit);
            return slice(call, limit);
        }
    }

    private static Slice<MessageLine> grouped(MessageQuery query, Key key, int limit, Connection connection)
            throws SQLException {
        try (Sql.Call call = MessageReadsSql.GROUPED.on(connection)) {
            call.set("queue", query.queue().orElseThrow())
                    .set("seq", key.number(0))
                    .set("group", key.second(""))
                    .set("limit", limit);
            return slice(call, limit);
        }
    }

    private static Slice<MessageLine> inProgress(MessageQuery query, Key key, int limit, Connection connection)
            throws SQLException {
        try (Sql.Call call = MessageReadsSql.IN_PROGRESS.on(connection)) {
            call.set("queue", query.queue().orElse(null))
                    .set("lease", key.number(0))
                    .set("place", key.secondNumber(0))
                    .set("limit", limit);
            return slice(call, limit);
        }
    }

    private static Slice<MessageLine> dead(MessageQuery query, Key key, int limit, Connection connection)
            throws SQLException {
        if (query.goesByIds()) {
            Sql sql = query.fingerprint().isPresent() ? MessageReadsSql.DEAD_ALIKE : MessageReadsSql.DEAD;
            return looked(sql, query, key, limit, connection);
        }
        boolean isFiltered = query.reason().isPresent() || query.fingerprint().isPresent();
        try (Sql.Call call = MessageReadsSql.DEAD_OF_QUEUE.on(connection)) {
            call.set("queue", query.queue().get())
                    .set("micros", key.number(Long.MAX_VALUE / 1000))
                    .set("id", key.secondId())
                    .set("reason", query.reason().orElse(null))
                    .set("fingerprint", query.fingerprint().orElse(null))
                    .set("look", isFiltered ? LOOKED : limit)
                    .set("limit", limit);
            return lookedSlice(call, limit);
        }
    }

    private static Slice<MessageLine> looked(Sql sql, MessageQuery query, Key key, int limit, Connection connection)
            throws SQLException {
        try (Sql.Call call = sql.on(connection)) {
            call.set("id", key.id())
                    .set("queueId", (int) key.secondNumber(Integer.MAX_VALUE))
                    .set("queue", query.queue().orElse(null))
                    .set("type", query.type().orElse(null))
                    .setUntyped("headers", query.headersAsJson())
                    .set("look", query.isFiltered() ? LOOKED : limit)
                    .set("limit", limit);
            if (call.has("fingerprint")) {
                call.set("fingerprint", query.fingerprint().orElseThrow());
            }
            if (call.has("reason")) {
                call.set("reason", query.reason().orElse(null));
            }
            return lookedSlice(call, limit);
        }
    }

    private static Slice<MessageLine> stored(MessageQuery query, Key key, int limit, Connection connection)
            throws SQLException {
        Integer outcome = outcomeOf(query.place());
        int look = outcome != null ? LOOKED_FOR_ENDS : query.isFiltered() ? LOOKED : limit;
        Sql sql = query.correlationId().isPresent() ? MessageReadsSql.CORRELATED : MessageReadsSql.ANY;
        try (Sql.Call call = sql.on(connection)) {
            call.set("id", key.id())
                    .set("queue", query.queue().orElse(null))
                    .set("type", query.type().orElse(null))
                    .setUntyped("headers", query.headersAsJson())
                    .set("outcome", outcome)
                    .set("look", look)
                    .set("limit", limit);
            if (call.has("correlation")) {
                call.set("correlation", query.correlationId().orElseThrow());
            }
            return lookedSlice(call, limit);
        }
    }

    private static @Nullable Integer outcomeOf(Place place) {
        return switch (place) {
            case DONE -> AttemptOutcome.DONE.code();
            case CANCELLED -> AttemptOutcome.CANCELLED.code();
            case EXPIRED -> AttemptOutcome.EXPIRED.code();
            default -> null;
        };
    }

    private static Slice<MessageLine> slice(Sql.Call call, int limit) throws SQLException {
        String[] last = new String[1];
        List<MessageLine> rows = call.list(row -> {
            last[0] = row.getString(KEY_COLUMN);
            return line(row);
        });
        return new Slice<>(rows, rows.size() < limit ? Optional.empty() : Optional.of(last[0]));
    }

    /** A full page goes on behind its last message; a page that is not full behind the last one that was looked at. */
    private static Slice<MessageLine> lookedSlice(Sql.Call call, int limit) throws SQLException {
        String[] last = new String[2];
        int[] messages = new int[1];
        List<Optional<MessageLine>> rows = call.list(row -> {
            last[1] = row.getString(LOOKED_COLUMN);
            String key = row.getString(KEY_COLUMN);
            if (key == null) {
                return Optional.empty();
            }
            messages[0] += key.equals(last[0]) ? 0 : 1;
            last[0] = key;
            return Optional.of(line(row));
        });
        String next = messages[0] < limit ? last[1] : last[0];
        return new Slice<>(rows.stream().flatMap(Optional::stream).toList(), Optional.ofNullable(next));
    }

    private static MessageLine line(ResultSet row) throws SQLException {
        return new MessageLine(
                Objects.requireNonNull(row.getObject(1, UUID.class)),
                String.valueOf(row.getString(2)),
                row.getString(3),
                Optional.ofNullable(row.getString(4)),
                row.getInt(5),
                row.getInt(6),
                row.getInt(7),
                Optional.ofNullable(row.getString(8)),
                Optional.ofNullable(Rows.instant(row, 9)),
                Optional.ofNullable(Rows.instant(row, 10)),
                Optional.ofNullable(row.getString(11)));
    }

    /** The two parts of a key, with a dot between them. A key without a second part is of a list with one. */
    record Key(@Nullable String text) {
        long number(long start) {
            return text == null ? start : parsed(first());
        }

        long secondNumber(long start) {
            return text == null ? start : parsed(second(""));
        }

        UUID id() {
            return text == null ? HIGHEST : uuid(first());
        }

        UUID secondId() {
            return text == null ? HIGHEST : uuid(second(""));
        }

        String second(String start) {
            return text == null ? start : text.substring(text.indexOf('.') + 1);
        }

        private String first() {
            String given = Objects.requireNonNull(text);
            int dot = given.indexOf('.');
            return dot < 0 ? given : given.substring(0, dot);
        }

        private static long parsed(String number) {
            try {
                return Long.parseLong(number);
            } catch (NumberFormatException notOurs) {
                throw refused();
            }
        }

        static UUID uuid(String id) {
            try {
                return UUID.fromString(id);
            } catch (IllegalArgumentException notOurs) {
                throw refused();
            }
        }

        private static InvalidMessageException refused() {
            return new InvalidMessageException("page", "one that a link of the same list has", "another");
        }
    }
}

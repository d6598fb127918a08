package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Writes new messages on a connection, in as few statements as they allow, and says what became of each. */
final class EnqueueWriter {
    private static final int ROUNDS = 5;

    private EnqueueWriter() {}

    static EnqueueResult one(NewMessage message, Connection connection) throws SQLException {
        boolean isNow = message.delay() == null && message.dueAt() == null;
        if (isNow && message.deduplicationKey() == null) {
            Sql statement = message.givenId() ? EnqueueSql.ENQUEUE_GIVEN : EnqueueSql.ENQUEUE;
            try (Sql.Call call = statement.on(connection)) {
                setContent(call, message);
                Optional<Long> seq = call.first(row -> row.getLong(1));
                if (seq.isPresent()) {
                    return written(message, seq.get());
                }
            }
        }
        return any(List.of(message), connection).get(0);
    }

    static List<EnqueueResult> many(List<NewMessage> messages, Connection connection) throws SQLException {
        if (messages.isEmpty()) {
            return List.of();
        }
        return messages.stream().allMatch(NewMessage::isPlain)
                ? plain(messages, connection)
                : any(messages, connection);
    }

    private static List<EnqueueResult> plain(List<NewMessage> messages, Connection connection) throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_MANY.on(connection)) {
            setContents(call, messages);
            List<Long> numbers = call.list(row -> row.getLong(1));
            List<EnqueueResult> answers = new ArrayList<>(messages.size());
            for (int i = 0; i < messages.size(); i++) {
                answers.add(written(messages.get(i), numbers.get(i)));
            }
            return answers;
        }
    }

    /**
     * Writes what is new, then looks in a second statement at what the others ran into; when that was purged in between, writes again.
     */
    private static List<EnqueueResult> any(List<NewMessage> messages, Connection connection) throws SQLException {
        Map<Integer, EnqueueResult> answers = new HashMap<>();
        List<Integer> open = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            open.add(i);
        }
        for (int round = 0; !open.isEmpty(); round++) {
            if (round == ROUNDS) {
                throw new SQLException("a deduplication key was purged and taken again " + ROUNDS + " times", "40001");
            }
            open = write(messages, open, answers, connection);
        }
        List<EnqueueResult> inOrder = new ArrayList<>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            inOrder.add(answers.get(i));
        }
        return inOrder;
    }

    /** Answers those that are still to be written. */
    private static List<Integer> write(
            List<NewMessage> messages, List<Integer> open, Map<Integer, EnqueueResult> answers, Connection connection)
            throws SQLException {
        List<Integer> distinct = new ArrayList<>();
        List<Integer> there = new ArrayList<>();
        Set<UUID> ids = new HashSet<>();
        for (int i : open) {
            (ids.add(messages.get(i).id()) ? distinct : there).add(i);
        }
        Set<Integer> keysTaken = new HashSet<>();
        Set<Integer> met = new HashSet<>(distinct);
        try (Sql.Call call = EnqueueSql.ENQUEUE_ANY.on(connection)) {
            setContents(call, pick(messages, distinct));
            setSpecials(call, pick(messages, distinct));
            for (Placed placed : call.list(row -> new Placed(row.getInt(1), row.getLong(2), row.wasNull()))) {
                int i = distinct.get(placed.place - 1);
                if (placed.wasThere) {
                    keysTaken.add(i);
                } else {
                    met.remove(i);
                    answers.put(i, written(messages.get(i), placed.seq));
                }
            }
        }
        for (int i : distinct) {
            if (met.contains(i)) {
                there.add(i);
            }
        }
        return there.isEmpty() ? List.of() : compare(messages, there, keysTaken, answers, connection);
    }

    /** Answers those whose key is free again. */
    private static List<Integer> compare(
            List<NewMessage> messages,
            List<Integer> there,
            Set<Integer> keysTaken,
            Map<Integer, EnqueueResult> answers,
            Connection connection)
            throws SQLException {
        List<NewMessage> repeats = pick(messages, there);
        List<Integer> again = new ArrayList<>();
        try (Sql.Call call = EnqueueSql.COMPARE.on(connection)) {
            call.set("ids", ids(repeats))
                    .set("queues", ints(repeats, NewMessage::queueId))
                    .set(
                            "versions",
                            shorts(repeats, message -> message.content().version()))
                    .set("types", texts(repeats, message -> message.content().type()))
                    .set("payloads", texts(repeats, message -> message.content().payload()))
                    .set("bodies", bodies(repeats))
                    .set("keys", texts(repeats, NewMessage::deduplicationKey));
            List<Met> found =
                    call.list(row -> new Met(row.getObject(1, UUID.class), row.getBoolean(2), row.getBoolean(3)));
            for (int place = 0; place < there.size(); place++) {
                int i = there.get(place);
                Met met = found.get(place);
                if (!met.keyIsTaken) {
                    again.add(i);
                    continue;
                }
                answers.put(i, new EnqueueResult(met.id, false, met.isSame, 0));
                if (!met.isSame && keysTaken.contains(i)) {
                    forgetKey(messages.get(i), connection);
                }
            }
        }
        return again;
    }

    private static void forgetKey(NewMessage message, Connection connection) throws SQLException {
        if (message.deduplicationKey() == null) {
            return;
        }
        try (Sql.Call call = EnqueueSql.FORGET_KEY.on(connection)) {
            call.set("queue", message.queueId())
                    .set("key", message.deduplicationKey())
                    .set("id", message.id())
                    .update();
        }
    }

    /** Plain messages of one queue and priority, held from the beginning. */
    static List<ClaimedMessage> inHand(List<NewMessage> messages, int workerId, int leaseSize, Connection connection)
            throws SQLException {
        NewMessage first = messages.get(0);
        boolean one = messages.size() == 1;
        try (Sql.Call call = (one ? EnqueueSql.ENQUEUE_ONE_IN_HAND : EnqueueSql.ENQUEUE_IN_HAND).on(connection)) {
            if (one) {
                setContent(call, first);
            } else {
                setContents(call, messages);
                call.set("queue", first.queueId())
                        .set("priority", first.priority())
                        .set("leaseSize", leaseSize);
            }
            List<NewLease> leases = call.set("worker", workerId).list(NewLease::of);
            List<ClaimedMessage> held = new ArrayList<>(messages.size());
            for (int i = 0; i < messages.size(); i++) {
                int part = i / leaseSize;
                int count = Math.min(leaseSize, messages.size() - part * leaseSize);
                held.add(held(messages.get(i), leases.get(part), count, i % leaseSize));
            }
            return held;
        }
    }

    /** Empty when its id or key was there; the caller rolls back then. */
    static Optional<ClaimedMessage> held(NewMessage message, int workerId, Connection connection) throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_HELD.on(connection)) {
            setContent(call, message);
            call.set("worker", workerId).set("key", message.deduplicationKey());
            return call.first(NewLease::of).map(lease -> held(message, lease, 1, 0));
        }
    }

    private record NewLease(long id, Instant createdAt) {
        static NewLease of(ResultSet row) throws SQLException {
            return new NewLease(row.getLong(1), Rows.instant(row, 2));
        }
    }

    private static ClaimedMessage held(NewMessage message, NewLease lease, int leaseCount, int ordinal) {
        return new ClaimedMessage(
                message.id(),
                message.queueId(),
                message.priority(),
                0,
                new ClaimedMessage.Lease(lease.id, leaseCount, ordinal),
                ClaimedMessage.Counters.ZERO,
                true,
                false,
                lease.createdAt,
                message.content());
    }

    private static void setContent(Sql.Call call, NewMessage message) throws SQLException {
        call.set("id", message.id())
                .set("timeToLive", micros(message.timeToLive()))
                .set("queue", message.queueId())
                .set("version", message.content().version())
                .set("priority", message.priority())
                .set("direction", message.content().direction().ordinal())
                .set("type", message.content().type())
                .set("correlation", message.content().correlationId())
                .set("contentType", message.content().contentType())
                .setUntyped("headers", message.content().headers())
                .setUntyped("payload", message.content().payload())
                .set("body", message.content().body());
    }

    private static void setContents(Sql.Call call, List<NewMessage> messages) throws SQLException {
        call.set("ids", ids(messages))
                .set("timesToLive", longs(messages, message -> micros(message.timeToLive())))
                .set("queues", ints(messages, NewMessage::queueId))
                .set("versions", shorts(messages, message -> message.content().version()))
                .set("priorities", shorts(messages, NewMessage::priority))
                .set(
                        "directions",
                        shorts(
                                messages,
                                message -> message.content().direction().ordinal()))
                .set("types", texts(messages, message -> message.content().type()))
                .set(
                        "correlations",
                        texts(messages, message -> message.content().correlationId()))
                .set(
                        "contentTypes",
                        texts(messages, message -> message.content().contentType()))
                .set("headers", texts(messages, message -> message.content().headers()))
                .set("payloads", texts(messages, message -> message.content().payload()))
                .set("bodies", bodies(messages));
    }

    private static void setSpecials(Sql.Call call, List<NewMessage> messages) throws SQLException {
        call.set("keys", texts(messages, NewMessage::deduplicationKey))
                .set("delays", longs(messages, message -> micros(message.delay())))
                .set("dueAts", longs(messages, message -> micros(message.dueAt())));
    }

    private static EnqueueResult written(NewMessage message, long seq) {
        return new EnqueueResult(message.id(), true, true, seq);
    }

    private static @Nullable Long micros(@Nullable Duration duration) {
        return duration == null ? null : Rows.micros(duration);
    }

    /** Rounded up: a message is never early. */
    private static @Nullable Long micros(@Nullable Instant instant) {
        return instant == null
                ? null
                : Math.addExact(
                        Math.multiplyExact(instant.getEpochSecond(), 1_000_000L), (instant.getNano() + 999L) / 1000);
    }

    private static List<NewMessage> pick(List<NewMessage> messages, List<Integer> indices) {
        return indices.stream().map(messages::get).toList();
    }

    private static UUID[] ids(List<NewMessage> messages) {
        return messages.stream().map(NewMessage::id).toArray(UUID[]::new);
    }

    private static int[] ints(List<NewMessage> messages, ToLongFunction<NewMessage> value) {
        int[] values = new int[messages.size()];
        Arrays.setAll(values, i -> (int) value.applyAsLong(messages.get(i)));
        return values;
    }

    private static short[] shorts(List<NewMessage> messages, ToLongFunction<NewMessage> value) {
        short[] values = new short[messages.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (short) value.applyAsLong(messages.get(i));
        }
        return values;
    }

    /** Null when all of them are. */
    private static @Nullable Long @Nullable [] longs(
            List<NewMessage> messages, Function<NewMessage, @Nullable Long> value) {
        @Nullable Long[] values = new Long[messages.size()];
        boolean any = false;
        for (int i = 0; i < values.length; i++) {
            values[i] = value.apply(messages.get(i));
            any |= values[i] != null;
        }
        return any ? values : null;
    }

    private static @Nullable String @Nullable [] texts(
            List<NewMessage> messages, Function<NewMessage, @Nullable String> value) {
        @Nullable String[] values = new String[messages.size()];
        boolean any = false;
        for (int i = 0; i < values.length; i++) {
            values[i] = value.apply(messages.get(i));
            any |= values[i] != null;
        }
        return any ? values : null;
    }

    private static byte @Nullable [] @Nullable [] bodies(List<NewMessage> messages) {
        byte @Nullable [][] values = new byte[messages.size()][];
        boolean any = false;
        for (int i = 0; i < values.length; i++) {
            values[i] = messages.get(i).content().body();
            any |= values[i] != null;
        }
        return any ? values : null;
    }

    private record Placed(int place, long seq, boolean wasThere) {}

    private record Met(UUID id, boolean isSame, boolean keyIsTaken) {}
}

package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Writes new messages on a connection, in as few statements as possible, and returns what became of each. */
final class EnqueueWriter {
    private static final int ROUNDS = 5;

    private EnqueueWriter() {}

    static EnqueueResult one(NewMessage message, Connection connection) throws SQLException {
        boolean isNow = message.delay() == null && message.dueAt() == null;
        if (isNow && message.deduplicationKey() == null) {
            SqlOfOne statement = message.givenId() ? EnqueueSql.ENQUEUE_GIVEN : EnqueueSql.ENQUEUE_NUMBERED;
            try (Sql.Call call = statement.in(message).on(connection)) {
                set(call, message);
                Optional<Long> seq = call.first(row -> row.getLong(1));
                if (seq.isPresent()) {
                    return written(message, seq.get());
                } else if (!message.givenId()) {
                    throw changedQueues(List.of(message));
                }
            }
        }
        return any(List.of(message), KnownQueues.of(List.of(message)), connection)
                .get(0);
    }

    /** Writes one message for whose seq nobody asks. */
    static EnqueueResult oneUnnumbered(NewMessage message, Connection connection) throws SQLException {
        if (!message.isPlain()) {
            return one(message, connection);
        }
        try (Sql.Call call = EnqueueSql.ENQUEUE.in(message).on(connection)) {
            set(call, message);
            if (call.update() == 0) {
                throw changedQueues(List.of(message));
            }
            return written(message, 0);
        }
    }

    /** Sets what each statement of one message has: the message, and its queue. */
    private static void set(Sql.Call call, NewMessage message) throws SQLException {
        MessageColumns.set(call, message);
        call.set("queue", message.queueId()).set("queueName", message.queue());
    }

    static List<EnqueueResult> many(List<NewMessage> messages, Connection connection) throws SQLException {
        return many(messages, KnownQueues.of(messages), connection);
    }

    static List<EnqueueResult> manyUnchecked(List<NewMessage> messages, Connection connection) throws SQLException {
        return many(messages, KnownQueues.UNCHECKED, connection);
    }

    private static List<EnqueueResult> many(List<NewMessage> messages, KnownQueues known, Connection connection)
            throws SQLException {
        if (messages.isEmpty()) {
            return List.of();
        }
        return messages.stream().allMatch(NewMessage::isPlain)
                ? plain(messages, known, connection)
                : any(messages, known, connection);
    }

    private static List<EnqueueResult> plain(List<NewMessage> messages, KnownQueues known, Connection connection)
            throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_MANY.on(connection)) {
            MessageColumns.set(call, messages);
            known.set(call);
            List<Long> numbers = call.list(row -> row.getLong(1));
            if (numbers.isEmpty()) {
                throw changedQueues(messages);
            }
            List<EnqueueResult> answers = new ArrayList<>(messages.size());
            for (int i = 0; i < messages.size(); i++) {
                answers.add(written(messages.get(i), numbers.get(i)));
            }
            return answers;
        }
    }

    /**
     * Writes new messages, then looks in a second statement at what stands in the way of the others; writes those again whose obstacle
     * was purged.
     */
    private static List<EnqueueResult> any(List<NewMessage> messages, KnownQueues known, Connection connection)
            throws SQLException {
        Map<Integer, EnqueueResult> answers = new HashMap<>();
        List<Integer> open = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            open.add(i);
        }
        for (int round = 0; !open.isEmpty(); round++) {
            if (round == ROUNDS) {
                throw new SQLException("a deduplication key was purged and taken again " + ROUNDS + " times", "40001");
            }
            open = write(messages, known, open, answers, connection);
        }
        List<EnqueueResult> inOrder = new ArrayList<>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            inOrder.add(answers.get(i));
        }
        return inOrder;
    }

    /** Returns the indices of the messages that are still to be written. */
    private static List<Integer> write(
            List<NewMessage> messages,
            KnownQueues known,
            List<Integer> open,
            Map<Integer, EnqueueResult> answers,
            Connection connection)
            throws SQLException {
        List<Integer> distinct = new ArrayList<>();
        List<Integer> repeats = new ArrayList<>();
        Set<UUID> ids = new HashSet<>();
        for (int i : open) {
            (ids.add(messages.get(i).id()) ? distinct : repeats).add(i);
        }
        Set<Integer> keysTaken = new HashSet<>();
        Set<Integer> unwritten = new LinkedHashSet<>(distinct);
        try (Sql.Call call = EnqueueSql.ENQUEUE_ANY.on(connection)) {
            MessageColumns.set(call, pick(messages, distinct));
            setSpecials(call, pick(messages, distinct));
            known.set(call);
            for (WrittenRow row : call.list(row -> new WrittenRow(row.getInt(1), row.getLong(2), row.wasNull()))) {
                if (row.place == 0) {
                    throw changedQueues(messages);
                }
                int i = distinct.get(row.place - 1);
                if (row.idWasThere) {
                    keysTaken.add(i);
                } else {
                    unwritten.remove(i);
                    answers.put(i, written(messages.get(i), row.seq));
                }
            }
        }
        repeats.addAll(unwritten);
        return repeats.isEmpty() ? List.of() : compare(messages, repeats, keysTaken, answers, connection);
    }

    /** Returns the indices of the messages whose key is free again. */
    private static List<Integer> compare(
            List<NewMessage> messages,
            List<Integer> repeats,
            Set<Integer> keysTaken,
            Map<Integer, EnqueueResult> answers,
            Connection connection)
            throws SQLException {
        List<Integer> again = new ArrayList<>();
        List<ExistingRow> found = existing(pick(messages, repeats), connection);
        for (int place = 0; place < repeats.size(); place++) {
            int i = repeats.get(place);
            ExistingRow existing = found.get(place);
            if (!existing.keyIsTaken) {
                again.add(i);
                continue;
            }
            answers.put(i, new EnqueueResult(existing.id, false, existing.isSame, 0));
            if (!existing.isSame && keysTaken.contains(i)) {
                forgetKey(messages.get(i), connection);
            }
        }
        return again;
    }

    private static List<ExistingRow> existing(List<NewMessage> repeats, Connection connection) throws SQLException {
        try (Sql.Call call = EnqueueSql.COMPARE.on(connection)) {
            return call.set("ids", ArrayValues.uuids(repeats, NewMessage::id))
                    .set("queues", ArrayValues.ints(repeats, NewMessage::queueId))
                    .set(
                            "versions",
                            ArrayValues.shorts(
                                    repeats, repeat -> repeat.content().version()))
                    .set(
                            "types",
                            ArrayValues.texts(
                                    repeats, repeat -> repeat.content().type()))
                    .set(
                            "payloads",
                            ArrayValues.texts(
                                    repeats, repeat -> repeat.content().payload()))
                    .set(
                            "bodies",
                            ArrayValues.bytes(
                                    repeats, repeat -> repeat.content().body()))
                    .set("keys", ArrayValues.texts(repeats, NewMessage::deduplicationKey))
                    .list(row -> new ExistingRow(row.getObject(1, UUID.class), row.getBoolean(2), row.getBoolean(3)));
        }
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

    /** Writes plain messages of one queue and priority that begin under leases of this worker. */
    static List<ClaimedMessage> direct(List<NewMessage> messages, int workerId, int leaseSize, Connection connection)
            throws SQLException {
        NewMessage first = messages.get(0);
        boolean one = messages.size() == 1;
        Sql statement = one ? EnqueueSql.ENQUEUE_ONE_DIRECT.in(first) : EnqueueSql.ENQUEUE_DIRECT;
        try (Sql.Call call = statement.on(connection)) {
            if (one) {
                set(call, first);
            } else {
                MessageColumns.set(call, messages);
                int[] firsts = firstPlaces(messages.size(), leaseSize);
                call.set("queue", first.queueId())
                        .set("priority", first.priority())
                        .set("queueName", first.queue())
                        .set("firsts", firsts)
                        .set("lasts", lastPlaces(firsts, messages.size()));
            }
            List<NewLease> leases = call.set("worker", workerId).list(NewLease::of);
            if (leases.isEmpty()) {
                throw changedQueues(messages);
            }
            List<ClaimedMessage> claimed = new ArrayList<>(messages.size());
            for (int i = 0; i < messages.size(); i++) {
                int part = i / leaseSize;
                int count = Math.min(leaseSize, messages.size() - part * leaseSize);
                claimed.add(claimed(messages.get(i), leases.get(part), count, i % leaseSize));
            }
            return claimed;
        }
    }

    /** Returns where each lease begins among so many messages, from 1. */
    private static int[] firstPlaces(int messages, int leaseSize) {
        int[] firsts = new int[(messages + leaseSize - 1) / leaseSize];
        Arrays.setAll(firsts, part -> part * leaseSize + 1);
        return firsts;
    }

    /** Returns where each lease ends: before the next one begins. */
    private static int[] lastPlaces(int[] firsts, int messages) {
        int[] lasts = new int[firsts.length];
        Arrays.setAll(lasts, part -> part + 1 < firsts.length ? firsts[part + 1] - 1 : messages);
        return lasts;
    }

    /**
     * Writes one message of any kind that begins under a lease of this worker; empty when its id or key was there, or its queue has
     * another number now. The caller rolls back then.
     */
    static Optional<ClaimedMessage> leased(NewMessage message, int workerId, Connection connection)
            throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_LEASED.in(message).on(connection)) {
            set(call, message);
            call.set("worker", workerId).set("key", message.deduplicationKey());
            return call.first(NewLease::of).map(lease -> claimed(message, lease, 1, 0));
        }
    }

    private record NewLease(long id, Instant createdAt) {
        static NewLease of(ResultSet row) throws SQLException {
            return new NewLease(row.getLong(1), Rows.instant(row, 2));
        }
    }

    private static ClaimedMessage claimed(NewMessage message, NewLease lease, int leaseCount, int ordinal) {
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

    /** The queues of some messages, each named once: the numbers that a statement checks. */
    private record KnownQueues(int[] ids, String[] names) {
        static final KnownQueues UNCHECKED = new KnownQueues(new int[0], new String[0]);

        static KnownQueues of(List<NewMessage> messages) {
            // Pairs: of two names under one number, as a stale cache may give them, both are checked.
            Set<Known> known = new LinkedHashSet<>();
            messages.forEach(message -> known.add(new Known(message.queueId(), message.queue())));
            return new KnownQueues(
                    known.stream().mapToInt(Known::id).toArray(),
                    known.stream().map(Known::name).toArray(String[]::new));
        }

        void set(Sql.Call call) throws SQLException {
            call.set("knownIds", ids).set("knownNames", names);
        }

        private record Known(int id, String name) {}
    }

    private static QueueChangedException changedQueues(List<NewMessage> messages) {
        return new QueueChangedException(
                messages.stream().map(NewMessage::queue).distinct().toList());
    }

    private static void setSpecials(Sql.Call call, List<NewMessage> messages) throws SQLException {
        call.set("keys", ArrayValues.texts(messages, NewMessage::deduplicationKey))
                .set("delays", ArrayValues.nullableLongs(messages, message -> Rows.nullableMicros(message.delay())))
                .set("dueAts", ArrayValues.nullableLongs(messages, message -> micros(message.dueAt())));
    }

    private static EnqueueResult written(NewMessage message, long seq) {
        return new EnqueueResult(message.id(), true, true, seq);
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

    /**
     * @param place 0: the number of some queue is not that queue's any more
     * @param idWasThere whether nothing but the key was written
     */
    private record WrittenRow(int place, long seq, boolean idWasThere) {}

    /** The message that stands where another was to be written. */
    private record ExistingRow(UUID id, boolean isSame, boolean keyIsTaken) {}
}

package io.postroom.internal.postgres;

import io.postroom.api.Deduplication.OnDuplicate;
import io.postroom.api.MessageState;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import io.postroom.internal.storage.Targets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes new messages on a connection, in as few statements as possible, and returns what became of each. */
final class EnqueueWriter {
    private static final int ROUNDS = 5;

    private EnqueueWriter() {}

    static EnqueueResult one(NewMessage message, Connection connection) throws SQLException {
        boolean isNow = message.delay() == null && message.dueAt() == null;
        if (isNow && message.deduplicationKey() == null && message.queueId() != 0) {
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
        return isNow && isPlainFanout(message)
                ? fanout(message, connection)
                : any(List.of(message), Set.of(), KnownQueues.of(List.of(message)), connection)
                        .get(0);
    }

    private static boolean isPlainFanout(NewMessage message) {
        return !message.givenId()
                && message.deduplicationKey() == null
                && message.targets() != null
                && message.targets().queues().size() > 1
                && entryTimes(message) == null;
    }

    private static EnqueueResult fanout(NewMessage message, Connection connection) throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_FANOUT.in(message).on(connection)) {
            MessageColumns.set(call, message);
            setRouting(call, message);
            return written(
                    message, call.first(row -> row.getLong(1)).orElseThrow(() -> changedQueues(List.of(message))));
        }
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

    /** Sets what each statement of one message has: the message, its queue, and what chose the queue. */
    static void set(Sql.Call call, NewMessage message) throws SQLException {
        MessageColumns.set(call, message);
        call.set("queue", message.queueId()).set("queueName", message.queue());
        setRouting(call, message);
    }

    private static void setRouting(Sql.Call call, NewMessage message) throws SQLException {
        if (message.targets() != null) {
            UUID version = message.targets().version();
            call.setUntyped("routing", version == null ? null : version.toString());
        }
    }

    static List<EnqueueResult> many(List<NewMessage> messages, Connection connection) throws SQLException {
        return many(messages, KnownQueues.of(messages), connection);
    }

    /**
     * Writes messages that {@link LimitedWriter} has admitted.
     *
     * @param repeats the places of those that are only compared with what is there
     */
    static List<EnqueueResult> manyAdmitted(
            List<NewMessage> messages, Set<Integer> repeats, KnownQueues known, Connection connection)
            throws SQLException {
        return repeats.isEmpty() ? many(messages, known, connection) : any(messages, repeats, known, connection);
    }

    private static List<EnqueueResult> many(List<NewMessage> messages, KnownQueues known, Connection connection)
            throws SQLException {
        if (messages.isEmpty()) {
            return List.of();
        }
        return messages.stream().allMatch(NewMessage::isPlain)
                ? plain(messages, known, connection)
                : any(messages, Set.of(), known, connection);
    }

    private static List<EnqueueResult> plain(List<NewMessage> messages, KnownQueues known, Connection connection)
            throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_MANY.of(known.areRouted()).on(connection)) {
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
     *
     * @param knownRepeats the places of messages that are not written in the first round
     */
    private static List<EnqueueResult> any(
            List<NewMessage> messages, Set<Integer> knownRepeats, KnownQueues known, Connection connection)
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
            open = write(messages, known, open, round == 0 ? knownRepeats : Set.of(), answers, connection);
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
            Set<Integer> knownRepeats,
            Map<Integer, EnqueueResult> answers,
            Connection connection)
            throws SQLException {
        List<Integer> distinct = new ArrayList<>();
        List<Integer> repeats = new ArrayList<>();
        Set<UUID> ids = new HashSet<>();
        for (int i : open) {
            boolean isFirst =
                    !knownRepeats.contains(i) && ids.add(messages.get(i).id());
            (isFirst ? distinct : repeats).add(i);
        }
        Set<Integer> keysTaken = new HashSet<>();
        Set<Integer> unwritten = new LinkedHashSet<>(distinct);
        Sql statement = known.areRouted() ? EnqueueSql.ENQUEUE_ROUTED : EnqueueSql.ENQUEUE_ANY;
        try (Sql.Call call = statement.on(connection)) {
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
        Map<UUID, MessageState> states =
                MessageReader.states(found.stream().map(ExistingRow::id).toList(), connection);
        for (int place = 0; place < repeats.size(); place++) {
            int i = repeats.get(place);
            ExistingRow existing = found.get(place);
            if (!existing.keyIsTaken) {
                again.add(i);
                continue;
            }
            NewMessage message = messages.get(i);
            boolean isSame = existing.isSame || takesAny(message, existing);
            List<String> queues = existing.queues == null ? message.queues() : existing.queues;
            answers.put(i, new EnqueueResult(existing.id, false, isSame, 0, queues, states.get(existing.id)));
            if (!isSame && keysTaken.contains(i) && message.deduplicationKey() != null) {
                TakenKeys.giveBack(List.of(message), connection);
            }
        }
        return again;
    }

    /** Whether any content will do in the message that has the key. An id stands for one content. */
    private static boolean takesAny(NewMessage message, ExistingRow existing) {
        return message.deduplication().onDuplicate() != OnDuplicate.REFUSE && !existing.id.equals(message.id());
    }

    /**
     * Looks for the message of which one that reaches no queue is a repeat: it may have been stored while there was a way. Empty when
     * there is none, or when it holds the key no more.
     */
    static Optional<EnqueueResult> repeated(NewMessage message, Connection connection) throws SQLException {
        if (!message.givenId() && message.deduplicationKey() == null) {
            return Optional.empty();
        }
        ExistingRow existing = existing(List.of(message), connection).get(0);
        boolean isById = existing.id.equals(message.id()); // its exchange may be gone, and the key with it
        if (!existing.isThere || !existing.keyIsTaken && !isById) {
            return Optional.empty();
        }
        if (!isById && message.looksAtHolder() && !TakenKeys.doesKeep(existing.id, message, connection)) {
            return Optional.empty();
        }
        MessageState state =
                MessageReader.states(List.of(existing.id), connection).get(existing.id);
        List<String> queues = existing.queues == null ? List.of() : existing.queues;
        boolean isSame = existing.isSame || takesAny(message, existing);
        return Optional.of(new EnqueueResult(existing.id, false, isSame, 0, queues, state));
    }

    /** Answers which of these ids belong to messages that are stored. */
    static Set<UUID> stored(List<NewMessage> messages, Connection connection) throws SQLException {
        List<NewMessage> byId = messages.stream().map(NewMessage::withoutKey).toList();
        return existing(byId, connection).stream()
                .filter(ExistingRow::isThere)
                .map(ExistingRow::id)
                .collect(Collectors.toSet());
    }

    private static List<ExistingRow> existing(List<NewMessage> repeats, Connection connection) throws SQLException {
        try (Sql.Call call = RepeatSql.COMPARE.on(connection)) {
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
                    .set("keyOwners", ArrayValues.ints(repeats, TakenKeys::owner))
                    .set(
                            "exchanges",
                            ArrayValues.texts(
                                    repeats, repeat -> repeat.content().exchange()))
                    .set(
                            "routingKeys",
                            ArrayValues.texts(
                                    repeats, repeat -> repeat.content().routingKey()))
                    .list(ExistingRow::of);
        }
    }

    static QueueChangedException changedQueues(List<NewMessage> messages) {
        return new QueueChangedException(messages.stream()
                .flatMap(message -> message.queues().stream())
                .distinct()
                .toList());
    }

    private static void setSpecials(Sql.Call call, List<NewMessage> messages) throws SQLException {
        if (call.has("keyOwners")) {
            call.set("keyOwners", ArrayValues.ints(messages, TakenKeys::owner))
                    .set("entryTimes", ArrayValues.texts(messages, EnqueueWriter::entryTimes));
        }
        call.set("keys", ArrayValues.texts(messages, NewMessage::deduplicationKey))
                .set("delays", ArrayValues.nullableLongs(messages, message -> Rows.nullableMicros(message.delay())))
                .set("dueAts", ArrayValues.nullableLongs(messages, message -> micros(message.dueAt())));
    }

    private static EnqueueResult written(NewMessage message, long seq) {
        return new EnqueueResult(message.id(), true, true, seq, message.queues());
    }

    /** The times to live of a message's queues in microseconds, as PostgreSQL writes an array; null: none has one. */
    private static @Nullable String entryTimes(NewMessage message) {
        Targets targets = message.targets();
        if (targets == null || targets.queues().stream().allMatch(target -> target.timeToLive() == null)) {
            return null;
        }
        return targets.queues().stream()
                .map(target -> String.valueOf(Rows.nullableMicros(target.timeToLive())))
                .collect(Collectors.joining(",", "{", "}"));
    }

    /** Rounded up: a message is never early. */
    static @Nullable Long micros(@Nullable Instant instant) {
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

    /**
     * The message that stands where another was to be written.
     *
     * @param queues of a message that was created through an exchange, else null
     */
    private record ExistingRow(
            UUID id,
            boolean isSame,
            boolean keyIsTaken,
            @Nullable List<String> queues,
            boolean isThere) {
        static ExistingRow of(ResultSet row) throws SQLException {
            Array queues = row.getArray(4);
            return new ExistingRow(
                    row.getObject(1, UUID.class),
                    row.getBoolean(2),
                    row.getBoolean(3),
                    queues == null ? null : List.of((String[]) queues.getArray()),
                    row.getBoolean(5));
        }
    }
}

package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.Targets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.IntPredicate;

/**
 * The deduplication keys of a batch, taken before its messages are written. After that it is known which messages repeat others, those of
 * the same batch among them. Not thread-safe.
 */
final class TakenKeys {
    private final List<NewMessage> messages;
    private final List<NewMessage> taken = new ArrayList<>();
    private final Set<Integer> repeats = new HashSet<>();
    private final Set<UUID> stored = new HashSet<>();

    private TakenKeys(List<NewMessage> messages) {
        this.messages = messages;
    }

    /**
     * Takes the keys of all messages. A message whose key is taken already is a repeat. Waits for other open transactions with the same
     * keys.
     */
    static TakenKeys of(List<NewMessage> messages, Connection connection) throws SQLException {
        return of(messages, false, connection);
    }

    /** Does the same after {@link #lock}, which has given a free key to its message already. */
    static TakenKeys ofLocked(NewMessage message, Connection connection) throws SQLException {
        return of(List.of(message), true, connection);
    }

    private static TakenKeys of(List<NewMessage> messages, boolean locked, Connection connection) throws SQLException {
        TakenKeys keys = new TakenKeys(messages);
        List<NewMessage> keyed = new ArrayList<>();
        Set<UUID> ids = new HashSet<>();
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            if (!ids.add(message.id())) {
                keys.repeats.add(i);
            } else if (message.deduplicationKey() != null) {
                keyed.add(message);
            }
        }
        if (!keyed.isEmpty()) {
            keys.take(keyed, locked, connection);
        }
        return keys;
    }

    /**
     * Locks the keys of messages that are written one by one after that. Two batches with the same keys in other orders would deadlock
     * without it.
     */
    static void lock(List<NewMessage> messages, Connection connection) throws SQLException {
        List<NewMessage> keyed = messages.stream()
                .filter(message -> message.deduplicationKey() != null)
                .toList();
        try (Sql.Call call = RepeatSql.LOCK_KEYS.on(connection)) {
            set(call, keyed).one(row -> true);
        }
    }

    private void take(List<NewMessage> keyed, boolean locked, Connection connection) throws SQLException {
        Set<UUID> won = locked || keyed.stream().anyMatch(NewMessage::looksAtHolder)
                ? takeHeld(keyed, connection)
                : takeFree(keyed, connection);
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            if (message.deduplicationKey() == null || repeats.contains(i)) {
                continue;
            } else if (won.contains(message.id())) {
                taken.add(message);
            } else {
                repeats.add(i);
            }
        }
    }

    private static Set<UUID> takeFree(List<NewMessage> keyed, Connection connection) throws SQLException {
        try (Sql.Call call = RepeatSql.TAKE_KEYS.on(connection)) {
            return new HashSet<>(set(call, keyed).list(row -> row.getObject(1, UUID.class)));
        }
    }

    private Set<UUID> takeHeld(List<NewMessage> keyed, Connection connection) throws SQLException {
        Set<UUID> won = new HashSet<>();
        try (Sql.Call call = RepeatSql.TAKE_HELD_KEYS.on(connection)) {
            set(call, keyed)
                    .set(
                            "untils",
                            ArrayValues.texts(
                                    keyed,
                                    message -> message.deduplication().until().code()))
                    .set(
                            "onDuplicates",
                            ArrayValues.texts(
                                    keyed,
                                    message -> message.deduplication()
                                            .onDuplicate()
                                            .code()))
                    .set("delays", ArrayValues.nullableLongs(keyed, message -> Rows.nullableMicros(message.delay())))
                    .set("dueAts", ArrayValues.nullableLongs(keyed, message -> EnqueueWriter.micros(message.dueAt())))
                    .list(row -> {
                        UUID id = row.getObject(1, UUID.class);
                        UUID keeper = row.getObject(2, UUID.class);
                        if (keeper == null) {
                            won.add(id);
                        } else if (keeper.equals(id)) {
                            stored.add(id);
                        }
                        return id;
                    });
        }
        return won;
    }

    /** The places of messages whose key is another's, or whose id came before in the batch. */
    Set<Integer> repeats() {
        return repeats;
    }

    /**
     * The messages as they are to be written: those whose keys are taken need none any more. A message that is stored already is looked up
     * by its id alone, because its key may be a later message's by now.
     */
    List<NewMessage> withoutTaken() {
        if (taken.isEmpty() && stored.isEmpty()) {
            return messages;
        }
        List<NewMessage> without = new ArrayList<>(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            without.add(repeats.contains(i) && !stored.contains(message.id()) ? message : message.withoutKey());
        }
        return without;
    }

    /** Gives all keys back. */
    void giveBack(Connection connection) throws SQLException {
        giveBack(taken, connection);
    }

    /** Gives back those of messages at these places. */
    void giveBack(IntPredicate places, Connection connection) throws SQLException {
        if (!taken.isEmpty()) {
            Set<UUID> ids = new HashSet<>();
            for (int i = 0; i < messages.size(); i++) {
                if (places.test(i)) {
                    ids.add(messages.get(i).id());
                }
            }
            giveBack(
                    taken.stream().filter(message -> ids.contains(message.id())).toList(), connection);
        }
    }

    /** @param keyed messages with keys; nothing is done for a key that another message has */
    static void giveBack(List<NewMessage> keyed, Connection connection) throws SQLException {
        if (!keyed.isEmpty()) {
            try (Sql.Call call = RepeatSql.FORGET_KEYS.on(connection)) {
                set(call, keyed).update();
            }
        }
    }

    /** Whether a message keeps its key from this one, which cannot take it because it reaches no queue. */
    static boolean doesKeep(UUID holder, NewMessage message, Connection connection) throws SQLException {
        try (Sql.Call call = RepeatSql.KEEPS_KEY.on(connection)) {
            return call.set("id", holder)
                    .set("until", message.deduplication().until().code())
                    .set("onDuplicate", message.deduplication().onDuplicate().code())
                    .one(row -> row.getBoolean(1));
        }
    }

    private static Sql.Call set(Sql.Call call, List<NewMessage> keyed) throws SQLException {
        return call.set("keyOwners", ArrayValues.ints(keyed, TakenKeys::owner))
                .set("keys", ArrayValues.texts(keyed, NewMessage::deduplicationKey))
                .set("ids", ArrayValues.uuids(keyed, NewMessage::id));
    }

    /** Whose the deduplication key of a message is: its queue's, or its exchange's below zero. */
    static int owner(NewMessage message) {
        Targets targets = message.targets();
        return targets == null || targets.exchangeId() == 0 ? message.queueId() : -targets.exchangeId();
    }
}

package io.postroom.internal.postgres;

import io.postroom.api.QueueFullException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import io.postroom.internal.storage.Targets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Writes new messages of which some are for queues with a maximum length, or look at the message that holds their deduplication key.
 * Takes the deduplication keys, asks for room, writes, and takes out what is above the limit. The locks of the first two steps are held
 * until the transaction ends, so nobody else takes the keys or the room meanwhile. Their order is that of {@code create_message}: keys
 * first. A refusal leaves nothing written. Statements: {@link LimitSql}.
 *
 * <p>Repeats need no room. Which messages are repeats is known once their keys are taken. A key that is purged at this very moment is the
 * one exception: its message is written without room being asked for.
 */
final class LimitedWriter {
    private final List<NewMessage> messages;
    private final boolean checked;
    private final Connection connection;

    /** @param checked whether the numbers of the queues, and what chose them, are checked */
    private LimitedWriter(List<NewMessage> messages, boolean checked, Connection connection) {
        this.messages = messages;
        this.checked = checked;
        this.connection = connection;
    }

    static List<EnqueueResult> write(List<NewMessage> messages, Connection connection) throws SQLException {
        return write(messages, true, connection);
    }

    /** Does the same for messages whose queues were looked up just now: a snapshot that is older than a queue does not show it. */
    static List<EnqueueResult> writeLookedUp(List<NewMessage> messages, Connection connection) throws SQLException {
        return write(messages, false, connection);
    }

    private static List<EnqueueResult> write(List<NewMessage> messages, boolean checked, Connection connection)
            throws SQLException {
        if (messages.stream().noneMatch(NewMessage::looksAtHolder)) {
            return new LimitedWriter(messages, checked, connection).takeAndWrite();
        }
        // A key that was another message's cannot be given back by a DELETE, nor a cancelled message brought back. The
        // messages may come again with other queues, or with none: then the other one must be where it was.
        Savepoint before = connection.setSavepoint();
        List<EnqueueResult> results;
        try {
            results = writeHeld(messages, checked, connection);
        } catch (QueueFullException | QueueChangedException refused) {
            connection.rollback(before);
            throw refused;
        }
        connection.releaseSavepoint(before);
        return results;
    }

    private static List<EnqueueResult> writeHeld(List<NewMessage> messages, boolean checked, Connection connection)
            throws SQLException {
        if (!doLookAtOneAnother(messages)) {
            return new LimitedWriter(messages, checked, connection).takeAndWrite();
        }
        TakenKeys.lock(messages, connection);
        List<EnqueueResult> results = new ArrayList<>(messages.size());
        for (NewMessage message : messages) {
            results.addAll(new LimitedWriter(List.of(message), checked, connection)
                    .write(TakenKeys.ofLocked(message, connection)));
        }
        return results;
    }

    /** Whether a message has to look at another one of the batch. That one must be written before, so they go one by one. */
    private static boolean doLookAtOneAnother(List<NewMessage> messages) {
        Set<Map.Entry<Integer, String>> keys = new HashSet<>();
        return messages.stream()
                .filter(message -> message.deduplicationKey() != null)
                .anyMatch(message -> !keys.add(Map.entry(TakenKeys.owner(message), message.deduplicationKey())));
    }

    private List<EnqueueResult> takeAndWrite() throws SQLException {
        return write(TakenKeys.of(messages, connection));
    }

    private List<EnqueueResult> write(TakenKeys keys) throws SQLException {
        try {
            List<Admission> over = admitted(keys.repeats());
            KnownQueues known = checked ? KnownQueues.of(messages).withoutQueues() : KnownQueues.unchecked(messages);
            List<EnqueueResult> results =
                    EnqueueWriter.manyAdmitted(keys.withoutTaken(), keys.repeats(), known, connection);
            keys.giveBack(place -> !results.get(place).sameContent(), connection);
            settle(over);
            return results;
        } catch (QueueFullException | QueueChangedException refused) { // the caller's transaction may go on
            keys.giveBack(connection);
            throw refused;
        }
    }

    /**
     * Returns the queues to settle after the messages were written.
     *
     * @param repeats places of messages that need no room
     * @throws QueueFullException a queue refuses
     */
    private List<Admission> admitted(Set<Integer> repeats) throws SQLException {
        List<NewMessage> given = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            if (messages.get(i).givenId() && !repeats.contains(i)) {
                given.add(messages.get(i));
            }
        }
        Set<UUID> stored = given.isEmpty() ? Set.of() : EnqueueWriter.stored(given, connection);
        List<Admission> answers = ask(repeats, stored);
        if (!given.isEmpty() && answers.stream().anyMatch(Admission::isAboveLimit)) {
            // The question may have waited for a transaction that stored one of them. Whoever stores one now waits for
            // this one.
            Set<UUID> storedByNow = EnqueueWriter.stored(given, connection);
            answers = storedByNow.equals(stored) ? answers : ask(repeats, storedByNow);
        }
        List<Admission> over = new ArrayList<>();
        for (Admission queue : answers) {
            switch (queue.answer()) {
                case FULL -> throw new QueueFullException(queue.queue(), queue.maxLength(), queue.waiting());
                case SETTLE -> over.add(queue);
                case CHANGED -> {
                    if (checked) {
                        throw EnqueueWriter.changedQueues(messages);
                    }
                }
            }
        }
        return over;
    }

    /** Asks about the queues of all messages, because this also checks their numbers. */
    private List<Admission> ask(Set<Integer> repeats, Set<UUID> stored) throws SQLException {
        Map<Targets.Target, Integer> counts = new LinkedHashMap<>();
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            boolean needsRoom = message.delay() == null
                    && message.dueAt() == null
                    && !repeats.contains(i)
                    && !stored.contains(message.id());
            for (Targets.Target target : targets(message)) {
                counts.merge(target, needsRoom ? 1 : 0, Integer::sum);
            }
        }
        try (Sql.Call call = LimitSql.ADMIT.on(connection)) {
            return call.set(
                            "queues",
                            counts.keySet().stream()
                                    .mapToInt(Targets.Target::queueId)
                                    .toArray())
                    .set(
                            "names",
                            counts.keySet().stream().map(Targets.Target::queue).toArray(String[]::new))
                    .set(
                            "messages",
                            counts.values().stream().mapToInt(Integer::intValue).toArray())
                    .list(Admission::of);
        }
    }

    private static List<Targets.Target> targets(NewMessage message) {
        Targets targets = message.targets();
        List<Targets.Target> queues = targets == null
                ? List.of(new Targets.Target(message.queueId(), message.queue(), null))
                : targets.queues();
        return queues.stream()
                .map(queue -> new Targets.Target(queue.queueId(), queue.queue(), null)) // one key a queue
                .toList();
    }

    private void settle(List<Admission> over) throws SQLException {
        if (over.isEmpty()) {
            return;
        }
        UUID[] ids = messages.stream().map(NewMessage::id).toArray(UUID[]::new);
        for (Admission queue : over) {
            try (Sql.Call call = LimitSql.SETTLE.on(connection)) {
                call.set("queue", queue.queueId())
                        .set("surplus", queue.surplus())
                        .set("afterSeq", queue.afterSeq())
                        .set("messages", ids)
                        .one(row -> true);
            }
        }
    }
}

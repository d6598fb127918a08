package io.postroom.internal.postgres;

import io.postroom.api.QueueFullException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.Targets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Writes new messages of which some are for queues with a maximum length: asks for room, writes, and takes out what is above the limit. The
 * lock of the first step is held until the transaction ends, so nobody else takes the room meanwhile. A refusal comes before anything is
 * written. Statements: {@link LimitSql}.
 */
final class LimitedWriter {
    private LimitedWriter() {}

    static List<EnqueueResult> write(List<NewMessage> messages, Connection connection) throws SQLException {
        List<Admission> over = admitted(messages, true, connection);
        List<EnqueueResult> results = EnqueueWriter.manyAdmitted(messages, connection);
        settle(over, messages, connection);
        return results;
    }

    /** Does the same for messages whose queues were looked up just now: a snapshot that is older than a queue does not show it. */
    static List<EnqueueResult> writeLookedUp(List<NewMessage> messages, Connection connection) throws SQLException {
        List<Admission> over = admitted(messages, false, connection);
        List<EnqueueResult> results = EnqueueWriter.manyUnchecked(messages, connection);
        settle(over, messages, connection);
        return results;
    }

    /**
     * Returns the queues to settle after the messages were written.
     *
     * @param checked whether the numbers of the queues are checked
     * @throws QueueFullException a queue refuses
     */
    private static List<Admission> admitted(List<NewMessage> messages, boolean checked, Connection connection)
            throws SQLException {
        List<Admission> answers = ask(messages, connection);
        boolean isFull = answers.stream().anyMatch(answer -> answer.answer.equals("full") || answer.surplus > 0);
        if (isFull) { // those that are there already need no room
            List<NewMessage> fresh = withoutRepeats(messages, connection);
            answers = fresh.size() == messages.size() ? answers : ask(fresh, connection);
        }
        List<Admission> over = new ArrayList<>();
        for (Admission answer : answers) {
            if (answer.answer.equals("full")) {
                throw new QueueFullException(answer.queue, answer.maxLength, answer.waiting);
            } else if (answer.answer.equals("settle")) {
                over.add(answer);
            } else if (checked) {
                throw EnqueueWriter.changedQueues(messages);
            }
        }
        return over;
    }

    private static List<NewMessage> withoutRepeats(List<NewMessage> messages, Connection connection)
            throws SQLException {
        List<NewMessage> fresh = new ArrayList<>();
        for (NewMessage message : messages) {
            if (EnqueueWriter.repeated(message, connection).isEmpty()) {
                fresh.add(message);
            }
        }
        return fresh;
    }

    private static List<Admission> ask(List<NewMessage> messages, Connection connection) throws SQLException {
        Map<Targets.Target, Integer> counts = new LinkedHashMap<>();
        for (NewMessage message : messages) {
            boolean isReady = message.delay() == null && message.dueAt() == null;
            for (Targets.Target target : targets(message)) {
                counts.merge(target, isReady ? 1 : 0, Integer::sum);
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

    private static void settle(List<Admission> over, List<NewMessage> messages, Connection connection)
            throws SQLException {
        if (over.isEmpty()) {
            return;
        }
        UUID[] ids = messages.stream().map(NewMessage::id).toArray(UUID[]::new);
        for (Admission queue : over) {
            try (Sql.Call call = LimitSql.SETTLE.on(connection)) {
                call.set("queue", queue.queueId)
                        .set("surplus", queue.surplus)
                        .set("afterSeq", queue.afterSeq)
                        .set("messages", ids)
                        .one(row -> true);
            }
        }
    }

    /** What {@code admit} answers about a queue: see there. */
    private record Admission(
            int queueId, String queue, String answer, long maxLength, long waiting, long surplus, long afterSeq) {
        static Admission of(ResultSet row) throws SQLException {
            return new Admission(
                    row.getInt(1),
                    row.getString(2),
                    row.getString(3),
                    row.getLong(4),
                    row.getLong(5),
                    row.getLong(6),
                    row.getLong(7));
        }
    }
}

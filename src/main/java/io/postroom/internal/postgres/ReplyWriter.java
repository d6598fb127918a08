package io.postroom.internal.postgres;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.ReplyMessage;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * Writes the replies of messages that were completed a moment ago, in the same transaction. An end whose lease was lost has no reply: the
 * attempt that completes the message replies.
 */
final class ReplyWriter {
    private static final String MOVED = "PR421";

    private ReplyWriter() {}

    /** Whether any of these ends has a reply, so that they need a transaction of several statements. */
    static boolean hasReplies(List<Completion> completions) {
        for (Completion completion : completions) { // no stream: asked for each batch of ends
            if (completion.reply() != null) {
                return true;
            }
        }
        return false;
    }

    /** @param parts what counted of the completions */
    static void write(List<Completion> completions, List<LeasePart> parts, Connection connection) throws SQLException {
        if (!hasReplies(completions)) {
            return;
        }
        List<ReplyMessage> replies = counted(completions, parts);
        if (!replies.isEmpty() && !isWritten(replies, connection) && replies.size() > 1) {
            for (ReplyMessage reply : replies) {
                isWritten(List.of(reply), connection);
            }
        }
    }

    private static List<ReplyMessage> counted(List<Completion> completions, List<LeasePart> parts) {
        Predicate<Completion> written = LeasePart.written(parts);
        List<ReplyMessage> replies = new ArrayList<>();
        for (Completion completion : completions) {
            ReplyMessage reply = completion.reply();
            if (reply == null) {
                continue;
            }
            reply.notStored();
            if (reply.message() != null && written.test(completion)) {
                replies.add(reply);
            }
        }
        return replies;
    }

    /** Writes behind a savepoint: a reply that the database refuses must not undo what the handler wrote. */
    private static boolean isWritten(List<ReplyMessage> replies, Connection connection) throws SQLException {
        Savepoint before = connection.setSavepoint();
        try {
            create(replies, connection);
            connection.releaseSavepoint(before);
            return true;
        } catch (SQLException error) {
            StoreException failure = StoreErrors.translate("reply", error);
            if (failure.mayPass() || hasMoved(failure) && replies.size() == 1) {
                throw error;
            }
            connection.rollback(before);
            replies.forEach(reply -> reply.refused(String.valueOf(failure.getMessage())));
            return false;
        }
    }

    /**
     * Whether the queue of a reply is closed for a while, or lives on another home. Then the request must not be Done without its reply,
     * as it is where nobody waits for one.
     */
    static boolean hasMoved(StoreException failure) {
        return failure.state().equals(MOVED);
    }

    private static void create(List<ReplyMessage> replies, Connection connection) throws SQLException {
        List<NewMessage> messages = replies.stream()
                .map(reply -> Objects.requireNonNull(reply.message()))
                .toList();
        try (Sql.Call call = ReplySql.CREATE.on(connection)) {
            set(call, messages);
            call.list(row -> {
                int place = row.getInt(1) - 1;
                int queueId = row.getInt(2);
                long seq = row.getLong(3);
                if (!row.wasNull()) {
                    Lane lane = new Lane(queueId, messages.get(place).priority());
                    replies.get(place).stored(new Arrival(lane, seq, 1));
                }
                return place;
            });
        }
    }

    private static void set(Sql.Call call, List<NewMessage> messages) throws SQLException {
        call.set("queues", ArrayValues.texts(messages, NewMessage::queue))
                .set("versions", ArrayValues.ints(messages, one -> one.content().version()))
                .set("types", ArrayValues.texts(messages, one -> one.content().type()))
                .set("priorities", ArrayValues.ints(messages, NewMessage::priority))
                .set("timesToLive", ArrayValues.nullableLongs(messages, one -> Rows.nullableMicros(one.timeToLive())))
                .set(
                        "correlations",
                        ArrayValues.texts(messages, one -> one.content().correlationId()))
                .set("groups", ArrayValues.texts(messages, one -> one.content().group()))
                .set("headers", ArrayValues.texts(messages, one -> one.content().headers()))
                .set(
                        "directions",
                        ArrayValues.texts(
                                messages, one -> one.content().direction().name()))
                .set(
                        "contentTypes",
                        ArrayValues.texts(messages, one -> one.content().contentType()))
                .set(
                        "payloads",
                        ArrayValues.texts(messages, one -> one.content().payload()))
                .set("bodies", ArrayValues.bytes(messages, one -> one.content().body()));
    }
}

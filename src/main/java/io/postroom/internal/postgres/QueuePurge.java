package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Cancels the messages of a queue that wait when the purge begins, or that waited when the queue was deleted: first those behind others of
 * their group, then READY, lane by lane, then DELAYED. Claims and completions of an ordered queue move messages between the first two
 * places meanwhile. So they are looked for until one snapshot shows none; what an open transaction has locked is left out. Each step is
 * one batch in one transaction, so it holds its locks for a moment only. For one thread.
 */
final class QueuePurge {
    private static final int BATCH = 1000;

    private static final long NOT_YET_KNOWN = -1;

    /** For a claim in progress, which takes milliseconds; a transaction that is open for longer is not waited for. 50 looks, 2 ms apart. */
    private static final int MOST_LOOKS_IN_VAIN = 50;

    private static final long PAUSE_NANOS = 2_000_000;

    private final int queueId;
    private final @Nullable String reason;
    private boolean groupsAreEmpty;
    private boolean readyIsEmpty;
    private boolean nothingMoved;
    private int looksInVain;
    private int priority = -1;
    private long seq;
    private long upTo;
    private long cancelled;

    private QueuePurge(int queueId, long upTo, @Nullable String reason) {
        this.queueId = queueId;
        this.upTo = upTo;
        this.reason = reason;
    }

    /** Empties a queue that stays. */
    static QueuePurge of(int queueId) {
        return new QueuePurge(queueId, NOT_YET_KNOWN, null);
    }

    /** @param upTo the last seq that belongs to the deleted queue; later ones belong to a queue of its name that is there again */
    static QueuePurge ofDeleted(int queueId, long upTo) {
        return new QueuePurge(queueId, upTo, QueueDeletion.REASON);
    }

    long cancelled() {
        return cancelled;
    }

    /** Cancels one batch; false at the end. The count is right once the transaction of the step is committed. */
    boolean step(Connection connection) throws SQLException {
        if (!groupsAreEmpty) {
            return grouped(connection);
        }
        if (!readyIsEmpty) {
            return ready(connection);
        }
        return nothingMoved ? delayed(connection) : moved(connection);
    }

    /** Goes first: what ends in READY before lets the next message of its group go there. */
    private boolean grouped(Connection connection) throws SQLException {
        if (upTo == NOT_YET_KNOWN) {
            try (Sql.Call call = OperateSql.LAST_SEQ.on(connection)) {
                upTo = call.one(row -> row.getLong(1));
            }
        }
        try (Sql.Call call = OperateSql.PURGE_GROUPED.on(connection)) {
            int count = call.set("queue", queueId)
                    .set("upTo", upTo)
                    .set("limit", BATCH)
                    .set("reason", reason)
                    .one(row -> row.getInt(1));
            cancelled += count;
            groupsAreEmpty = count < BATCH;
            return true;
        }
    }

    private boolean ready(Connection connection) throws SQLException {
        try (Sql.Call call = OperateSql.PURGE_READY.on(connection)) {
            List<Place> places = call.set("queue", queueId)
                    .set("priority", priority)
                    .set("seq", seq)
                    .set("upTo", upTo)
                    .set("limit", BATCH)
                    .set("reason", reason)
                    .list(row -> new Place(row.getInt(1), row.getLong(2)));
            if (places.isEmpty()) {
                readyIsEmpty = true;
            } else {
                Place last = places.get(places.size() - 1);
                priority = last.priority;
                seq = last.seq;
                cancelled += places.size();
            }
            return true;
        }
    }

    private boolean moved(Connection connection) throws SQLException {
        if (looksInVain > 0) {
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        try (Sql.Call call = OperateSql.PURGE_MOVED.on(connection)) {
            Moved found = call.set("queue", queueId)
                    .set("upTo", upTo)
                    .set("limit", BATCH)
                    .set("reason", reason)
                    .one(row -> new Moved(row.getInt(1), row.getBoolean(2)));
            cancelled += found.cancelled;
            looksInVain = found.cancelled > 0 ? 0 : looksInVain + 1;
            nothingMoved = !found.any || looksInVain == MOST_LOOKS_IN_VAIN;
            return true;
        }
    }

    private boolean delayed(Connection connection) throws SQLException {
        try (Sql.Call call = OperateSql.PURGE_DELAYED.on(connection)) {
            int count = call.set("queue", queueId)
                    .set("limit", BATCH)
                    .set("reason", reason)
                    .one(row -> row.getInt(1));
            cancelled += count;
            return count == BATCH;
        }
    }

    private record Place(int priority, long seq) {}

    private record Moved(int cancelled, boolean any) {}
}

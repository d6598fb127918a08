package io.postroom.internal.postgres;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.RedriveResult;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** What touches many messages, in steps that each hold their locks for a moment. */
final class BulkWork {
    private BulkWork() {}

    /** One step of each bulk redrive that no other node is at. */
    static RedriveResult redriveSome(Duration elapsed, Connection connection) throws SQLException {
        record Open(UUID id, int limit) {}
        List<Open> open;
        try (Sql.Call call = OperateSql.OPEN_REDRIVES.on(connection)) {
            open = call.set("elapsed", Rows.micros(elapsed))
                    .list(row -> new Open(row.getObject(1, UUID.class), row.getInt(2)));
        }
        List<Arrival> arrivals = new ArrayList<>();
        for (Open action : open) {
            if (action.limit <= 0) {
                continue;
            }
            try (Sql.Call call = OperateSql.REDRIVE_SOME.on(connection)) {
                arrivals.addAll(call.set("action", action.id)
                        .set("limit", action.limit)
                        .list(row ->
                                new Arrival(new Lane(row.getInt(1), row.getInt(2)), row.getLong(3), row.getInt(4))));
            }
        }
        return new RedriveResult(arrivals, !open.isEmpty());
    }

    /**
     * From here on the queue is gone for everybody; empty when it was not there.
     *
     * @throws IllegalStateException a condition does not hold
     */
    static Optional<Integer> markDeleted(String queue, boolean ifEmpty, boolean ifUnused, Connection connection)
            throws SQLException {
        record Found(int id, boolean waiting, boolean inProgress, boolean dead, Optional<String> consumers) {}
        Optional<Found> looked;
        try (Sql.Call call = OperateSql.LOOK_BEFORE_DELETE.on(connection)) {
            looked = call.set("queue", queue)
                    .first(row -> new Found(
                            row.getInt(1),
                            row.getBoolean(2),
                            row.getBoolean(3),
                            row.getBoolean(4),
                            Optional.ofNullable(row.getString(5))));
        }
        if (looked.isEmpty()) {
            return Optional.empty();
        }
        Found found = looked.get();
        if (ifUnused && found.consumers.isPresent()) {
            throw new IllegalStateException(
                    "queue \"" + queue + "\" is consumed by " + found.consumers.get() + "; nothing was deleted");
        }
        if (ifEmpty && (found.waiting || found.inProgress || found.dead)) {
            throw new IllegalStateException("queue \"" + queue + "\" is not empty: "
                    + (found.waiting
                            ? "messages wait in it"
                            : found.inProgress ? "messages are in progress" : "it has dead letters")
                    + "; nothing was deleted");
        }
        try (Sql.Call call = OperateSql.DELETE.on(connection)) {
            call.set("queue", found.id).update();
        }
        return Optional.of(found.id);
    }

    /** Cancels all that waits in a queue at its beginning, lane by lane, batch by batch. */
    static final class Purge {
        private static final int BATCH = 1000;

        private final int queueId;
        private boolean readyIsEmpty;
        private int priority = -1;
        private long seq;
        private long upTo;
        private long cancelled;

        Purge(int queueId) {
            this.queueId = queueId;
        }

        long cancelled() {
            return cancelled;
        }

        /** One batch; false when there is nothing more to do. Its count is right once its transaction is committed. */
        boolean step(Connection connection) throws SQLException {
            return readyIsEmpty ? delayed(connection) : ready(connection);
        }

        private boolean ready(Connection connection) throws SQLException {
            if (priority < 0) {
                try (Sql.Call call = OperateSql.LAST_SEQ.on(connection)) {
                    upTo = call.one(row -> row.getLong(1));
                }
            }
            record Place(int priority, long seq) {}
            try (Sql.Call call = OperateSql.PURGE_READY.on(connection)) {
                List<Place> places = call.set("queue", queueId)
                        .set("priority", priority)
                        .set("seq", seq)
                        .set("upTo", upTo)
                        .set("limit", BATCH)
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

        private boolean delayed(Connection connection) throws SQLException {
            try (Sql.Call call = OperateSql.PURGE_DELAYED.on(connection)) {
                int count = call.set("queue", queueId).set("limit", BATCH).one(row -> row.getInt(1));
                cancelled += count;
                return count == BATCH;
            }
        }
    }
}

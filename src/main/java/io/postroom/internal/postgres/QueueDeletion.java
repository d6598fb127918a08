package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Marks a queue deleted when its conditions hold. Emptying it is {@link QueuePurge}'s part. */
final class QueueDeletion {
    private QueueDeletion() {}

    /**
     * Marks the queue deleted for all processes.
     *
     * @return its id; empty when there is no such queue
     * @throws IllegalStateException a condition does not hold
     */
    static Optional<Integer> mark(String queue, boolean ifEmpty, boolean ifUnused, Connection connection)
            throws SQLException {
        try (Sql.Call call = OperateSql.CHANGE_ROUTING.on(connection)) {
            call.set("queue", queue).first(row -> true);
        }
        Optional<Found> found = look(queue, connection);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        found.get().require(queue, ifEmpty, ifUnused);
        try (Sql.Call call = OperateSql.DELETE.on(connection)) {
            call.set("queue", found.get().id).update();
        }
        return Optional.of(found.get().id);
    }

    private static Optional<Found> look(String queue, Connection connection) throws SQLException {
        try (Sql.Call call = OperateSql.LOOK_BEFORE_DELETE.on(connection)) {
            return call.set("queue", queue).first(Found::of);
        }
    }

    /** @param consumers the names of those that consume the queue; null: nobody does */
    private record Found(
            int id,
            boolean waiting,
            boolean inProgress,
            boolean dead,
            @Nullable String consumers) {
        static Found of(ResultSet row) throws SQLException {
            return new Found(row.getInt(1), row.getBoolean(2), row.getBoolean(3), row.getBoolean(4), row.getString(5));
        }

        void require(String queue, boolean ifEmpty, boolean ifUnused) {
            if (ifUnused && consumers != null) {
                throw new IllegalStateException(
                        "queue \"" + queue + "\" is consumed by " + consumers + "; nothing was deleted");
            }
            if (ifEmpty && (waiting || inProgress || dead)) {
                throw new IllegalStateException("queue \"" + queue + "\" is not empty: "
                        + (waiting
                                ? "messages wait in it"
                                : inProgress ? "messages are in progress" : "it has dead letters")
                        + "; nothing was deleted");
            }
        }
    }
}

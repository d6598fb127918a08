package io.postroom.internal.postgres;

import io.postroom.api.Direction;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Content;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Turns rows of {@link ClaimSql#CLAIM} and its sisters, and of {@link ClaimSql#RELOAD}, into messages. */
final class ClaimedRows {
    private ClaimedRows() {}

    /** A row of a claim. */
    static ClaimedMessage claimed(ResultSet row, ClaimRequest request) throws SQLException {
        String turn = request.turns() == null ? null : row.getString(24);
        return claimed(row, request.queueId(), request.ordered(), turn);
    }

    /** A row of a claim for many queues. */
    static ClaimedMessage claimedOfMany(ResultSet row) throws SQLException {
        return claimed(row, row.getInt(24), false, null);
    }

    private static ClaimedMessage claimed(ResultSet row, int queueId, boolean ordered, @Nullable String turn)
            throws SQLException {
        Content content = content(row, 13);
        return new ClaimedMessage(
                row.getObject(6, UUID.class),
                queueId,
                row.getInt(4),
                row.getLong(5),
                new ClaimedMessage.Lease(
                        row.getLong(1), row.getInt(2), row.getInt(3), ordered && content.group() != null),
                new ClaimedMessage.Counters(row.getInt(7), row.getInt(8), row.getInt(9)),
                row.getBoolean(10),
                row.getBoolean(11),
                Rows.instant(row, 12),
                content,
                turn);
    }

    /** The claimed message with the content of this row. */
    static ClaimedMessage reloaded(ResultSet row, ClaimedMessage claimed) throws SQLException {
        return claimed.withContent(content(row, 3), row.getBoolean(1), Rows.instant(row, 2));
    }

    /**
     * Reads eleven columns: type, version, direction, correlation id, content type, exchange, routing key, headers, payload, body, group.
     */
    private static Content content(ResultSet row, int first) throws SQLException {
        return new Content(
                direction(row, first + 2),
                row.getString(first),
                row.getInt(first + 1),
                row.getString(first + 8),
                row.getBytes(first + 9),
                row.getString(first + 4),
                row.getString(first + 7),
                row.getString(first + 3),
                row.getString(first + 5),
                row.getString(first + 6),
                row.getString(first + 10));
    }

    /** Takes an unknown code for INCOMING, so that one row written by hand cannot stop a claim. */
    private static Direction direction(ResultSet row, int column) throws SQLException {
        return row.getInt(column) == Direction.OUTGOING.code() ? Direction.OUTGOING : Direction.INCOMING;
    }
}

package io.postroom.internal.postgres;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import java.sql.ResultSet;
import java.sql.SQLException;

/** Turns rows of statements that put messages into READY into arrivals. */
final class ArrivalRows {
    private ArrivalRows() {}

    /** Reads four columns: queue, priority, lowest seq, count. */
    static Arrival arrival(ResultSet row) throws SQLException {
        return new Arrival(new Lane(row.getInt(1), row.getInt(2)), row.getLong(3), row.getInt(4));
    }
}

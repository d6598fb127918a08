package io.postroom.internal.postgres;

import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Sql;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** Sets the parameters {@code reason} and {@code actor} of a statement that leaves a line of the ledger. */
final class Reasons {
    private Reasons() {}

    /** @param reason null: nobody said why */
    static Sql.Call because(@Nullable Reason reason, Sql.Call call) throws SQLException {
        return call.set("reason", reason == null ? null : reason.text())
                .set("actor", reason == null ? null : reason.actor().orElse(null));
    }
}

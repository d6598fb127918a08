package io.postroom.testing;

import org.springframework.jdbc.core.simple.JdbcClient;

/** What tests do to lines of the ledger that the product refuses: as the owner of the table, and without a word about it anywhere else. */
public final class LedgerLines {
    private static final String TABLE = "ALTER TABLE postroom.operator_action ";

    private LedgerLines() {}

    /** Runs a statement with the triggers of the ledger switched off, in one transaction. */
    public static void unguarded(JdbcClient sql, String statement) {
        sql.sql(TABLE + "DISABLE TRIGGER USER; " + statement + "; " + TABLE + "ENABLE TRIGGER USER")
                .update();
    }

    /** Removes all lines. */
    public static void removeAll(JdbcClient sql) {
        unguarded(sql, "TRUNCATE postroom.operator_action");
    }
}

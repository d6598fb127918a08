package io.postroom.internal.storage;

import io.postroom.api.StoreException.Kind;
import java.util.HashMap;
import java.util.Map;

/**
 * The table of SQLSTATEs: what may be done about a failure, whether one row may be to blame for it, and whether its transaction may have
 * been committed all the same. The states are those of appendix A of the PostgreSQL manual.
 *
 * <p>A state is looked up as a whole first, then by its class, which is its first two characters. A state that is in no line may be of any
 * kind: it is {@link Kind#BROKEN}, one row may be to blame, and its transaction may have been committed.
 */
final class SqlStates {
    /** What {@code postroom.refuse_moved} says: the queue has moved to another home. */
    static final String MOVED = "PR421";

    private static final Line UNKNOWN = new Line(Kind.BROKEN, Blame.ANY, true);
    private static final Map<String, Line> LINES = new HashMap<>();

    static {
        // ---- the connection, or a pooler in between. PgBouncer reports its own trouble as 08P01.
        add(Kind.UNAVAILABLE, Blame.DATABASE, true, "08");
        add(Kind.UNAVAILABLE, Blame.DATABASE, false, "08001", "08004");
        // ---- the statement does not fit the database or the session: a missing right, table or prepared statement
        add(Kind.BROKEN, Blame.DATABASE, false, "0A", "0B", "0L", "0P", "21", "24", "25", "26", "28", "2B", "2D");
        add(Kind.BROKEN, Blame.DATABASE, false, "34", "3B", "3D", "3F", "42", "55", "F0", "HV");
        // ---- the data
        add(Kind.REFUSED, Blame.ROW, false, "22", "23", "40002", "44");
        add(Kind.REFUSED, Blame.ROW, false, "PR404"); // postroom.create_message: the message reaches no queue
        add(Kind.REFUSED, Blame.ROW, false, "PR409"); // postroom.set_settings: another one has changed the entry
        add(Kind.REFUSED, Blame.ROW, false, MOVED);
        add(Kind.REFUSED, Blame.ROW, false, "PR429"); // postroom.create_message: the queue is full
        // ---- the state of the transaction. The server ends a session of 25P03 while it waits for a statement.
        add(Kind.UNAVAILABLE, Blame.DATABASE, false, "25006", "25P03");
        add(Kind.UNAVAILABLE, Blame.DATABASE, true, "25P04");
        // ---- two transactions stood in each other's way
        add(Kind.TRY_AGAIN, Blame.DATABASE, false, "40", "55P03", "72");
        add(Kind.UNAVAILABLE, Blame.DATABASE, true, "40003");
        // ---- no room: disk, memory, connections
        add(Kind.UNAVAILABLE, Blame.DATABASE, false, "53");
        // ---- a limit of the server. 54000 is also said by a server that has used up its transaction ids.
        add(Kind.BROKEN, Blame.ANY, false, "54");
        // ---- somebody or a time limit intervened, the server stops or starts
        add(Kind.UNAVAILABLE, Blame.DATABASE, true, "57");
        add(Kind.UNAVAILABLE, Blame.DATABASE, false, "57014", "57P03");
        // ---- the operating system or the files below the server
        add(Kind.UNAVAILABLE, Blame.DATABASE, true, "58");
        // ---- a trigger of the user's, and damaged rows or indexes
        add(Kind.BROKEN, Blame.ANY, false, "P0");
        add(Kind.BROKEN, Blame.ANY, true, "XX");
    }

    private SqlStates() {}

    private static void add(Kind kind, Blame blame, boolean mayBeCommitted, String... statesOrClasses) {
        for (String stateOrClass : statesOrClasses) {
            LINES.put(stateOrClass, new Line(kind, blame, mayBeCommitted));
        }
    }

    /** @param state five characters; empty when there is none */
    static Line of(String state) {
        Line line = LINES.get(state);
        if (line == null && state.length() == 5) {
            line = LINES.get(state.substring(0, 2));
        }
        return line == null ? UNKNOWN : line;
    }

    /** What failures of this kind are about. */
    enum Blame {
        /** The data of a row: another row may succeed. */
        ROW,
        /** The statement, the session or the server: every other row would fail, too. */
        DATABASE,
        /** Either of the two. */
        ANY
    }

    /**
     * One line of the table.
     *
     * @param mayBeCommitted whether a commit may have taken place although its answer was this failure
     */
    record Line(Kind kind, Blame blame, boolean mayBeCommitted) {}
}

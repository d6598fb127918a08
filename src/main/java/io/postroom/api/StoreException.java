package io.postroom.api;

/** The database refused a statement, or could not be reached. {@link #kind()} says what may be done about it. */
public class StoreException extends PostroomException {
    private final Kind kind;
    private final String state;

    /** @param state SQLSTATE; empty when there is none */
    public StoreException(String message, Kind kind, String state, Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.state = state;
    }

    /** What may be done about it. */
    public enum Kind {
        /** Nothing was written, and a repeat may succeed a moment later: a deadlock, a lock that was not free, a serialisation failure. */
        TRY_AGAIN,
        /** The database is away, read-only, full or out of connections. Whether a commit under way took place is not known. */
        UNAVAILABLE,
        /** The data broke a rule: a repeat fails again. */
        REFUSED,
        /** All other failures: a bug, a missing right, a missing table. */
        BROKEN
    }

    /** What may be done about it. */
    public Kind kind() {
        return kind;
    }

    /** SQLSTATE; empty text when there is none. */
    public String state() {
        return state;
    }

    /** Whether the same call may succeed later: {@link Kind#TRY_AGAIN} or {@link Kind#UNAVAILABLE}. */
    public boolean mayPass() {
        return kind == Kind.TRY_AGAIN || kind == Kind.UNAVAILABLE;
    }
}

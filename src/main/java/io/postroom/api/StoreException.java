package io.postroom.api;

/** The database refused or could not be reached. */
public class StoreException extends PostroomException {
    private final Kind kind;
    private final String state;

    /** @param state SQLSTATE, empty when there is none */
    public StoreException(String message, Kind kind, String state, Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.state = state;
    }

    /** What may be done about it. */
    public enum Kind {
        /** Nothing was written, and the same may work a moment later: a deadlock, a lock not got, a serialisation failure. */
        TRY_AGAIN,
        /** The database is away, read-only, full or out of connections; the fate of a commit that was under way is not known. */
        UNAVAILABLE,
        /** The data broke a rule: the same will fail again. */
        REFUSED,
        /** Anything else: a bug, a missing right, a missing table. */
        BROKEN
    }

    public Kind kind() {
        return kind;
    }

    public String state() {
        return state;
    }

    public boolean mayPass() {
        return kind == Kind.TRY_AGAIN || kind == Kind.UNAVAILABLE;
    }
}

package io.postroom.api;

/** The way a message goes, seen from the host. A label for people, audits and filters: the engine treats both alike. */
public enum Direction {
    OUTGOING(0),
    INCOMING(1);

    private final int code;

    Direction(int code) {
        this.code = code;
    }

    /** The number that the tables store. It never changes, whatever the order of the constants. */
    public int code() {
        return code;
    }
}

package io.postroom.api;

/** Which way a message goes, seen from the host. A label for people, audits and filters: the engine treats both alike. */
public enum Direction {
    OUTGOING,
    INCOMING
}

package io.postroom.api;

import java.util.UUID;

/**
 * A bulk action on record in {@code operator_action}. Any process with workers carries it on, also after this one has ended. Thread-safe.
 * Every method but {@link #id()} asks the database, and throws {@link StoreException} when that fails.
 */
public interface Operation {
    /** The id of its row in {@code operator_action}. */
    UUID id();

    /** How many messages the filter matched when it was put on record. */
    long planned();

    /** How many have been moved so far. */
    long done();

    /** Whether it has ended: nothing is left to move, or it was stopped. */
    boolean finished();

    /** Ends it before its time. What was moved stays moved; a repeat changes nothing. */
    void stop();
}

package io.postroom.api;

import java.util.UUID;

/** A bulk action on record in {@code operator_action}; any node of the cluster carries it on. Each getter asks the database. */
public interface Operation {
    UUID id();

    /** How many messages the filter matched when it began. */
    long planned();

    /** How many have been moved so far. */
    long done();

    /** Whether it has ended: all moved, none left to move, or stopped. */
    boolean finished();

    /** Ends it before its time; what was moved stays moved. */
    void stop();
}

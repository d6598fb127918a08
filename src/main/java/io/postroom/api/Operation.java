package io.postroom.api;

import java.util.UUID;

/**
 * A redrive or discard of many dead letters, or the purge of a queue, on record in the view {@code operations}. Any process with workers
 * carries it on, also after this one has ended. Thread-safe. Every method but {@link #id()} asks the database, and throws {@link
 * StoreException} when that fails.
 */
public interface Operation {
    /** Its id in {@code operations}. */
    UUID id();

    /** How it stands. */
    OperationStatus status();

    /** How many messages the filter matched when it was put on record. */
    default long planned() {
        return status().planned();
    }

    /** How many have been moved so far. */
    default long done() {
        return status().processed();
    }

    /** Whether it has ended: nothing is left to move, or it was stopped. */
    default boolean finished() {
        return status().finishedAt().isPresent();
    }

    /** Ends it before its time. What was moved stays moved; a repeat changes nothing. {@link DeadLetters#stop} takes a reason. */
    void stop();
}

package io.postroom.bench;

import java.util.function.Consumer;

/** A queue into which messages only come: nothing works on them. */
interface EnqueueLine extends Contender.Line {
    @Override
    default void fill(int messages, String payload) throws Exception {
        for (int i = 0; i < messages; i++) {
            enqueue(payload);
        }
    }

    @Override
    default void prepare(Consumer<String> handler) {
        throw new IllegalStateException("has no workers");
    }

    @Override
    default void begin() {
        throw new IllegalStateException("has no workers");
    }

    @Override
    default long unacknowledged() {
        throw new IllegalStateException("has no workers");
    }
}

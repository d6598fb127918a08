package io.postroom.internal.storage;

import org.jspecify.annotations.Nullable;

/** Keeps the failures of steps that hold up no other: they are thrown after all had their turn. One thread uses it. */
public final class PutOffFailure {
    private @Nullable RuntimeException first;

    public void add(RuntimeException failure) {
        if (first == null) {
            first = failure;
        } else {
            first.addSuppressed(failure);
        }
    }

    /** Throws the first failure, with the others suppressed; returns if there is none. */
    public void throwIfAny() {
        if (first != null) {
            throw first;
        }
    }
}

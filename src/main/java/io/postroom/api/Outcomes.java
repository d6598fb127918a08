package io.postroom.api;

import java.util.Optional;

/** Holds the one {@code Done} that all handlers answer; an interface cannot hide it. */
final class Outcomes {
    static final Outcome DONE = new Outcome.Done(Optional.empty());

    private Outcomes() {}
}

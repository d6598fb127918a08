package io.postroom.api;

/** Holds the one {@code Done} that all handlers answer; an interface cannot hide it. */
final class Outcomes {
    static final Outcome DONE = new Outcome.Done();

    private Outcomes() {}
}

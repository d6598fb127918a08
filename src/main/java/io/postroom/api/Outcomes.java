package io.postroom.api;

/** Holds what an interface cannot hide: the one Done that is made for every message of a drain. */
final class Outcomes {
    static final Outcome DONE = new Outcome.Done();

    private Outcomes() {}
}

package io.postroom.homes;

import java.util.List;

/**
 * The receipt of a change of the rules.
 *
 * @param version how often the rules were changed, from 1; all homes have it
 * @param moved the queues and parts that have another home now; each had no message left
 */
public record RulesChange(long version, List<MovedQueue> moved) {
    public RulesChange {
        moved = List.copyOf(moved);
    }

    /**
     * A queue that has left its home.
     *
     * @param from its home before
     * @param to where its messages are created now, in words, as in {@code home "second"} or {@code the parts of queue "orders"}
     */
    public record MovedQueue(String queue, String from, String to) {}
}

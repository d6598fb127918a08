package io.postroom.api;

import java.time.Instant;
import java.util.List;

/**
 * What consumers answered that were told to stop.
 *
 * @param stopped how many claim no more, by their receipts or because their process has ended
 * @param of how many the stop concerns
 * @param inFlight messages of the queue that these consumers still hold, the silent ones included
 * @param silent those that have not answered
 */
public record Receipts(int stopped, int of, int inFlight, List<Silent> silent) {
    public Receipts {
        silent = List.copyOf(silent);
    }

    /** Whether all have stopped and nothing is in flight. True as well when the stop concerns no consumer. */
    public boolean isComplete() {
        return stopped == of && inFlight == 0;
    }

    /** Answers a line for people, such as {@code 6 of 7 stopped, 2 in flight; no answer from worker-7, which holds 2}. */
    @Override
    public String toString() {
        StringBuilder line = new StringBuilder()
                .append(stopped)
                .append(" of ")
                .append(of)
                .append(" stopped, ")
                .append(inFlight)
                .append(" in flight");
        for (Silent one : silent) {
            line.append("; no answer from ")
                    .append(one.worker())
                    .append(", which holds ")
                    .append(one.holds());
        }
        return line.toString();
    }

    /**
     * A consumer that has not answered: its process is frozen, was killed, or cannot reach the database. Other processes rescue what it
     * holds when its heartbeats have stopped for the lease time.
     *
     * @param worker name of its process
     * @param holds messages of the queue that it holds
     * @param lastSeen its last heartbeat
     */
    public record Silent(String worker, int holds, Instant lastSeen) {}
}

package io.postroom.internal.postgres.console;

import java.time.Instant;
import java.util.Optional;

/**
 * A queue with bounded counts.
 *
 * @param most where each count stops: a count of this many means as many or more
 * @param moreDelayed whether there may be more DELAYED than counted: only the 10,000 of all queues that are due first are
 * @param oldestReadyAt when the oldest of the messages at the heads of its priorities was created
 */
public record QueueLine(
        String name,
        String kind,
        boolean paused,
        long ready,
        long delayed,
        long inProgress,
        long dead,
        int consumers,
        Optional<Instant> oldestReadyAt,
        long most,
        boolean moreDelayed) {}

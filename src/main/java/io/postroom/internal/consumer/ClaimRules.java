package io.postroom.internal.consumer;

import io.postroom.internal.execution.LeaseHolder;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * The one place that knows why this process takes no message of a queue now. Thread-safe.
 *
 * <p>A new reason is a new constant of {@link Reason}, which names the {@link Way}s that it stops. Two questions are answered elsewhere:
 * whether a message waits, by {@link LaneCursors}, and whether a thread is free for it, by {@link PrefetchPolicy}. {@code sendMessageSync}
 * does not come through here: it runs on its caller's thread and asks the store whether the queue is paused.
 */
final class ClaimRules {
    private final ConsumedQueue queue;
    private final LeaseHolder leaseHolder;
    private final BooleanSupplier isCompleterOverwhelmed;
    private volatile boolean stopping;

    /** The ways in which a message gets under a lease for the handler threads of this process. */
    enum Way {
        CLAIM,
        DIRECT_DISPATCH;

        static final Way[] EVERY = values();
    }

    /** Who is told of new messages while a reason holds. */
    private enum Hint {
        /** The consumer here: the reason ends soon, or as soon as this process has worked. */
        HERE,
        /** Other processes as well: this one may not take messages for long, and another one may. */
        TO_OTHERS
    }

    /** Why nothing is taken. Each is asked for in the order in which they stand: those that cost least come first. */
    enum Reason {
        STOPPING(Hint.TO_OTHERS, rules -> rules.stopping, Way.EVERY),
        /** The queue is paused or deleted, or no poll has answered yet. */
        QUEUE_PAUSED(Hint.TO_OTHERS, rules -> rules.queue.isPaused(), Way.EVERY),
        /** The consumer of this process was told to stop, and others may go on. */
        CONSUMER_STOPPED(Hint.TO_OTHERS, rules -> rules.queue.isStopped(), Way.EVERY),
        /** Other processes may rescue what this worker holds. */
        LEASE_NOT_TRUSTED(Hint.HERE, rules -> !rules.leaseHolder.isTrusted(), Way.EVERY),
        /** Suspects wait for the next free thread; direct dispatch could take each thread that becomes free. */
        SUSPECTS_WAIT(Hint.HERE, rules -> rules.queue.hasSuspects(), Way.DIRECT_DISPATCH),
        /** A claim decides which message of a group is next. */
        ORDERED(Hint.HERE, rules -> rules.queue.isOrdered(), Way.DIRECT_DISPATCH),
        /** A claim decides whose turn it is. */
        FAIR(Hint.HERE, rules -> rules.queue.isFair(), Way.DIRECT_DISPATCH),
        /** A claim decides whether a message may start. */
        LIMITED(Hint.HERE, rules -> rules.queue.hasLimiter(), Way.DIRECT_DISPATCH),
        /** What waits in READY goes before a message that comes now. */
        MESSAGES_WAIT(Hint.HERE, rules -> rules.queue.cursors().hasWaiting(), Way.DIRECT_DISPATCH),
        /** Handlers are faster than the database takes their results. */
        COMPLETER_OVERWHELMED(Hint.HERE, rules -> rules.isCompleterOverwhelmed.getAsBoolean(), Way.EVERY);

        private static final Reason[] EVERY = values();

        private final Hint hint;
        private final Predicate<ClaimRules> holds;
        private final Set<Way> stops;

        Reason(Hint hint, Predicate<ClaimRules> holds, Way... stops) {
            this.hint = hint;
            this.holds = holds;
            this.stops = EnumSet.copyOf(Arrays.asList(stops));
        }

        /** Whether the reason holds for all queues of the process, and nobody says when it ends. */
        boolean isOfProcess() {
            return this == LEASE_NOT_TRUSTED || this == COMPLETER_OVERWHELMED;
        }

        boolean stops(Way way) {
            return stops.contains(way);
        }
    }

    ClaimRules(ConsumedQueue queue, LeaseHolder leaseHolder, BooleanSupplier isCompleterOverwhelmed) {
        this.queue = queue;
        this.leaseHolder = leaseHolder;
        this.isCompleterOverwhelmed = isCompleterOverwhelmed;
    }

    boolean allow(Way way) {
        return reasonAgainst(way).isEmpty();
    }

    /** Returns the first reason that holds now; empty: messages may be taken in that way. */
    Optional<Reason> reasonAgainst(Way way) {
        for (Reason reason : Reason.EVERY) {
            if (reason.stops(way) && reason.holds.test(this)) {
                return Optional.of(reason);
            }
        }
        return Optional.empty();
    }

    /** Whether other processes should be told of new messages, whatever this one could still hold. */
    boolean leaveToOthers() {
        for (Reason reason : Reason.EVERY) {
            if (reason.hint == Hint.TO_OTHERS && reason.holds.test(this)) {
                return true;
            }
        }
        return false;
    }

    /** Stops every way of taking messages, for good. */
    void stop() {
        stopping = true;
    }
}

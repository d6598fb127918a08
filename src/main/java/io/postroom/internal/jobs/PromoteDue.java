package io.postroom.internal.jobs;

import io.postroom.api.StoreException;
import io.postroom.internal.loop.Backoff;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.StoreErrors;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes delayed messages, retries and snoozes READY when they are due. Runs on every node: rows are taken with SKIP LOCKED, so no node
 * waits for a leader that is stuck. A batch that fails for a reason which may be one message's is promoted message by message. A message
 * whose own data is refused is put aside as a dead letter ({@code quarantined}).
 */
public final class PromoteDue implements Job {
    private static final Logger log = LoggerFactory.getLogger(PromoteDue.class);
    private static final int BATCH = 500;
    /**
     * Longest wait of a process whose polls say when a message is due. Other processes may delay messages that are due earlier than the
     * known one.
     */
    private static final Duration WHEN_POLLED = Duration.ofSeconds(15);
    /** The same while polls succeed, and so say of these messages, too. */
    private static final Duration WHEN_TOLD = Duration.ofSeconds(30);
    /** Longest wait of a process that does not poll. */
    private static final Duration ALONE = Duration.ofSeconds(1);

    /**
     * A message may still commit with a due time earlier than the last one promoted by this much. Later commits are found by the full
     * look.
     */
    private static final Duration MARGIN = Duration.ofSeconds(30);

    private static final Duration FULL_LOOK_EVERY = Duration.ofMinutes(1);

    private final JobStore store;
    private final Consumer<Collection<Arrival>> wake;
    private final BooleanSupplier isPolling;
    private final BooleanSupplier isToldByPolls;
    private final Consumer<Optional<Duration>> nextSchedule;
    private final Duration fullLookEvery;
    /**
     * The waits while all that is due is locked by other transactions, such as an open one that keeps a message from being started. It is
     * due at once for {@code untilNextDue}: without them the job would ask about it without a rest until that transaction ends.
     */
    private final Backoff whileLocked = new Backoff(Duration.ofMillis(2), Duration.ofMillis(100));

    private volatile @Nullable Instant from;
    private volatile long fullLookDueNanos;

    /**
     * @param isPolling whether this process polls now, and its polls say when something is due
     * @param isToldByPolls whether these polls succeed, and come often
     * @param nextSchedule takes how long until a schedule is due: this job asks anyway, and a process that does not poll knows it from here
     */
    public PromoteDue(
            JobStore store,
            Consumer<Collection<Arrival>> wake,
            BooleanSupplier isPolling,
            BooleanSupplier isToldByPolls,
            Consumer<Optional<Duration>> nextSchedule) {
        this(store, wake, isPolling, isToldByPolls, nextSchedule, FULL_LOOK_EVERY);
    }

    PromoteDue(
            JobStore store,
            Consumer<Collection<Arrival>> wake,
            BooleanSupplier isPolling,
            BooleanSupplier isToldByPolls,
            Consumer<Optional<Duration>> nextSchedule,
            Duration fullLookEvery) {
        this.store = store;
        this.wake = wake;
        this.isPolling = isPolling;
        this.isToldByPolls = isToldByPolls;
        this.nextSchedule = nextSchedule;
        this.fullLookEvery = fullLookEvery;
        this.fullLookDueNanos = System.nanoTime() + fullLookEvery.toNanos();
    }

    /** Messages due before that instant need not be looked at; null: look at all. */
    public @Nullable Instant from() {
        return from;
    }

    /** Lets the next run look at all messages: due times were set back, and may lie before {@link #from}. */
    public void lookAtAll() {
        fullLookDueNanos = System.nanoTime();
    }

    @Override
    public String name() {
        return "PromoteDue";
    }

    @Override
    public Duration run() {
        if (System.nanoTime() - fullLookDueNanos >= 0) {
            from = null;
            fullLookDueNanos = System.nanoTime() + fullLookEvery.toNanos();
        }
        JobStore.PromoteResult promoted = promote();
        if (promoted.messages() == BATCH) {
            return Duration.ZERO;
        }
        Duration longestWait = longestWait();
        JobStore.NextDue next = store.untilNextDue(from);
        nextSchedule.accept(Optional.ofNullable(next.schedule()));
        Duration wait =
                next.message() != null && next.message().compareTo(longestWait) < 0 ? next.message() : longestWait;
        if (promoted.messages() == 0 && wait.isZero()) {
            return whileLocked.next();
        }
        whileLocked.reset();
        return wait;
    }

    /** A full look is not put off: what it finds, no poll tells. */
    private Duration longestWait() {
        Duration longest = !isPolling.getAsBoolean() ? ALONE : isToldByPolls.getAsBoolean() ? WHEN_TOLD : WHEN_POLLED;
        long untilFullLook = Math.max(ALONE.toNanos(), fullLookDueNanos - System.nanoTime());
        return Duration.ofNanos(Math.min(longest.toNanos(), untilFullLook));
    }

    private JobStore.PromoteResult promote() {
        JobStore.PromoteResult promoted;
        try {
            promoted = store.promote(from, BATCH);
        } catch (StoreException error) {
            if (!StoreErrors.mayBeOfOneRow(error)) {
                throw error;
            }
            log.warn("promoting {} messages failed ({}); trying them one by one", BATCH, error.getMessage());
            for (UUID message : store.due(BATCH)) {
                store.promoteOrQuarantine(message);
            }
            promoted = store.promote(null, BATCH);
        }
        wake.accept(promoted.arrivals());
        if (promoted.lastDueAt() != null) {
            from = promoted.lastDueAt().minus(MARGIN);
        }
        return promoted;
    }
}

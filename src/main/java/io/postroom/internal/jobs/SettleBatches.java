package io.postroom.internal.jobs;

import io.postroom.internal.storage.BatchStore;
import io.postroom.internal.storage.BatchStore.Settled;
import io.postroom.internal.storage.BatchStore.Uncompleted;
import io.postroom.internal.storage.PutOffFailure;
import java.time.Duration;
import java.util.List;

/**
 * Counts the members of batches that have ended, cancels those of cancelled batches, and completes batches. Runs on every node: one that
 * another is at is left out. While a batch is under way it looks once a second; a poll says when one is. Where none is, it looks rarely,
 * for a process that consumes nothing and so does not poll.
 *
 * <p>With {@value #BATCHES_AT_ONCE} batches or fewer each is counted once a second. Each batch is a transaction of its own: when one
 * fails, the others are settled all the same, and the next look at all of them comes later.
 */
public final class SettleBatches implements Job {
    private static final int BATCHES_AT_ONCE = 200;
    /** How often batches are counted while any is under way. */
    public static final Duration UNDER_WAY = Duration.ofSeconds(1);

    private static final Duration WITHOUT_BATCHES = Duration.ofMinutes(1);

    private final BatchStore store;
    private final Runnable completed;

    /** @param completed called after batches were completed: their completion messages may be READY */
    public SettleBatches(BatchStore store, Runnable completed) {
        this.store = store;
        this.completed = completed;
    }

    @Override
    public String name() {
        return "SettleBatches";
    }

    /** Settles each batch now, due or not, for tests. Answers how many were completed. */
    public int settleAll() {
        int completions = 0;
        boolean isMore = true;
        while (isMore) {
            isMore = false;
            for (Uncompleted batch : store.uncompleted(BATCHES_AT_ONCE)) {
                Settled settled = store.settle(batch.batch());
                completions += settled == Settled.COMPLETED ? 1 : 0;
                isMore |= settled == Settled.COMPLETED || settled == Settled.MORE; // a parent may be next
            }
        }
        return completions;
    }

    @Override
    public Duration run() {
        List<Uncompleted> batches = store.uncompleted(BATCHES_AT_ONCE);
        boolean isMore = false;
        boolean isAnyCompleted = false;
        PutOffFailure failed = new PutOffFailure();
        for (Uncompleted batch : batches) {
            if (batch.isDue()) {
                try {
                    Settled settled = store.settle(batch.batch());
                    isMore |= settled == Settled.MORE;
                    isAnyCompleted |= settled == Settled.COMPLETED;
                } catch (RuntimeException failure) {
                    failed.add(failure);
                }
            }
        }
        if (isAnyCompleted) {
            completed.run();
        }
        failed.throwIfAny();
        if (batches.isEmpty()) {
            return WITHOUT_BATCHES;
        }
        return isMore ? Duration.ZERO : UNDER_WAY;
    }
}

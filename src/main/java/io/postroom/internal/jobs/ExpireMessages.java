package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.JobStore.EntryPosition;
import io.postroom.internal.storage.JobStore.Expiry;
import io.postroom.internal.storage.JobStore.ExpiryPosition;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Makes waiting messages EXPIRED whose time to live ended, also where no worker claims them. Makes messages CANCELLED that come to wait
 * in a deleted queue. Runs on every node.
 *
 * <p>A message that was in progress, dead or locked at its time stays behind the place that the turns have reached, and may come to wait
 * later. So all are looked at again from time to time. The index also holds messages that have ended, until their day is purged. A look at
 * 100,000 of them took 4 to 6 s on two busy cores, 20 to 30 ms for each batch. Therefore that look is spread over turns.
 */
public final class ExpireMessages implements Job {
    private static final int BATCH = 500;
    private static final Duration INTERVAL = Duration.ofSeconds(15);
    /** Each turn looks back this far again: a message may be between two tables, or commit late. */
    private static final Duration MARGIN = Duration.ofMinutes(5);

    /** Every process knows of a delete by then, and the delete's own emptying has ended or is under way. */
    private static final Duration DELETED_FOR = Duration.ofSeconds(15);

    private static final int BATCHES_OF_DELETED = 20;
    /** While nothing waits in deleted queues. */
    private static final int TURNS_BETWEEN_DELETED = 2;

    private static final int TURNS_BETWEEN_DELAYED = 4;
    private static final int TURNS_BETWEEN_ALL = 40;
    /** A look at a million messages takes 200 turns, which are 50 minutes. */
    private static final int BATCHES_OF_ALL = 10;

    private final JobStore store;
    private @Nullable ExpiryPosition from;
    private @Nullable EntryPosition entriesFrom;
    private @Nullable ExpiryPosition allFrom;
    private boolean isLookingAtAll;
    /** Whether the last look at deleted queues ended before it was through. */
    private boolean isMoreDeleted;

    private int turns;

    public ExpireMessages(JobStore store) {
        this.store = store;
    }

    @Override
    public String name() {
        return "ExpireMessages";
    }

    @Override
    public Duration run() {
        ExpiryPosition reached = from;
        EntryPosition reachedEntry = entriesFrom;
        Expiry more = store.expire(reached, reachedEntry, BATCH);
        while (more.messages() != null || more.entries() != null) {
            reached = more.messages() == null ? reached : more.messages();
            reachedEntry = more.entries() == null ? reachedEntry : more.entries();
            more = store.expire(reached, reachedEntry, BATCH);
        }
        if (reached != null && reached != from) {
            from = new ExpiryPosition(reached.expiresAt().minus(MARGIN), ExpiryPosition.BEFORE_ALL);
        }
        lookAtAll(reachedEntry);
        lookAtEntriesFrom(reachedEntry);
        cancelDeleted();
        return INTERVAL;
    }

    /** The first turn of a process looks at all anyway. */
    private void lookAtAll(@Nullable EntryPosition reachedEntry) {
        isLookingAtAll |= turns > 0 && turns % TURNS_BETWEEN_ALL == 0;
        for (int i = 0; i < BATCHES_OF_ALL && isLookingAtAll; i++) {
            allFrom = store.expire(allFrom, reachedEntry, BATCH).messages();
            isLookingAtAll = allFrom != null;
        }
    }

    /**
     * Rows of entries in progress and of dead letters stay behind the place. From time to time all are looked at again: an entry may have
     * been redriven or released long after its time.
     */
    private void lookAtEntriesFrom(@Nullable EntryPosition reached) {
        if (turns % TURNS_BETWEEN_ALL == 0) {
            entriesFrom = null;
        } else if (reached != null && reached != entriesFrom) {
            entriesFrom = reached.earlier(MARGIN);
        }
    }

    private void cancelDeleted() {
        int turn = turns++;
        if (turn % TURNS_BETWEEN_DELETED != 0 && !isMoreDeleted) {
            return;
        }
        boolean delayed = turn % TURNS_BETWEEN_DELAYED == 0;
        isMoreDeleted = true;
        for (int i = 0; i < BATCHES_OF_DELETED && isMoreDeleted; i++) {
            isMoreDeleted = store.cancelDeleted(DELETED_FOR, BATCH, delayed) == BATCH;
        }
    }
}

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
 */
public final class ExpireMessages implements Job {
    private static final int BATCH = 500;
    private static final Duration INTERVAL = Duration.ofSeconds(15);
    /** Each turn looks back this far again: a message may be between two tables, or commit late. */
    private static final Duration MARGIN = Duration.ofMinutes(5);

    /** Every process knows of a delete by then, and the delete's own emptying has ended or is under way. */
    private static final Duration DELETED_FOR = Duration.ofSeconds(15);

    private static final int BATCHES_OF_DELETED = 20;
    private static final int TURNS_BETWEEN_DELAYED = 4;
    private static final int TURNS_BETWEEN_ALL_ENTRIES = 40;

    private final JobStore store;
    private @Nullable ExpiryPosition from;
    private @Nullable EntryPosition entriesFrom;
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
        lookAtEntriesFrom(reachedEntry);
        cancelDeleted();
        return INTERVAL;
    }

    /**
     * Rows of entries in progress and of dead letters stay behind the place. From time to time all are looked at again: an entry may have
     * been redriven or released long after its time.
     */
    private void lookAtEntriesFrom(@Nullable EntryPosition reached) {
        if (turns % TURNS_BETWEEN_ALL_ENTRIES == 0) {
            entriesFrom = null;
        } else if (reached != null && reached != entriesFrom) {
            entriesFrom = reached.earlier(MARGIN);
        }
    }

    private void cancelDeleted() {
        boolean delayed = turns++ % TURNS_BETWEEN_DELAYED == 0;
        for (int i = 0; i < BATCHES_OF_DELETED; i++) {
            if (store.cancelDeleted(DELETED_FOR, BATCH, delayed) < BATCH) {
                return;
            }
        }
    }
}

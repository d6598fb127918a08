package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
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

    private final JobStore store;
    private @Nullable ExpiryPosition from;
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
        ExpiryPosition reached = null;
        for (ExpiryPosition next = store.expire(from, BATCH); next != null; next = store.expire(next, BATCH)) {
            reached = next;
        }
        if (reached != null) {
            from = new ExpiryPosition(reached.expiresAt().minus(MARGIN), ExpiryPosition.BEFORE_ALL);
        }
        cancelDeleted();
        return INTERVAL;
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

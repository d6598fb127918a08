package io.postroom.jobs;

import io.postroom.storage.MessageStore;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Waiting messages whose time to live ended become EXPIRED, also where no worker is there to meet them. Runs on every node. */
public final class ExpireMessages implements Job {
    private static final int BATCH = 500;
    private static final Duration INTERVAL = Duration.ofSeconds(5);
    /** Looks back this far again: a message may be between two places, or commit late. */
    private static final Duration MARGIN = Duration.ofMinutes(5);

    private final MessageStore store;
    private @Nullable Instant from;

    public ExpireMessages(MessageStore store) {
        this.store = store;
    }

    @Override
    public String name() {
        return "ExpireMessages";
    }

    @Override
    public Duration run() {
        Instant start = from;
        Instant reached = start;
        for (Instant next = store.expire(start, BATCH); next != null; next = store.expire(next, BATCH)) {
            if (next.equals(reached)) {
                break; // a full page of one instant
            }
            reached = next;
        }
        if (reached != null) {
            from = reached.minus(MARGIN);
        }
        return INTERVAL;
    }
}

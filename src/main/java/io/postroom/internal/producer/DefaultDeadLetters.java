package io.postroom.internal.producer;

import io.postroom.api.DeadLetters;
import io.postroom.api.Limits;
import io.postroom.api.Reason;
import io.postroom.internal.storage.DeadLetterStore;
import io.postroom.internal.worker.Poller;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Discards dead letters in the store. Thread-safe. */
public final class DefaultDeadLetters implements DeadLetters {
    private final DeadLetterStore store;
    private final Poller poller;

    /** @param poller looks at once for what a group of an ordered queue goes on with */
    public DefaultDeadLetters(DeadLetterStore store, Poller poller) {
        this.store = store;
        this.poller = poller;
    }

    @Override
    public int discard(UUID id, Reason reason) {
        return discardIn(null, id, reason);
    }

    @Override
    public int discard(UUID id, String queue, Reason reason) {
        return discardIn(Limits.requireName("queue", queue), id, reason);
    }

    private int discardIn(@Nullable String queue, UUID id, Reason reason) {
        int discarded = store.discard(id, queue, reason);
        if (discarded > 0) {
            poller.pollNow();
        }
        return discarded;
    }
}

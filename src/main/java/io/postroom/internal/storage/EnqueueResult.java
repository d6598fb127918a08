package io.postroom.internal.storage;

import io.postroom.api.Created;
import io.postroom.api.MessageState;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What became of a message that was to be written.
 *
 * @param id its id; with {@code isNew = false} the id of the message that had its id or deduplication key already
 * @param isNew whether it was written
 * @param sameContent whether the message that was there has the same queue and content; true when new
 * @param seq its number in READY, in each of its queues; 0 when it is DELAYED or not new
 * @param queues the names of the queues it was put in
 * @param state of a message that was there; null: new, dropped or purged
 */
public record EnqueueResult(
        UUID id,
        boolean isNew,
        boolean sameContent,
        long seq,
        List<String> queues,
        @Nullable MessageState state) {
    /** A message that was written or dropped. */
    public EnqueueResult(UUID id, boolean isNew, boolean sameContent, long seq, List<String> queues) {
        this(id, isNew, sameContent, seq, queues, null);
    }

    /** Answers what is told to the caller. */
    public Created created() {
        return new Created(id, isNew, queues, stateThere());
    }

    /** The state of a message that was there; empty when this one is new. */
    public Optional<MessageState> stateThere() {
        return isNew ? Optional.empty() : Optional.ofNullable(state);
    }
}

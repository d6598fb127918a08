package io.postroom.internal.execution;

import io.postroom.api.InvalidMessageException;
import io.postroom.internal.storage.ReplyMessage;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Turns what a handler replies into a message for the queue that its request names. Called by many threads at once. */
@FunctionalInterface
public interface ReplyEncoder {
    /**
     * Encodes a reply; writes nothing.
     *
     * @param queue as the request names it, which may be no possible name
     * @param correlationId of the request
     * @param payload null: JSON null
     * @throws InvalidMessageException the payload cannot be stored
     */
    ReplyMessage encode(String queue, UUID request, @Nullable String correlationId, @Nullable Object payload);
}

package io.postroom.internal.storage;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.PathStep;
import io.postroom.api.StoreException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Answers questions about messages and changes nothing. Thread-safe. Each call is one statement in a transaction of its own; failures are
 * {@link StoreException}s and may be repeated.
 */
public interface MessageQueries {
    /** Finds a message; empty when it is not known or was purged. */
    Optional<Message> find(UUID id);

    /** Lists messages, the newest first, at most {@link MessageFilter#limit()}. */
    List<Message> find(MessageFilter filter);

    /** Does what {@link #find(MessageFilter)} does, and reads no payloads: each is an empty text. */
    List<Message> findWithoutPayloads(MessageFilter filter);

    /** Lists what would be worked next, in that order. */
    List<Message> next(MessageFilter filter);

    /** Lists what a purge would remove now, the oldest first. */
    List<Message> removable(MessageFilter filter);

    /** Lists what happened to a message, the oldest first; empty when it is not known. */
    List<Attempt> history(UUID id);

    /** Lists what happened to the messages with this correlation id, the oldest first. */
    List<PathStep> path(String correlationId, int limit);

    /** Says why a message is not running now, the most important cause first, each as {@code code: sentence}. */
    List<String> explain(UUID id);

    /** Answers the state of each message that is known, for callers that wait for an end. Others are left out. */
    Map<UUID, MessageState> states(Collection<UUID> ids);
}

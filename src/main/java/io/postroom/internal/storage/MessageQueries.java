package io.postroom.internal.storage;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.StoreException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Questions about messages; nothing here changes anything. Thread-safe. Each call is a transaction of its own; failures are {@link StoreException}s.
 */
public interface MessageQueries {
    Optional<Message> find(UUID id);

    List<Message> find(MessageFilter filter);

    List<Message> next(MessageFilter filter);

    List<Message> removable(MessageFilter filter);

    List<Attempt> history(UUID id);

    List<String> explain(UUID id);

    /** State of each message that is known; for those waiting for an end. */
    Map<UUID, MessageState> states(Collection<UUID> ids);
}

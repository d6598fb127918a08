package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The leases this process knows it holds. A claim whose answer was lost left leases in the database that this process does not know, and
 * that no other process may rescue, because this process goes on sending heartbeats. The worker's {@code LostAnswers} gives those back.
 * Thread-safe.
 */
public final class HeldLeases {
    private final Map<Long, Integer> open = new ConcurrentHashMap<>();

    public void taken(Collection<ClaimedMessage> messages) {
        messages.forEach(message -> open.merge(message.lease().id(), 1, Integer::sum));
    }

    /** These ends were written, or their leases were lost. */
    public void ended(Collection<Completion> ends) {
        ends.forEach(end -> open.computeIfPresent(
                end.message().lease().id(), (lease, messages) -> messages == 1 ? null : messages - 1));
    }

    public List<Long> ids() {
        return List.copyOf(open.keySet());
    }
}

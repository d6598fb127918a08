package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The leases that this process knows it holds. A claim whose answer was lost leaves leases in the database that no process knows and that
 * no other process may rescue, because this one goes on sending heartbeats. The worker package compares the database with
 * these ids and gives the unknown leases back. Thread-safe.
 */
public final class HeldLeases {
    /** Messages still open under each lease. */
    private final Map<Long, Integer> open = new ConcurrentHashMap<>();

    private final SuspectPlaces suspects = new SuspectPlaces();

    /** Notes the leases of messages that this process begins to hold. */
    public void taken(Collection<ClaimedMessage> messages) {
        messages.forEach(message -> open.merge(message.lease().id(), 1, Integer::sum));
    }

    /** Notes that these ends were written, or that their leases were lost. */
    public void ended(Collection<Completion> ends) {
        ends.forEach(end -> open.computeIfPresent(
                end.message().lease().id(), (lease, messages) -> messages == 1 ? null : messages - 1));
        suspects.ended(ends);
    }

    /** Returns the places of suspects in this process. */
    SuspectPlaces suspectPlaces() {
        return suspects;
    }

    /** Returns the ids of leases under which a message is still open, in no order. */
    public List<Long> ids() {
        return List.copyOf(open.keySet());
    }
}

package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * New messages of one creation on their direct way to the handler threads of this process. {@link Consumer#dispatchDirectly} begins
 * the dispatch before they are stored. It ends once, by {@link #fill} or {@link #giveBack}; the first call counts. Thread-safe.
 */
public final class DirectDispatch {
    private final ConsumedQueue queue;
    private final HeldMessages held;
    private final int workerId;
    private final List<NewMessage> messages;
    private final java.util.function.Consumer<List<UUID>> onUnknown;
    private final AtomicBoolean ended = new AtomicBoolean();

    DirectDispatch(
            ConsumedQueue queue,
            HeldMessages held,
            int workerId,
            List<NewMessage> messages,
            java.util.function.Consumer<List<UUID>> onUnknown) {
        this.queue = queue;
        this.held = held;
        this.workerId = workerId;
        this.messages = messages;
        this.onUnknown = onUnknown;
    }

    /** Returns the worker under whose leases the messages are to be stored. */
    public int workerId() {
        return workerId;
    }

    /** Returns how many messages one lease may hold at most. */
    public int leaseSize() {
        return queue.handled().leaseSize();
    }

    /** Starts the handlers: the messages are committed, under leases of this process. */
    public void fill(List<ClaimedMessage> stored) {
        if (ended.compareAndSet(false, true)) {
            held.accept(stored);
            if (queue.hasLimiter()) {
                held.giveBackWaiting(); // the limiter came meanwhile, and the poll that saw it may have given back
                // before
            }
        }
    }

    /**
     * Ends the dispatch of messages that were not stored, or perhaps were. If their leases are there all the same, one of the
     * next polls finds them by the messages' ids and gives the messages back.
     */
    public void giveBack() {
        if (ended.compareAndSet(false, true)) {
            onUnknown.accept(messages.stream().map(NewMessage::id).toList());
            held.letGo(messages.size(), 0);
        }
    }
}

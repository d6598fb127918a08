package io.postroom.engine;

import io.postroom.storage.ClaimedMessage;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/** Room a consumer keeps for messages that are being stored in its hands. Ends once: by the messages, or given back. */
public final class Reservation {
    private final Consumer consumer;
    private final int workerId;
    private final int messages;
    private final AtomicBoolean ended = new AtomicBoolean();

    Reservation(Consumer consumer, int workerId, int messages) {
        this.consumer = consumer;
        this.workerId = workerId;
        this.messages = messages;
    }

    public int workerId() {
        return workerId;
    }

    public int leaseSize() {
        return consumer.queue().leaseSize();
    }

    /** They are committed: their handler starts. */
    public void fill(List<ClaimedMessage> held) {
        if (ended.compareAndSet(false, true)) {
            consumer.takeReserved(held);
        }
    }

    /** They were not stored, or nobody knows: a lease that is there all the same is given back when it is older than any statement. */
    public void giveBack() {
        if (ended.compareAndSet(false, true)) {
            consumer.giveRoomBack(messages);
        }
    }
}

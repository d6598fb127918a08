package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/** Room a consumer keeps for messages that are being stored in its hands. Ends once: by the messages, or given back. */
public final class DirectDispatch {
    private final Consumer consumer;
    private final int workerId;
    private final List<NewMessage> messages;
    private final java.util.function.Consumer<List<UUID>> doubt;
    private final AtomicBoolean ended = new AtomicBoolean();

    public DirectDispatch(
            Consumer consumer, int workerId, List<NewMessage> messages, java.util.function.Consumer<List<UUID>> doubt) {
        this.consumer = consumer;
        this.workerId = workerId;
        this.messages = messages;
        this.doubt = doubt;
    }

    public int workerId() {
        return workerId;
    }

    public int leaseSize() {
        return consumer.queue().handled().leaseSize();
    }

    /** They are committed: their handler starts. */
    public void fill(List<ClaimedMessage> held) {
        if (ended.compareAndSet(false, true)) {
            consumer.takeReserved(held);
        }
    }

    /** They were not stored, or nobody knows: a lease that is there all the same is given back with one of the next polls. */
    public void giveBack() {
        if (ended.compareAndSet(false, true)) {
            doubt.accept(messages.stream().map(NewMessage::id).toList());
            consumer.letGo(messages.size());
        }
    }
}

package io.postroom.internal.worker;

import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.consumer.DirectDispatch;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.execution.KillSignals;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.Optional;

/** Begins direct dispatches. Finds out whether new messages may be stored under a lease of this process. Thread-safe. */
public final class DirectDispatches {
    private final HandlerRegistry handlers;
    private final Consumers consumers;
    private final LeaseHolder leaseHolder;
    private final LostAnswers lostAnswers;

    DirectDispatches(HandlerRegistry handlers, Consumers consumers, LeaseHolder leaseHolder, LostAnswers lostAnswers) {
        this.handlers = handlers;
        this.consumers = consumers;
        this.leaseHolder = leaseHolder;
        this.lostAnswers = lostAnswers;
    }

    /**
     * Begins a direct dispatch of messages about to be stored: they do not go through READY, need no claim, and their handler starts
     * right after the commit. Only for messages of one queue and priority.
     *
     * @return empty where the messages should go to READY like all others
     */
    public Optional<DirectDispatch> begin(List<NewMessage> messages) {
        Consumer consumer = consumers.consumer(messages.get(0).queueId());
        return consumer == null
                ? Optional.empty()
                : consumer.dispatchDirectly(
                        messages,
                        message -> isTakenHere(consumer.queue(), message),
                        leaseHolder,
                        lostAnswers::mayBeStored);
    }

    /**
     * Whether a handler here takes it. A newer or older process may know a type that this one does not. A kill signal goes through READY,
     * behind what came before it.
     */
    private boolean isTakenHere(ConsumedQueue queue, NewMessage message) {
        String type = message.content().type();
        return !KillSignals.isType(type)
                && handlers.find(queue.name(), type, message.content().version())
                        .isPresent();
    }
}

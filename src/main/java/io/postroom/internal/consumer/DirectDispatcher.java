package io.postroom.internal.consumer;

import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Decides which new messages of one queue go to a free handler thread of this process directly, and begins their {@link DirectDispatch}.
 * Thread-safe.
 *
 * <p>A message takes the way through READY instead where others should go first or another process may be quicker: something of the queue
 * waits already, the handler threads have enough, or {@link ClaimRules} gives a reason.
 */
final class DirectDispatcher {
    private final ConsumedQueue queue;
    private final ClaimRules rules;
    private final HeldMessages held;

    DirectDispatcher(ConsumedQueue queue, ClaimRules rules, HeldMessages held) {
        this.queue = queue;
        this.rules = rules;
        this.held = held;
    }

    /**
     * Begins the direct dispatch of messages that are about to be stored.
     *
     * @param messages of one creation, at least one
     * @param isTakenHere whether a handler of this process takes the message: a newer or older process may know a type that this one does
     *     not
     * @param leaseHolder the worker under whose leases they will be stored. Its id is read after the rules have said that the lease is
     *     trusted: an id read before could be that of a worker that was declared dead meanwhile
     * @param onUnknown gets the ids of messages when it is not known whether they were stored
     * @return empty when the messages should go through READY; else to be ended by {@link DirectDispatch#fill} or {@link
     *     DirectDispatch#giveBack}
     */
    Optional<DirectDispatch> begin(
            List<NewMessage> messages,
            Predicate<NewMessage> isTakenHere,
            LeaseHolder leaseHolder,
            Consumer<List<UUID>> onUnknown) {
        int priority = messages.get(0).priority();
        for (NewMessage message : messages) {
            if (!isOwn(message) || message.priority() != priority || !isTakenHere.test(message)) {
                return Optional.empty();
            }
        }
        return tryCount(messages.size())
                ? Optional.of(new DirectDispatch(queue, held, leaseHolder.workerId(), messages, onUnknown))
                : Optional.empty();
    }

    /** Whether the message is of this queue, by number and name: after a restore the number may belong to another queue. */
    private boolean isOwn(NewMessage message) {
        return message.queueId() == queue.id() && message.queue().equals(queue.name());
    }

    /** Counts new messages as held, if they may be dispatched directly now. */
    boolean tryCount(int messages) {
        if (!rules.allow(Way.DIRECT_DISPATCH) || !held.tryAdd(messages)) {
            return false;
        }
        if (rules.allow(Way.DIRECT_DISPATCH)) { // again: who stopped or paused meanwhile may have read the count before
            return true;
        }
        held.letGo(messages, 0);
        return false;
    }
}

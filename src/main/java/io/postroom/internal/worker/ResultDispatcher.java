package io.postroom.internal.worker;

import io.postroom.api.MessageState;
import io.postroom.api.Transactions;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.ThreadGuard;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NextState;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands on results once they are in the database. Frees their leases, completes the futures that wait for them, wakes those who
 * wait for a reply, says what failed, and tells listeners. Lets the promote job look at new due times, and wakes consumers for
 * messages that were given back or went on through a dead letter exchange. Thread-safe: called by the completer and by threads of
 * ATOMIC handlers.
 */
final class ResultDispatcher {
    private static final Logger log = LoggerFactory.getLogger(ResultDispatcher.class);

    private final HeldLeases leases;
    private final SendFutures futures;
    private final OwnSends ownSends;
    private final List<PostroomListener> listeners;
    private final Consumers consumers;
    private final DueWatch due;
    private final Notifier notifier;
    private final FailureLog failures;
    private final SentReplies replies;
    private final PassedOnLetters passedOn;
    private final Transactions transactions;

    ResultDispatcher(
            HeldLeases leases,
            SendFutures futures,
            OwnSends ownSends,
            List<PostroomListener> listeners,
            Consumers consumers,
            DueWatch due,
            Notifier notifier,
            FailureLog failures,
            SentReplies replies,
            PassedOnLetters passedOn,
            Transactions transactions) {
        this.leases = leases;
        this.futures = futures;
        this.ownSends = ownSends;
        this.listeners = listeners;
        this.consumers = consumers;
        this.due = due;
        this.notifier = notifier;
        this.failures = failures;
        this.replies = replies;
        this.passedOn = passedOn;
        this.transactions = transactions;
    }

    /** Takes results that were committed. */
    void written(List<Completion> ends) {
        leases.ended(ends);
        futures.written(ends);
        ownSends.written(ends);
        replies.written(ends);
        ends.forEach(this::sayFailure);
        if (!listeners.isEmpty()) {
            for (Completion end : ends) {
                ThreadGuard.run(transactions, "a PostroomListener", () -> tellListeners(end));
            }
        }
        if (ends.stream().anyMatch(end -> end.next() == NextState.DELAYED)) {
            due.delayed();
        }
        wakeReleased(ends);
        passedOn.written(ends);
        wakeLimited(ends);
    }

    /** Takes a result that was refused because its lease had gone. */
    void lost(Completion end) {
        leases.ended(List.of(end));
        ownSends.lost(end);
    }

    /** The state of a message after such an end. A release has no outcome and never finishes a message. */
    static MessageState stateAfter(Completion end) {
        return end.next().state(end.outcome() == null ? AttemptOutcome.DONE : end.outcome());
    }

    /**
     * Wakes consumers here or, when this process stops, elsewhere, so that messages that were given back do not wait for a poll. The next
     * message of a group is READY when the one before has ended; its lane is not known here, and a claim of an ordered queue looks at all.
     */
    private void wakeReleased(List<Completion> ends) {
        Set<Lane> lanes = new HashSet<>();
        for (Completion end : ends) {
            if (end.next() == NextState.READY || end.message().lease().holdsGroup()) {
                lanes.add(new Lane(end.message().queueId(), end.message().priority()));
            }
        }
        notifier.wake(lanes.stream()
                .map(Arrival::somewhereIn) // their numbers are new, so they are above every cursor
                .toList());
    }

    /** A limiter of the queue may let another message start now that this one is in progress no more. */
    private void wakeLimited(List<Completion> ends) {
        Set<Integer> queues = new HashSet<>();
        for (Completion end : ends) {
            if (end.message().lease().isLimited() && queues.add(end.message().queueId())) {
                Consumer consumer = consumers.consumer(end.message().queueId());
                if (consumer != null) {
                    consumer.limitedEnded();
                }
            }
        }
    }

    private void sayFailure(Completion end) {
        if (!end.isDone()) {
            failures.ended(queueOf(end), end);
        }
    }

    private String queueOf(Completion end) {
        ConsumedQueue queue = consumers.queue(end.message().queueId());
        return queue == null ? "" : queue.name();
    }

    private void tellListeners(Completion end) {
        AttemptOutcome outcome = end.outcome();
        MessageEvent event = new MessageEvent(
                end.message().id(),
                queueOf(end),
                stateAfter(end),
                outcome == null ? "" : outcome.label(),
                Duration.ofNanos(end.finishedNanos() - end.startedNanos()));
        for (PostroomListener listener : listeners) {
            try {
                listener.onEvent(event);
            } catch (Throwable thrown) {
                log.warn("a PostroomListener failed on {}", event, Failure.loggable(thrown));
            }
        }
    }
}

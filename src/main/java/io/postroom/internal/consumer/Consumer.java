package io.postroom.internal.consumer;

import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;

/**
 * Consumes one queue in this process: puts together the claimer, the handler threads and the buffer between them. Starts once and stops
 * once. Thread-safe.
 */
public final class Consumer {
    private final ConsumedQueue queue;
    private final Executor executor;
    private final Completer completer;
    private final ClaimRules rules;
    private final HeldMessages held;
    private final Claimer claimer;
    private final HandlerThreads threads;
    private final DirectDispatcher directDispatcher;

    public Consumer(
            ConsumedQueue queue,
            LeaseStore store,
            LeaseHolder leaseHolder,
            Executor executor,
            Completer completer,
            HeldLeases leases) {
        this.queue = queue;
        this.executor = executor;
        this.completer = completer;
        PrefetchPolicy prefetch = new PrefetchPolicy(
                queue.handled().concurrency(), queue.handled().largestBatch(), System::nanoTime);
        rules = new ClaimRules(queue, leaseHolder, completer::isOverwhelmed);
        StartMarks starts = new StartMarks(store, leaseHolder, System::nanoTime);
        held = new HeldMessages(
                prefetch,
                leases,
                starts,
                () -> executor.runsLongerThan(PrefetchPolicy.AHEAD, queue.handled()),
                this::release,
                this::signal);
        SuspectRunner suspects = new SuspectRunner(
                queue, store, leaseHolder, held, leases.suspectPlaces(), this::signal, System::nanoTime);
        claimer = new Claimer(queue, store, leaseHolder, rules, held, suspects);
        threads = new HandlerThreads(queue.handled(), held, this::run);
        directDispatcher = new DirectDispatcher(queue, rules, held);
    }

    public void start() {
        threads.start();
        claimer.start();
    }

    public ConsumedQueue queue() {
        return queue;
    }

    /** Makes the claimer look again: something may have come. */
    public void signal() {
        claimer.signal();
    }

    /** Whether a message is held here: its handler runs, or it waits for a handler thread. */
    public boolean isBusy() {
        return held.count() > 0;
    }

    /** Whether nothing would be claimed here now, whatever came. Other processes should hear of new messages then. */
    public boolean isSaturated() {
        return rules.leaveToOthers() || held.wanted() <= 0;
    }

    /** Returns how many handler calls ignored their interrupt and were given up. */
    public int leakedThreads() {
        return threads.leaked();
    }

    /**
     * Ends claims and direct dispatch from here on. What no handler thread has begun goes back to the queue untouched. Repeating it does
     * nothing.
     */
    public void announceStop() {
        rules.stop();
        claimer.stop();
        held.close();
    }

    /** Announces the stop and waits for a claim that may be under way; what it brings goes back untouched. */
    public void stopClaiming() {
        announceStop();
        claimer.awaitEnd();
    }

    /**
     * Begins the direct dispatch of new messages that are about to be stored: under a lease of this process, without READY and without a
     * claim.
     *
     * @param messages of one creation, at least one
     * @param isTakenHere whether a handler of this process takes the message
     * @param leaseHolder the worker under whose leases they will be stored
     * @param onUnknown gets the ids of messages when it is not known whether they were stored
     * @return empty when the messages should go through READY like all others
     */
    public Optional<DirectDispatch> dispatchDirectly(
            List<NewMessage> messages,
            Predicate<NewMessage> isTakenHere,
            LeaseHolder leaseHolder,
            java.util.function.Consumer<List<UUID>> onUnknown) {
        return directDispatcher.begin(messages, isTakenHere, leaseHolder, onUnknown);
    }

    private boolean run(List<ClaimedMessage> messages, Runnable onGivenUp) {
        return queue.handled().largestBatch() > 1
                ? executor.run(queue.handled(), messages, onGivenUp)
                : executor.run(queue.handled(), messages.get(0), onGivenUp);
    }

    private void release(List<ClaimedMessage> messages) {
        completer.add(messages.stream().map(Completion::release).toList());
    }
}

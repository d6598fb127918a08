package io.postroom.internal.consumer;

import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;

/**
 * Consumes one queue in this process: wires its claims, its buffer and the runner of its messages to the threads that all queues share. Has
 * no thread of its own. Starts once and stops once. Thread-safe.
 */
public final class Consumer {
    private final ConsumedQueue queue;
    private final ConsumerRuntime shared;
    private final HandlerSet handlerSet;
    private final ClaimRules rules;
    private final HeldMessages held;
    private final QueueClaims claims;
    private final HandlerRunner runner;
    private final AtomicBoolean stopped = new AtomicBoolean();

    public Consumer(ConsumedQueue queue, ConsumerRuntime shared) {
        this.queue = queue;
        this.shared = shared;
        handlerSet = shared.join(queue.handled());
        rules = new ClaimRules(queue, shared.leaseHolder, shared.completer::isOverwhelmed);
        held = new HeldMessages(
                handlerSet,
                shared.bounds,
                shared.leases,
                shared.starts,
                queue::holdsLittle,
                this::release,
                this::requestThread,
                others -> others.forEach(shared.claimer::signal),
                this::signal);
        SuspectRunner suspects = new SuspectRunner(
                queue,
                shared.store,
                shared.leaseHolder,
                held,
                shared.leases.suspectPlaces(),
                this::signal,
                System::nanoTime);
        claims = new QueueClaims(queue, rules, held, handlerSet, suspects);
        runner = new HandlerRunner(queue.handled(), held, handlerSet, shared.pool, this::run);
    }

    /** Looks for messages that came before this consumer. */
    public void start() {
        signal();
    }

    public ConsumedQueue queue() {
        return queue;
    }

    /** Makes the claimer look again: something may have come. */
    public void signal() {
        shared.claimer.signal(claims);
    }

    /** Makes the claimer look at once: this process made a message READY. */
    public void wake() {
        claims.becameReadyHere();
        arrived();
    }

    /** Makes the claimer look again: messages became READY. */
    public void arrived() {
        claims.limitedArrived();
        signal();
    }

    /** Looks again at once where messages had to end before others may start: one of a queue with limiters has ended. */
    public void limitedEnded() {
        claims.limitedEnded();
        signal();
    }

    /** Gives back what no handler thread has begun: the queue has got a limiter, which did not count it. */
    public void giveBackWaiting() {
        held.giveBackWaiting();
    }

    /** Whether a message is held here: its handler runs, or it waits for a handler thread. */
    public boolean isBusy() {
        return held.count() > 0;
    }

    /** Whether nothing would be claimed here now, whatever came. Other processes should hear of new messages then. */
    public boolean isSaturated() {
        return rules.leaveToOthers() || held.wanted() <= 0 || held.isHeldUpByOthers();
    }

    /**
     * Gives back what no handler thread has begun, once a claim under way has ended. The queue must be marked as stopped before. Direct
     * dispatch that began before the mark is counted by {@link #held} from here on.
     *
     * @return false when a claim lasts; to be called again
     */
    public boolean settleStop() {
        if (!shared.claimer.awaitTurn()) {
            return false;
        }
        held.giveBackWaiting();
        return true;
    }

    /** Returns how many messages are held here. */
    public int held() {
        return held.count();
    }

    /** Returns how many handler calls ignored their interrupt and were given up. */
    public int leakedThreads() {
        return runner.leaked();
    }

    /**
     * Ends claims and direct dispatch from here on. What no handler thread has begun goes back to the queue untouched. Repeating it does
     * nothing.
     */
    public void announceStop() {
        rules.stop();
        held.close();
        if (stopped.compareAndSet(false, true)) {
            shared.leave(queue.handled(), handlerSet);
        }
    }

    /** Announces the stop and waits for a claim that may be under way; what it brings goes back untouched. */
    public void stopClaiming() {
        announceStop();
        shared.claimer.awaitTurn();
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
        return new DirectDispatcher(queue, rules, held).begin(messages, isTakenHere, leaseHolder, onUnknown);
    }

    private void requestThread() {
        runner.request();
    }

    private boolean run(List<ClaimedMessage> messages, Runnable onGivenUp) {
        return queue.handled().largestBatch() > 1
                ? shared.executor.run(queue.handled(), messages, onGivenUp)
                : shared.executor.run(queue.handled(), messages.get(0), onGivenUp);
    }

    private void release(List<ClaimedMessage> messages) {
        shared.completer.add(messages.stream().map(Completion::release).toList());
    }
}

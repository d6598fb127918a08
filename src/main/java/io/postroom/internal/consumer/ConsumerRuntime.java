package io.postroom.internal.consumer;

import io.postroom.api.EngineSettings;
import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.LeaseStore;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What all consumers of this process share: the thread that claims, the handler threads, and the bounds of what is held. Lives from one
 * start of the consumers to their stop. Calls that outlive a stop keep their threads and permits, and the next start has its own.
 * Thread-safe.
 */
public final class ConsumerRuntime {
    private static final int CORES = Runtime.getRuntime().availableProcessors();
    /** Handler threads that start without a wait: enough to use all cores while some of them wait for the database. */
    static final int THREADS_AT_ONCE = Math.max(8, 2 * CORES);

    final LeaseStore store;
    final LeaseHolder leaseHolder;
    final Executor executor;
    final Completer completer;
    final HeldLeases leases;
    final HandlerPool pool;
    final HeldBounds bounds;
    final StartMarks starts;
    final Claimer claimer;
    private final Map<List<?>, HandlerSet> handlerSets = new HashMap<>();

    public ConsumerRuntime(
            EngineSettings settings,
            LeaseStore store,
            LeaseHolder leaseHolder,
            Executor executor,
            Completer completer,
            HeldLeases leases) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.executor = executor;
        this.completer = completer;
        this.leases = leases;
        pool = settings.virtualThreads()
                ? new HandlerPool(HandlerThreads.virtual(), settings.handlerThreads(), settings.handlerThreads())
                : new HandlerPool(HandlerThreads.platform(), THREADS_AT_ONCE, settings.handlerThreads());
        bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
        starts = new StartMarks(store, leaseHolder, System::nanoTime);
        claimer = new Claimer(store, leaseHolder, pool, bounds);
    }

    /** Starts the thread that claims. */
    public void start() {
        pool.start();
        claimer.start();
    }

    /** Ends the thread that claims, waiting for a claim under way, and lets the handler threads end as they become idle. */
    public void stop() {
        claimer.stop();
        claimer.awaitEnd();
        pool.close();
    }

    /** Whether a handler runs or a message waits for one. Costs the same with one queue and with ten thousand. */
    public boolean isBusy() {
        return bounds.messages() > 0;
    }

    /** Returns the set of the queue's handlers; {@link #leave} must follow once the queue is not consumed any more. */
    synchronized HandlerSet join(HandledQueue queue) {
        HandlerSet handlerSet =
                handlerSets.computeIfAbsent(queue.handlers(), handlers -> HandlerSet.of(queue, pool, executor));
        handlerSet.use(1);
        return handlerSet;
    }

    synchronized void leave(HandledQueue queue, HandlerSet handlerSet) {
        if (handlerSet.use(-1) == 0) {
            handlerSets.remove(queue.handlers(), handlerSet);
        }
    }
}

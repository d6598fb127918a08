package io.postroom.internal.consumer;

import io.postroom.internal.loop.Loop;
import io.postroom.internal.loop.RepeatedWarning;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads of this process that run handlers, shared by all its queues. A thread runs slices in the order in which they were offered. A
 * slice is what one queue has to run, until nothing waits there or its time is over. Thread-safe.
 *
 * <p>A slice gets an idle thread, the one that was busy last, so that the others can end after {@link #IDLE}. Without an idle thread a new
 * one starts at once while there are few. Beyond {@code atOnce} threads one starts only when a slice has waited for {@link #GROW_AFTER} and
 * too few threads still take slices: the others are blocked in their handlers. So fast handlers of a thousand queues share a few threads,
 * and handlers that block get theirs within some ms.
 *
 * <p>No thread waits under a monitor here: a virtual thread would keep its carrier.
 */
final class HandlerPool {
    private static final Logger log = LoggerFactory.getLogger(HandlerPool.class);

    static final Duration GROW_AFTER = Duration.ofMillis(2);
    /** A thread without work ends after this time. */
    static final Duration IDLE = Duration.ofSeconds(20);
    /** Longest pause of the thread that adds threads; a slice without a thread ends the pause. */
    private static final Duration LOOK_EVERY = Duration.ofMinutes(1);

    private final ThreadFactory factory;
    private final int atOnce;
    private final int most;
    private final long idleNanos;
    private final Loop growth = new Loop("postroom-handler-growth", true, this::growStep);
    private final ReentrantLock lock = new ReentrantLock();
    /** Slices without a thread, the oldest first. */
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
    /** Threads without a slice, the one that was busy last at the end. There are none while slices wait. */
    private final ArrayDeque<Worker> idle = new ArrayDeque<>();

    private final Set<Worker> workers = new HashSet<>();
    private final Cores cores = new Cores();
    /** Threads that the system refused in a row; guarded by the lock. */
    private final RepeatedWarning refusals = new RepeatedWarning();

    private boolean growing;
    private volatile boolean closed;
    private volatile boolean someWait;
    private final ThreadDemand demand;
    private volatile long lastTakenNanos = System.nanoTime();

    /** Something to run for a short while on a thread of the pool. */
    interface Slice {
        /** @param worker the thread that runs it, to be marked as lost when a call on it is given up */
        void run(Worker worker);
    }

    private record Waiting(Slice slice, long sinceNanos) {}

    /**
     * @param factory makes the threads
     * @param atOnce that many threads start as soon as a slice finds none idle
     * @param most upper bound of threads; those that were lost in a call do not count
     */
    HandlerPool(ThreadFactory factory, int atOnce, int most) {
        this(factory, atOnce, most, IDLE);
    }

    HandlerPool(ThreadFactory factory, int atOnce, int most, Duration idle) {
        this.factory = factory;
        this.atOnce = Math.min(atOnce, most);
        this.most = most;
        this.demand = new ThreadDemand(most);
        this.idleNanos = idle.toNanos();
    }

    /** Starts the thread that adds threads: here, because the system may refuse it when slices wait. */
    void start() {
        lock.lock();
        try {
            growth.start();
            growing = true;
        } finally {
            lock.unlock();
        }
    }

    /** Runs the slice on one of the threads, after those that were offered before. Never waits for a thread. */
    void offer(Slice slice) {
        Worker free;
        Worker added = null;
        boolean grow = false;
        lock.lock();
        try {
            demand.begins();
            free = idle.pollLast();
            if (free != null) {
                free.next = slice;
                lastTakenNanos = System.nanoTime();
            } else {
                waiting.add(new Waiting(slice, System.nanoTime()));
                someWait = true;
                added = workers.size() < atOnce ? newWorker() : null;
                grow = added == null && workers.size() < most;
                if (grow) {
                    startGrowing();
                }
            }
        } finally {
            lock.unlock();
        }
        if (free != null) {
            LockSupport.unpark(free.thread);
        } else if (added != null) {
            start(added);
        } else if (grow) {
            growth.signal();
        }
    }

    /** Whether slices wait for a thread, so that a thread should not stay with one queue for long. */
    boolean someWait() {
        return someWait;
    }

    /** Returns how many more slices would soon have a thread of their own; zero or less: none. */
    int spare() {
        return demand.spare();
    }

    /** Returns the count of slices that run or wait for a thread. */
    ThreadDemand demand() {
        return demand;
    }

    /** Whether a slice has begun within that time, so that one that is offered now will probably begin soon. */
    boolean hasTakenWithin(Duration time) {
        return System.nanoTime() - lastTakenNanos < time.toNanos();
    }

    /** Returns how many threads there are, without those that were lost. */
    int threads() {
        lock.lock();
        try {
            return workers.size();
        } finally {
            lock.unlock();
        }
    }

    /** Ends threads as soon as they have no slice. Slices that are offered later still run, on threads that end after them. */
    void close() {
        lock.lock();
        try {
            closed = true;
            idle.forEach(worker -> LockSupport.unpark(worker.thread));
        } finally {
            lock.unlock();
        }
        growth.stop();
    }

    /** Starts the thread that adds threads, unless it runs. Call with the lock held. */
    private void startGrowing() {
        if (!growing && !closed) {
            try {
                growth.start();
                growing = true;
            } catch (Throwable refused) {
                log.debug(
                        "the thread that adds handler threads could not be started; the next slice tries again",
                        refused);
            }
        }
    }

    /** Call with the lock held. */
    private Worker newWorker() {
        Worker worker = new Worker();
        workers.add(worker);
        return worker;
    }

    /** Starts the thread. If the system refuses one, the slices wait for the other threads, and for the next try. */
    private void start(Worker worker) {
        try {
            worker.thread.start();
        } catch (Throwable refused) {
            worker.end();
            lock.lock();
            try {
                startGrowing();
                if (refusals.isDue()) {
                    log.warn(
                            "the system refuses another handler thread, {} run and messages wait for them. Raise the limit of threads of"
                                    + " this process, or lower postroom.handler-threads (EngineSettings.handlerThreads)",
                            workers.size(),
                            refused);
                }
            } finally {
                lock.unlock();
            }
            if (!growth.isOwnThread()) {
                growth.signal();
            }
        }
    }

    private void growStep() {
        long wait = grow(System.nanoTime());
        if (wait > 0) {
            growth.pauseNanos(wait);
        }
    }

    /** Adds threads if slices wait for too long. Returns the nanoseconds until the next look. */
    long grow(long now) {
        List<Worker> added = new ArrayList<>();
        lock.lock();
        try {
            Waiting oldest = waiting.peek();
            if (oldest == null || workers.size() >= most) {
                return LOOK_EVERY.toNanos(); // the next slice without a thread ends this pause
            }
            long left = GROW_AFTER.toNanos() - (now - oldest.sinceNanos());
            if (left > 0) {
                return left;
            }
            for (int more = Math.min(waiting.size(), Math.min(most - workers.size(), missing(now))); more > 0; more--) {
                added.add(newWorker());
            }
        } catch (Throwable noMemory) {
            added.forEach(workers::remove); // none of these will run
            throw noMemory;
        } finally {
            lock.unlock();
        }
        added.forEach(this::start);
        return GROW_AFTER.toNanos();
    }

    /** Call with the lock held. Returns how many threads are missing, so that enough of them take slices. */
    private int missing(long now) {
        boolean busy = cores.areBusy(now);
        int available = 0;
        for (Worker worker : workers) {
            if (worker.watch.isAvailableSoon(now, busy)) {
                available++;
            }
        }
        return available == 0 ? Math.max(atOnce, workers.size() / 2) : Math.max(0, atOnce - available);
    }

    /** One thread of the pool. */
    final class Worker implements Runnable {
        private final Thread thread = factory.newThread(this);
        private final CallWatch watch = new CallWatch(thread, atOnce < most);
        /** Given by {@link #offer} while the worker is idle. */
        private volatile @Nullable Slice next;

        private volatile boolean lost;

        @Override
        public void run() {
            try {
                for (Slice slice = take(); slice != null; slice = take()) {
                    watch.sliceBegins(System.nanoTime());
                    runSafely(slice);
                    if (lost) {
                        return;
                    }
                }
            } finally {
                end();
            }
        }

        /** Returns what tells whether this thread is blocked. */
        CallWatch watch() {
            return watch;
        }

        private void runSafely(Slice slice) {
            try {
                slice.run(this);
            } catch (Throwable unexpected) {
                log.error("a handler thread's work failed unexpectedly", unexpected);
            } finally {
                ended();
            }
        }

        private void ended() {
            lock.lock();
            try {
                if (!lost) {
                    demand.ends();
                }
            } finally {
                lock.unlock();
            }
        }

        /**
         * Marks this thread as lost: a call on it was given up, or left it so that it cannot be used again. Another may start in its place
         * at once. For any thread; repeating it does nothing.
         */
        void lose() {
            Worker added = null;
            lock.lock();
            try {
                if (lost) {
                    return;
                }
                lost = true;
                demand.ends();
                workers.remove(this);
                if (!waiting.isEmpty() && workers.size() < most) {
                    added = newWorker();
                }
            } finally {
                lock.unlock();
            }
            if (added != null) {
                start(added);
            }
        }

        /** Waits for the next slice; null: this thread ends. */
        private @Nullable Slice take() {
            lock.lock();
            try {
                refusals.reset();
                Waiting oldest = waiting.poll();
                if (oldest != null) {
                    lastTakenNanos = System.nanoTime();
                    someWait = !waiting.isEmpty();
                    return oldest.slice();
                }
                if (closed) {
                    return null;
                }
                idle.addLast(this);
            } finally {
                lock.unlock();
            }
            return awaitNext();
        }

        private @Nullable Slice awaitNext() {
            long end = System.nanoTime() + idleNanos;
            while (next == null) {
                Thread.interrupted(); // one that came too late for a call; an interrupted thread would not park
                LockSupport.parkNanos(HandlerPool.this, end - System.nanoTime());
                if (next == null && (closed || end - System.nanoTime() <= 0) && leaveIdle()) {
                    return null;
                }
            }
            Slice given = next;
            next = null;
            return given;
        }

        /** Returns false when a slice was given to this thread meanwhile. */
        private boolean leaveIdle() {
            lock.lock();
            try {
                if (!idle.removeFirstOccurrence(this)) {
                    return false;
                }
                workers.remove(this); // in the same step: a slice that is offered next may need a new thread
                return true;
            } finally {
                lock.unlock();
            }
        }

        private void end() {
            lock.lock();
            try {
                workers.remove(this);
            } finally {
                lock.unlock();
            }
        }
    }
}

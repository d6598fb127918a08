package io.postroom.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * Enqueues as fast as the handler keeps up: with {@link #IN_FLIGHT} messages between them the enqueuers wait, so that a fast producer
 * cannot starve the workers for ever. {@link #handler} first, then {@link #start}.
 */
final class Load implements AutoCloseable {
    static final int IN_FLIGHT = 5_000;
    private static final int BULK = 100;

    /** How messages are put in, and by how many threads. */
    enum Way {
        /** A transaction each. */
        SINGLE(8),
        /** A call that shares commits; a thread does not wait for its message before it sends the next. */
        GROUPED(8),
        /** {@value #BULK} by the bulk call. */
        BULK_OF_100(2);

        final int threads;

        Way(int threads) {
            this.threads = threads;
        }
    }

    private final Way way;
    private final int times;
    private final String payload = Payloads.usual();
    private final Semaphore places = new Semaphore(IN_FLIGHT);
    private final AtomicLong handled = new AtomicLong();
    private final AtomicLong worstNanos = new AtomicLong();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean going = true;

    Load(Way way) {
        this(way, 1);
    }

    /** @param times as many threads put in as usual */
    Load(Way way, int times) {
        this.way = way;
        this.times = times;
    }

    Consumer<String> handler() {
        return any -> {
            handled.incrementAndGet();
            places.release();
        };
    }

    void start(Contender.Line line) {
        for (int i = 0; i < way.threads * times; i++) {
            Thread thread = new Thread(() -> enqueue(line), "enqueuer-" + i);
            threads.add(thread);
            thread.start();
        }
    }

    private void enqueue(Contender.Line line) {
        List<String> block = Collections.nCopies(BULK, payload);
        int each = way == Way.BULK_OF_100 ? BULK : 1;
        try {
            while (going) {
                if (!places.tryAcquire(each, 100, TimeUnit.MILLISECONDS)) {
                    continue;
                }
                long before = System.nanoTime();
                switch (way) {
                    case SINGLE -> line.enqueue(payload);
                    case GROUPED ->
                        line.enqueueAsync(payload).whenComplete((done, error) -> {
                            if (error != null) {
                                failure.compareAndSet(null, error);
                            }
                        });
                    case BULK_OF_100 -> line.enqueue(block);
                }
                worstNanos.accumulateAndGet(System.nanoTime() - before, Math::max);
            }
        } catch (Exception e) {
            failure.compareAndSet(null, e);
        }
    }

    /** Returns the number of messages handled so far. */
    long handled() {
        if (failure.get() != null && going) {
            throw new IllegalStateException("The load broke down", failure.get());
        }
        return handled.get();
    }

    /** The longest an enqueuing call took since this was asked last. */
    double worstWaitMillis() {
        return worstNanos.getAndSet(0) / 1e6;
    }

    /** Watches for so long. */
    Sample measure(Meter meter, long nanos) throws Exception {
        Meter.Mark from = meter.mark();
        long before = handled();
        TimeUnit.NANOSECONDS.sleep(nanos);
        long messages = handled() - before;
        return Meter.between(from, meter.mark(), messages);
    }

    @Override
    public void close() throws InterruptedException {
        going = false;
        for (Thread thread : threads) {
            thread.join();
        }
    }
}

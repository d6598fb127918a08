package io.postroom.internal.execution;

import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes how messages ended, in batches, on a thread of its own. Thread-safe.
 *
 * <ol>
 *   <li>Results gather while the batch before them is written.
 *   <li>A small batch waits {@value #LINGER_MICROS} microseconds for the results of other handlers; when no other handler runs it does not
 *       wait.
 *   <li>The batch is written in one transaction. When the database is away, it is tried again for as long as it takes.
 *   <li>Results whose lease was lost meanwhile are dropped, counted and logged; the listener hears of the others.
 * </ol>
 */
public final class Completer {
    private static final Logger log = LoggerFactory.getLogger(Completer.class);
    private static final long LINGER_MICROS = 1000;
    /** Smallest batch that does not wait for more results. */
    private static final int WORTH_A_COMMIT = 100;

    private static final int LARGEST_BATCH = 1000;
    /** Consumers stop claiming above this number: their handlers are faster than the database. */
    private static final int TOO_MANY = 10_000;

    private final LeaseStore store;
    private final IntSupplier workerId;
    private final BooleanSupplier othersAreRunning;
    private final Consumer<List<Completion>> onWritten;
    private final Consumer<Completion> onLost;
    private final Loop loop = new Loop("postroom-completer", true, this::step);
    private final LongAdder lost = new LongAdder();
    private final Object lock = new Object();
    private List<Completion> gathered = new ArrayList<>();
    private List<Completion> writing = List.of();

    /**
     * @param workerId the worker under which the leases are held, asked anew for each batch
     * @param othersAreRunning whether results of other handlers may come soon, so that a small batch is worth a wait
     * @param onWritten told of results once they are committed, by this thread or by an ATOMIC handler's
     * @param onLost told of each result that was dropped because its lease had gone
     */
    public Completer(
            LeaseStore store,
            IntSupplier workerId,
            BooleanSupplier othersAreRunning,
            Consumer<List<Completion>> onWritten,
            Consumer<Completion> onLost) {
        this.store = store;
        this.workerId = workerId;
        this.othersAreRunning = othersAreRunning;
        this.onWritten = onWritten;
        this.onLost = onLost;
    }

    public void start() {
        loop.start();
    }

    /** Ends the thread, waiting for it up to 5 s. What was not written stays under its leases until other processes rescue it. */
    public void stop() {
        loop.stop();
        loop.join(Duration.ofSeconds(5));
    }

    /** Takes results over, to be written soon. Never blocks and has no limit: consumers ask {@link #isOverwhelmed()} before they claim. */
    public void add(List<Completion> ends) {
        boolean first;
        synchronized (lock) {
            first = gathered.isEmpty();
            gathered.addAll(ends);
        }
        if (first) {
            loop.signal();
        }
    }

    /** Takes notice of results that an ATOMIC handler's own transaction has committed. */
    void written(List<Completion> ends) {
        onWritten.accept(ends);
    }

    /** Whether the caller is the thread that writes: it must not wait for {@link #drain}. */
    public boolean isOwnThread() {
        return loop.isOwnThread();
    }

    /** {@code System.nanoTime()} when results were last written, or there was nothing to write. */
    public long lastSuccessNanos() {
        return loop.lastSuccessNanos();
    }

    /** Whether more than {@value #TOO_MANY} results wait. */
    public boolean isOverwhelmed() {
        return pending() > TOO_MANY;
    }

    /** Results that are not committed yet. */
    public int pending() {
        synchronized (lock) {
            return gathered.size() + writing.size();
        }
    }

    /** Results that were dropped because their lease had gone, since this process started. */
    public long lost() {
        return lost.sum();
    }

    /** Waits until no result is pending. Answers whether that was so in time; false, too, when the caller is interrupted. */
    public boolean drain(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        synchronized (lock) {
            while (!gathered.isEmpty() || !writing.isEmpty()) {
                long left = end - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                try {
                    lock.wait(Math.max(1, left / 1_000_000));
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    return false;
                }
            }
            return true;
        }
    }

    private void step() {
        if (writing.isEmpty()) {
            takeBatch();
        }
        if (writing.isEmpty()) {
            loop.pause(Duration.ofSeconds(10));
            return;
        }
        List<Completion> written = write(writing);
        synchronized (lock) {
            writing = List.of();
            lock.notifyAll();
        }
        onWritten.accept(written);
    }

    private void takeBatch() {
        boolean small;
        synchronized (lock) {
            small = !gathered.isEmpty() && gathered.size() < WORTH_A_COMMIT;
        }
        if (small && othersAreRunning.getAsBoolean()) {
            loop.pauseNanos(LINGER_MICROS * 1000);
        }
        synchronized (lock) {
            if (gathered.size() <= LARGEST_BATCH) {
                writing = gathered;
                gathered = new ArrayList<>();
            } else {
                writing = new ArrayList<>(gathered.subList(0, LARGEST_BATCH));
                gathered = new ArrayList<>(gathered.subList(LARGEST_BATCH, gathered.size()));
            }
        }
    }

    /** Writes results in one transaction, and answers those that still counted, in order. */
    private List<Completion> write(List<Completion> ends) {
        Predicate<Completion> written = LeasePart.written(store.complete(workerId.getAsInt(), ends));
        List<Completion> counted = new ArrayList<>(ends.size());
        for (Completion end : ends) {
            if (written.test(end)) {
                counted.add(end);
            } else {
                lost.increment();
                onLost.accept(end);
                log.warn(
                        "lease {} on message {} was lost; its result ({}) is dropped and the message runs again or did already",
                        end.message().lease().id(),
                        end.message().id(),
                        end.outcome());
            }
        }
        return counted;
    }
}

package io.postroom.internal.worker;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.PollRequest;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Answers what a test says, and records what it was told. */
class FakeWorkerStore implements WorkerStore {
    final BlockingQueue<List<Arrival>> notified = new LinkedBlockingQueue<>();
    final Deque<WatermarkSample> samples = new ArrayDeque<>();
    final List<Boolean> sampledByWriters = new ArrayList<>();
    boolean settled;
    /** Opened by the test: until then, {@link #notifyOthers} does not return. */
    final CountDownLatch mayNotify = new CountDownLatch(1);
    /** What {@link #endWaits} does. */
    Runnable endedWaits = () -> {};
    /** How many of the next calls of {@link #notifyOthers} fail. */
    final AtomicInteger failures = new AtomicInteger();

    @Override
    public WatermarkSample sampleWatermark(boolean byWriters) {
        sampledByWriters.add(byWriters);
        return samples.remove();
    }

    @Override
    public boolean isSettled(WatermarkSample sample) {
        return settled;
    }

    @Override
    public RunSoon runWaitingSoon(String entry, @Nullable String before) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void endWaits() {
        endedWaits.run();
    }

    @Override
    public void notifyOthers(Collection<Arrival> arrivals) {
        boolean fails = failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0;
        notified.add(List.copyOf(arrivals));
        if (fails) {
            throw new IllegalStateException("the database is away");
        }
        try {
            mayNotify.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public int register(UUID instance, String name, String version) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void announce(int workerId, List<ConsumerRow> consumers) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean beat(int workerId, UUID instance) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void deregister(int workerId, UUID instance, @Nullable Duration leaseTime) {
        throw new UnsupportedOperationException();
    }

    @Override
    public PollSummary summarize(int workerId, @Nullable Instant dueFrom) {
        throw new UnsupportedOperationException();
    }

    @Override
    public PollResult poll(PollRequest request) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void forgetCancelled(int workerId, Collection<UUID> messages) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean reportStopped(int workerId, UUID instance, int queueId, String queue, int held) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Set<Lane> passedOn(Collection<UUID> dead) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Set<Integer> consumedElsewhere(int workerId) {
        throw new UnsupportedOperationException();
    }
}

package io.postroom.internal.consumer;

import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Announces which messages this process starts, of all its queues, before it starts them. If the process dies, a rescue counts a crash
 * for those alone. What was only prefetched goes back untouched. Thread-safe.
 *
 * <p>Messages start in the order of their leases. So one mark for each lease is enough: how many of its messages, from the first, may have
 * started. A statement for each message would cost more than the message. An announcement therefore covers what probably starts within
 * {@link #EVERY}: with slow handlers one message, with fast ones many hundreds. What a claim brings for free threads needs no
 * announcement, because the claim writes the mark with the lease.
 */
final class StartMarks {
    private static final Logger log = LoggerFactory.getLogger(StartMarks.class);
    /** Time that one announcement covers. Shorter: more statements. Longer: more messages that count a crash without having started. */
    static final Duration EVERY = Duration.ofMillis(10);

    private static final int FASTEST_GROWTH = 8;

    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final LongSupplier nanoTime;
    private final ReentrantLock announcing = new ReentrantLock();
    /** Leases with messages that are not announced, by id, which is the order in which they start. */
    private final TreeMap<Long, Mark> unannounced = new TreeMap<>();

    private int chunk = 1;
    private long lastNanos;

    /** @param started how many messages of the lease are announced, from the first */
    private record Mark(int started, int count) {}

    /** @param nanoTime as {@link System#nanoTime} */
    StartMarks(LeaseStore store, LeaseHolder leaseHolder, LongSupplier nanoTime) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.nanoTime = nanoTime;
        this.lastNanos = nanoTime.getAsLong();
    }

    /**
     * Returns how many messages probably start within {@link #EVERY}. A claim may write down as many as started, beside those for free
     * threads. The number falls while nothing is announced: a claim that covers all there is must not go by how fast handlers once were.
     */
    synchronized int chunk() {
        return (int) Math.max(1, chunk * Math.min(1, growth(nanoTime.getAsLong())));
    }

    private double growth(long now) {
        return (double) EVERY.toNanos() / Math.max(1, now - lastNanos);
    }

    /**
     * Takes over what a claim brought, before a thread can see it.
     *
     * @param claimed in the order in which they will start
     * @param started how many of them count as started already
     */
    synchronized void claimed(List<ClaimedMessage> claimed, int started) {
        for (int i = 0; i < claimed.size(); i++) {
            ClaimedMessage.Lease lease = claimed.get(i).lease();
            int announced = Math.max(0, started - i);
            if (lease.ordinal() == 0 && announced < lease.count()) {
                unannounced.put(lease.id(), new Mark(announced, lease.count()));
            }
        }
    }

    /** Forgets leases whose messages go back to their queue, begun by no thread. */
    synchronized void released(List<ClaimedMessage> messages) {
        Map<Long, Integer> released = new HashMap<>();
        messages.forEach(message -> released.merge(message.lease().id(), 1, Integer::sum));
        // A thread may be about to announce another message of the lease: without a mark it would count as announced.
        released.forEach((lease, count) ->
                unannounced.computeIfPresent(lease, (id, mark) -> count >= mark.count() ? null : mark));
    }

    /**
     * Returns once these messages are announced. An announcement that fails is not repeated, so that a database that is away stops no
     * handler twice: should the worker die then, they come back without a crash.
     */
    void announce(List<ClaimedMessage> next) {
        if (areAnnounced(next)) {
            return;
        }
        announcing.lock(); // one thread announces for all that wait here
        try {
            Map<Long, Integer> marks = marksFor(next);
            if (marks.isEmpty()) {
                return;
            }
            try {
                store.announceStarts(leaseHolder.workerId(), marks);
            } catch (RuntimeException failed) {
                log.debug(
                        "the start of {} was not announced and goes on",
                        next.get(0).id(),
                        failed);
            }
            announced(marks);
        } finally {
            announcing.unlock();
        }
    }

    private synchronized boolean areAnnounced(List<ClaimedMessage> next) {
        return unannounced.isEmpty() || next.stream().allMatch(this::isAnnounced);
    }

    private boolean isAnnounced(ClaimedMessage message) {
        Mark mark = unannounced.get(message.lease().id());
        return mark == null || message.lease().ordinal() < mark.started();
    }

    /** Returns new marks, so that these messages and those behind them are covered, a chunk in all; empty: all of these are announced. */
    private synchronized Map<Long, Integer> marksFor(List<ClaimedMessage> next) {
        TreeMap<Long, Integer> marks = new TreeMap<>();
        int covered = 0;
        for (ClaimedMessage message : next) {
            if (!isAnnounced(message)) {
                marks.merge(message.lease().id(), message.lease().ordinal() + 1, Math::max);
                covered++;
            }
        }
        if (!marks.isEmpty()) {
            adapt();
            coverMore(marks, chunk - covered);
        }
        return marks;
    }

    /** Makes the chunk what started since the last announcement, per {@link #EVERY}. */
    private void adapt() {
        long now = nanoTime.getAsLong();
        chunk = (int) Math.max(1, Math.min(PrefetchPolicy.MOST, chunk * Math.min(FASTEST_GROWTH, growth(now))));
        lastNanos = now;
    }

    private void coverMore(TreeMap<Long, Integer> marks, int more) {
        int left = more;
        for (Map.Entry<Long, Mark> lease :
                unannounced.tailMap(marks.lastKey(), true).entrySet()) {
            if (left <= 0) {
                return;
            }
            int from = marks.getOrDefault(lease.getKey(), lease.getValue().started());
            int to = Math.min(lease.getValue().count(), from + left);
            marks.put(lease.getKey(), to);
            left -= to - from;
        }
    }

    private synchronized void announced(Map<Long, Integer> marks) {
        marks.forEach((lease, started) -> unannounced.computeIfPresent(
                lease, (id, mark) -> started >= mark.count() ? null : new Mark(started, mark.count())));
    }
}

package io.postroom.internal.consumer;

import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.HandledQueue;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What queues with the same handlers share in this process: permits to run messages, what is known of the handlers' speed, and the number
 * of messages held. Concurrency says how many messages the process handles at a time, over all of these queues. Thread-safe.
 *
 * <p>A queue without a permit for its waiting messages stands in line, once, and the queues get permits one after the other. Three threads
 * meet here: a put adds messages to the buffer and asks for a permit, a taker finds the buffer empty and gives its permit back, and another
 * put comes between the two. Messages would wait for ever if the put found no permit and the taker did not look again. So the order is
 * fixed:
 *
 * <ul>
 *   <li>A put adds to the buffer first, and asks second. Without a free permit it stands in line.
 *   <li>A taker that found nothing gives the permit to the first in line whose buffer is filled, and else makes it free.
 *   <li>Both are one step under this object's monitor. If the put asks first, the taker finds it in line. If the taker is first, the put
 *       finds a free permit.
 * </ul>
 */
final class HandlerSet {
    private final PrefetchPolicy prefetch;
    private final HandlerPool pool;
    private final AtomicInteger held = new AtomicInteger();
    private int freePermits;
    /** Queues in line for a permit; null while none was. Ten thousand queues at rest need none. */
    private @Nullable ArrayDeque<HandlerRunner> line;
    /** Queues that found no room for another message; null while none did. */
    private @Nullable LinkedHashSet<QueueClaims> withoutRoom;

    private volatile boolean someWantRoom;
    /** Most that claims under way may bring. */
    private int expected;

    private volatile int queues;

    HandlerSet(PrefetchPolicy prefetch, int concurrency, HandlerPool pool) {
        this.prefetch = prefetch;
        this.freePermits = concurrency;
        this.pool = pool;
    }

    static HandlerSet of(HandledQueue queue, HandlerPool pool, Executor executor) {
        PrefetchPolicy prefetch = new PrefetchPolicy(
                queue.concurrency(),
                queue.largestBatch(),
                System::nanoTime,
                () -> executor.runsLongerThan(PrefetchPolicy.AHEAD, queue));
        return new HandlerSet(prefetch, queue.concurrency(), pool);
    }

    PrefetchPolicy prefetch() {
        return prefetch;
    }

    /** Notes that one more queue uses these handlers, or one less. Returns how many do. */
    synchronized int use(int more) {
        queues += more;
        return queues;
    }

    boolean isShared() {
        return queues > 1;
    }

    /** Offers a slice of the queue's messages to the threads, or puts the queue in line. For a queue whose buffer was just filled. */
    void requestPermit(HandlerRunner runner) {
        if (runner.inLine) {
            return; // who takes it from the line looks into the buffer after that
        }
        synchronized (this) {
            if (runner.inLine) {
                return;
            }
            if (freePermits == 0) {
                stand(runner);
                return;
            }
            freePermits--;
        }
        pool.offer(runner);
    }

    /** Gives a permit back, to the first queue in line. */
    void releasePermit() {
        HandlerRunner next;
        synchronized (this) {
            next = firstInLine();
            if (next == null) {
                freePermits++;
                return;
            }
        }
        pool.offer(next);
    }

    /** Lets the next queue run, and this one after the others. For a queue that has a permit and messages. */
    void passOn(HandlerRunner runner) {
        HandlerRunner next;
        synchronized (this) {
            next = firstInLine();
            if (next != null && next != runner && !runner.inLine) {
                stand(runner);
            }
        }
        pool.offer(next == null ? runner : next);
    }

    /** Whether another queue than this one waits for a permit. */
    boolean othersWait() {
        if (!isShared()) {
            return false;
        }
        synchronized (this) {
            return line != null && !line.isEmpty();
        }
    }

    private void stand(HandlerRunner runner) {
        if (line == null) {
            line = new ArrayDeque<>(0);
        }
        runner.inLine = true;
        line.add(runner);
    }

    private @Nullable HandlerRunner firstInLine() {
        while (line != null && !line.isEmpty()) {
            HandlerRunner first = line.remove();
            first.inLine = false; // before the look: a put that comes after it asks again
            if (first.hasMessages()) {
                return first;
            }
        }
        return null;
    }

    /** Returns how many messages are held for all queues with these handlers. */
    int held() {
        return held.get();
    }

    /** Whether so few are held that a claim is worth its commit. Beside a deep queue of fast handlers one that holds none may have one. */
    boolean isWorthAClaim(boolean holdsNone) {
        return prefetch.isWorthAClaim(held.get()) || holdsNone && isShared() && prefetch.handlersAreFast();
    }

    /**
     * Decides how many messages a claim should bring, and notes that it is under way. Both are one step for {@link #tryAdd}. Else direct
     * dispatch could take the last free thread between the decision and the note. Then the claim would bring a message that no thread is
     * free for, while other processes could run it.
     *
     * @return most messages to claim; zero: none, and no claim is under way
     */
    int claimBegins(int most, boolean holdsNone) {
        return claimBegins(most, prefetch.target(), holdsNone && isShared() && prefetch.handlersAreFast() ? 1 : 0);
    }

    /** Does the same with so many messages to hold, and at least so many to claim. */
    synchronized int claimBegins(int most, int target, int least) {
        int wanted = Math.max(least, Math.min(most, target - held.get() - expected));
        expected += wanted;
        return wanted;
    }

    /** Counts what a claim brought. First the count, then the mark: whoever dispatches directly meanwhile sees one of the two. */
    synchronized void claimEnds(int asked, int brought) {
        held.addAndGet(brought);
        expected -= asked;
    }

    /**
     * Counts new messages that are about to be stored for direct dispatch, unless they would be more than this process should hold. What
     * a claim under way may bring counts, too, while only the threads themselves are to be supplied; fast handlers can take both.
     */
    synchronized boolean tryAdd(int messages) {
        int most = prefetch.target();
        int claimed = most <= prefetch.threadCapacity() ? expected : 0;
        // Meanwhile others only lower the count, or turn what is expected into it.
        if (held.get() + claimed + messages > most) {
            return false;
        }
        held.addAndGet(messages);
        return true;
    }

    void add(int messages) {
        held.addAndGet(messages);
    }

    /** Notes that a queue has something to claim and found no room. {@link #roomFor} names it when there is room. */
    synchronized void wantsRoom(QueueClaims claims) {
        if (withoutRoom == null) {
            withoutRoom = new LinkedHashSet<>();
        }
        withoutRoom.add(claims);
        someWantRoom = true;
    }

    /** Stops counting messages, and returns the queues that may claim in their place, those that have waited longest. */
    List<QueueClaims> roomFor(int messages) {
        held.addAndGet(-messages);
        return nextForRoom(messages);
    }

    /** Returns queues that wait for room and may claim now, at most so many, those that have waited longest. */
    List<QueueClaims> nextForRoom(int most) {
        if (!someWantRoom || !isWorthAClaim(true)) {
            return List.of();
        }
        List<QueueClaims> next = new ArrayList<>();
        synchronized (this) {
            var all = withoutRoom == null ? List.<QueueClaims>of().iterator() : withoutRoom.iterator();
            while (all.hasNext() && next.size() < Math.max(1, most)) {
                next.add(all.next());
                all.remove();
            }
            someWantRoom = all.hasNext();
        }
        return next;
    }
}

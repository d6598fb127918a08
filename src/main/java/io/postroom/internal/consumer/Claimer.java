package io.postroom.internal.consumer;

import io.postroom.api.StoreException;
import io.postroom.internal.consumer.ClaimRules.Reason;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.StartReports;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The thread that claims messages for this process, of all its queues. One claimer serves many handler threads: many claimers that find a
 * few rows each cost more than they bring, and a connection each.
 *
 * <p>A queue is signalled when something came or messages ended, and stands in line once. A turn takes queues from the head of the line,
 * and asks each whether it may claim and for how many messages. It claims for all of them in one statement and one commit. A queue that has
 * more stands behind the others then, so a deep queue delays no other. No turn walks over queues that were not signalled.
 */
final class Claimer {
    /** A claim waits for its commit to reach the disk, so deep queues need few and large claims. One claim may bring several leases. */
    static final int LARGEST_CLAIM = 1000;
    /** Most queues in one claim. */
    static final int MOST_QUEUES = 256;
    /** Each queue of a claim may bring at least so many messages: one that has a few should need one claim. */
    static final int FAIR_SHARE = 8;
    /** Most queues to look at in one turn, also those that then claim nothing. */
    private static final int MOST_LOOKS = 4 * MOST_QUEUES;
    /** Most suspects claimed in a turn. Each has a claim of its own, for which the other queues wait. */
    private static final int MOST_SUSPECTS = 4;
    /** Pause while a rule forbids claims, or a suspect may not run yet. */
    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    /** Longest pause while nothing waits or no thread is free. A change of either signals the thread. */
    private static final Duration IDLE = Duration.ofMinutes(1);

    private static final Duration LONGEST_CLAIM = Duration.ofSeconds(15);

    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final HandlerPool pool;
    private final HeldBounds bounds;
    private final Loop loop = new Loop("postroom-claim", false, this::step);
    private final Queue<QueueClaims> line = new ConcurrentLinkedQueue<>();
    private final LaterLooks later = new LaterLooks();
    /** Queues without a thread for their next message, while the pool is at its upper bound. */
    private final ArrayDeque<QueueClaims> withoutThread = new ArrayDeque<>();
    /** Held during a turn, so that a stop can wait for the claim under way. Fair, or the next turn would begin first. */
    private final ReentrantLock turning = new ReentrantLock(true);
    /** Queues that stand in line again after this turn, because they were in it already. */
    private final List<QueueClaims> nextTurn = new ArrayList<>();

    private long turns;
    private boolean isStalled;
    private int suspectsLeft;
    private @Nullable RuntimeException failure;

    Claimer(LeaseStore store, LeaseHolder leaseHolder, HandlerPool pool, HeldBounds bounds) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.pool = pool;
        this.bounds = bounds;
        pool.demand().onSpare(loop::signal);
    }

    void start() {
        loop.start();
    }

    /** Makes the thread look at the queue: something may have come, or messages ended. */
    void signal(QueueClaims queue) {
        if (queue.signal()) {
            line.add(queue);
            loop.signal();
        }
    }

    /** Ends the thread after its turn; {@link #awaitEnd} waits for that. */
    void stop() {
        loop.stop();
    }

    /** Waits for the end of the thread, and so of a claim that may be under way. */
    void awaitEnd() {
        loop.join(LONGEST_CLAIM);
    }

    /**
     * Waits for a claim that may be under way. Queues that were stopped before are not in the next one.
     *
     * @return false when that claim lasts longer than any should
     */
    boolean awaitTurn() {
        try {
            boolean ended = turning.tryLock(LONGEST_CLAIM.toMillis(), TimeUnit.MILLISECONDS);
            if (ended) {
                turning.unlock();
            }
            return ended;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void step() {
        long wait = turn();
        if (wait > 0) {
            loop.pauseNanos(wait);
        }
    }

    /** Claims for queues at the head of the line. Returns the nanoseconds until the next turn, unless it is signalled before. */
    long turn() {
        turning.lock();
        try {
            turns++;
            failure = null;
            isStalled = false;
            suspectsLeft = MOST_SUSPECTS;
            long now = System.nanoTime();
            returnToLine(now);
            claim(choose(now));
            line.addAll(nextTurn);
            nextTurn.clear();
            if (failure != null) {
                throw failure;
            }
            return nanosToNextTurn();
        } finally {
            turning.unlock();
        }
    }

    private long nanosToNextTurn() {
        if (isStalled) {
            return LOOK_EVERY.toNanos();
        }
        if (!line.isEmpty()) {
            return 0;
        }
        return later.nanosToNext(withoutThread.isEmpty() ? IDLE.toNanos() : LOOK_EVERY.toNanos());
    }

    /** Puts queues back into the line whose time has come, or for which there is a thread. */
    private void returnToLine(long now) {
        later.due(now, line::add, this::signal);
        for (int threads = pool.spare(); threads > 0 && !withoutThread.isEmpty(); threads--) {
            line.add(withoutThread.remove());
        }
        if (withoutThread.isEmpty()) {
            pool.demand().callWhenSpare(false);
        }
    }

    /** Returns the queues that claim now. Those whose claims failed claim beside few others, in the end alone. */
    private List<QueueClaims> choose(long now) {
        List<QueueClaims> chosen = new ArrayList<>();
        int most = MOST_QUEUES;
        for (int looks = 0; looks < MOST_LOOKS && chosen.size() < most; looks++) {
            QueueClaims queue = line.peek();
            if (queue == null || chosen.size() >= queue.mostTogether()) {
                break;
            }
            isStalled = queue.reasonAgainst().filter(Reason::isOfProcess).isPresent();
            if (isStalled) {
                break;
            }
            line.remove();
            if (queue.chosenInTurn == turns) {
                nextTurn.add(queue); // signalled again meanwhile
                continue;
            }
            queue.clearSignal();
            if (mayClaim(queue, now)) {
                queue.chosenInTurn = turns;
                chosen.add(queue);
                most = Math.min(most, queue.mostTogether());
            }
        }
        return chosen;
    }

    /** Whether the queue should claim ordinary messages in this turn. If not, a signal or a timer puts it into the line again. */
    private boolean mayClaim(QueueClaims queue, long now) {
        Optional<Reason> reason = queue.reasonAgainst();
        if (reason.isPresent()) {
            if (reason.get().isOfProcess()) {
                later.lookAgain(queue, LOOK_EVERY);
            }
            queue.passRoomOn();
            return false; // the poll that ends a pause signals
        }
        claimSuspect(queue);
        if (!queue.mayHaveWork()) {
            queue.passRoomOn();
            return false;
        }
        if (!queue.isWorthAClaim()) {
            if (!queue.waitForRoom()) {
                lookSoon(queue);
            }
            return false;
        }
        long forLimiter = queue.nanosForLimiter(now);
        if (forLimiter > 0) {
            queue.passRoomOn(); // it is not used now
            later.awaitLimiter(queue, now + forLimiter);
            return false;
        }
        long rest = queue.restNanos(now);
        if (rest > 0) {
            later.rest(queue, now + rest);
            return false;
        }
        long forOthers = queue.nanosForOthers(now);
        if (forOthers > 0) {
            queue.passRoomOn(); // it is not used now
            later.leaveToOthers(queue, now + forOthers);
            return false;
        }
        return true;
    }

    private void claimSuspect(QueueClaims queue) {
        if (!queue.hasSuspects()) {
            return;
        }
        try {
            if (suspectsLeft > 0 && pool.spare() > 0 && queue.claimSuspect()) {
                suspectsLeft--;
                lookSoon(queue); // there may be more; others are claimed before
                return;
            }
        } catch (RuntimeException failed) {
            suspectsLeft = 0;
            failure = failed; // thrown once the others have had their turn
        }
        if (queue.hasSuspects()) {
            if (!queue.waitForSuspectRoom()) {
                lookSoon(queue);
            }
            later.lookAgain(queue, LOOK_EVERY);
        }
    }

    private void lookSoon(QueueClaims queue) {
        if (queue.signal()) {
            nextTurn.add(queue);
        }
    }

    private void waitForThread(QueueClaims queue) {
        if (queue.signal()) { // marked: out of the line until there is a thread
            withoutThread.add(queue);
            pool.demand().callWhenSpare(true);
        }
    }

    private void claim(List<QueueClaims> chosen) {
        ClaimBudget budget = new ClaimBudget(pool, bounds);
        int share = Math.max(FAIR_SHARE, LARGEST_CLAIM / Math.max(1, chosen.size()));
        List<QueueClaims> queues = new ArrayList<>(chosen.size());
        List<ClaimRequest> requests = new ArrayList<>(chosen.size());
        boolean begun = false;
        try {
            for (QueueClaims queue : chosen) {
                int most = budget.take(queue, share);
                if (most == ClaimBudget.NO_THREAD) {
                    waitForThread(queue);
                }
                ClaimRequest request = most > 0 ? queue.begin(leaseHolder.workerId(), most, chosen.size()) : null;
                if (request != null) {
                    queues.add(queue);
                    requests.add(request);
                } else if (most > 0 && !queue.waitForRoom()) {
                    lookSoon(queue); // another queue with the same handlers took the last place in this turn
                }
            }
            begun = true;
        } finally {
            if (!begun) {
                queues.forEach(QueueClaims::failed);
                queues.forEach(this::signal);
            }
        }
        if (!requests.isEmpty()) {
            claim(queues, requests);
        }
    }

    /** Claims for a queue with limiters, which is alone. */
    private void claimLimited(QueueClaims queue, ClaimRequest request) {
        LimitedClaim claim = null;
        StartReports reports = queue.takeReports();
        try {
            claim = store.claimLimited(request, reports);
        } catch (RuntimeException error) {
            noteFailure(List.of(queue), error);
        } finally {
            if (claim == null) {
                queue.failed();
                signal(queue);
            }
        }
        if (claim == null) {
            return;
        }
        try {
            queue.ended(claim, reports);
        } finally {
            if (queue.mayHaveWork()) {
                signal(queue);
            }
        }
    }

    private void claim(List<QueueClaims> queues, List<ClaimRequest> requests) {
        if (requests.get(0).hasLimiter()) {
            claimLimited(queues.get(0), requests.get(0));
            return;
        }
        boolean answered = false;
        Map<Integer, List<ClaimedMessage>> claimed = Map.of();
        try {
            claimed = ask(requests);
            answered = true;
        } catch (RuntimeException error) {
            noteFailure(queues, error);
        } finally {
            if (!answered) {
                queues.forEach(QueueClaims::failed);
                queues.forEach(this::signal);
            }
        }
        if (!answered) {
            return;
        }
        Throwable first = null;
        for (int i = 0; i < queues.size(); i++) {
            QueueClaims queue = queues.get(i);
            try {
                queue.ended(claimed.getOrDefault(requests.get(i).queueId(), List.of()));
            } catch (Throwable error) { // out of memory, for example: the others must get theirs all the same
                first = first == null ? error : first;
            }
            if (queue.mayHaveWork()) {
                signal(queue); // another lane, or more in this one; behind all who wait
            }
        }
        throwIfAny(first);
    }

    private static void throwIfAny(@Nullable Throwable error) {
        if (error instanceof Error severe) {
            throw severe;
        }
        if (error instanceof RuntimeException failed) {
            throw failed;
        }
    }

    private Map<Integer, List<ClaimedMessage>> ask(List<ClaimRequest> requests) {
        ClaimRequest first = requests.get(0);
        return requests.size() == 1 ? Map.of(first.queueId(), store.claim(first)) : store.claimEach(requests);
    }

    /**
     * Decides what a failure stops. A database that is away stops all. Otherwise these queues claim beside fewer others the next time,
     * until the one that fails is alone; from then on only that one waits.
     */
    private void noteFailure(List<QueueClaims> queues, RuntimeException error) {
        boolean isAway = error instanceof StoreException store && store.kind() == StoreException.Kind.UNAVAILABLE;
        if (isAway) {
            failure = error;
        } else if (queues.size() > 1) {
            queues.forEach(queue -> queue.claimBesideFewer(queues.size() / 4));
            failure = error;
        } else {
            queues.get(0).failedAlone(error);
        }
    }
}

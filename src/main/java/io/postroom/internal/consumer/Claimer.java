package io.postroom.internal.consumer;

import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * The thread that claims the messages of one queue for this process. One claimer serves many handler threads: many claimers that find a
 * few rows each cost more than they bring.
 *
 * <p>It claims no more than {@link HeldMessages} wants. A claim that found less than it asked for is followed by a short wait, so that
 * the next one finds more. Messages that come one by one are then taken a few at a time.
 */
final class Claimer {
    /** A claim waits for its commit to reach the disk, so deep queues need few and large claims. One claim may bring several leases. */
    static final int LARGEST_CLAIM = 1000;

    static final Duration AFTER_SHORT_CLAIM = Duration.ofNanos(1_500_000);
    /** Pause while a rule forbids claims, or a suspect may not run yet. */
    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    /** Longest pause while nothing waits or no thread is free. A change of either signals the thread. */
    private static final Duration IDLE = Duration.ofMinutes(1);

    private static final Duration LONGEST_CLAIM = Duration.ofSeconds(15);

    private final ConsumedQueue queue;
    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final ClaimRules rules;
    private final HeldMessages held;
    private final SuspectRunner suspects;
    private final Loop loop;
    /** Zero: the last claim brought all it asked for. */
    private long lastShortClaimNanos;

    Claimer(
            ConsumedQueue queue,
            LeaseStore store,
            LeaseHolder leaseHolder,
            ClaimRules rules,
            HeldMessages held,
            SuspectRunner suspects) {
        this.queue = queue;
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.rules = rules;
        this.held = held;
        this.suspects = suspects;
        this.loop = new Loop("postroom-claim-" + queue.name(), false, this::claimSome);
    }

    void start() {
        loop.start();
    }

    /** Makes the thread look again: something may have come, or messages ended. */
    void signal() {
        loop.signal();
    }

    /** Ends the thread after its step; {@link #awaitEnd} waits for that. */
    void stop() {
        loop.stop();
    }

    /** Waits for a claim that may be under way. */
    void awaitEnd() {
        loop.join(LONGEST_CLAIM);
    }

    /** One step of the thread. */
    void claimSome() {
        if (!rules.allow(Way.CLAIM)) {
            loop.pause(LOOK_EVERY);
            return;
        }
        boolean suspectClaimed = suspects.claimNext(); // one in each step, so that others wait for one claim at most
        if (queue.cursors().mayHaveWork() && held.isWorthAClaim()) {
            claimUnlessTooSoon();
        } else if (!suspectClaimed) {
            loop.pause(queue.hasSuspects() ? LOOK_EVERY : IDLE);
        }
    }

    private void claimUnlessTooSoon() {
        if (!lingers()) {
            claim();
        }
    }

    private void claim() {
        int wanted = held.claimBegins(LARGEST_CLAIM);
        if (wanted <= 0) {
            return; // the number of messages to hold fell since it was looked at
        }
        ClaimRequest request = queue.cursors()
                .request(leaseHolder.workerId(), wanted, queue.handled().leaseSize(), held.startAtOnce());
        List<ClaimedMessage> claimed = List.of();
        try {
            claimed = store.claim(request);
        } catch (RuntimeException failed) {
            queue.cursors().failed(request);
            throw failed;
        } finally {
            held.claimEnds(claimed.size());
        }
        queue.cursors().claimed(request, claimed);
        lastShortClaimNanos = claimed.size() < request.limit() ? System.nanoTime() : 0;
        held.accept(claimed, request.started());
    }

    /** Waits for what is left of the time after a short claim. Returns whether it had to wait. */
    private boolean lingers() {
        long left =
                lastShortClaimNanos == 0 ? 0 : AFTER_SHORT_CLAIM.toNanos() - (System.nanoTime() - lastShortClaimNanos);
        if (left <= 0) {
            return false;
        }
        LockSupport.parkNanos(this, left);
        return true;
    }
}

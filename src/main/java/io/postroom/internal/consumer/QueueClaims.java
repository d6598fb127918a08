package io.postroom.internal.consumer;

import io.postroom.internal.consumer.ClaimRules.Reason;
import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.loop.Backoff;
import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.StartReports;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The claims of one queue: whether it may claim now, what it asks for, and what becomes of the answer. For the {@link Claimer}'s thread,
 * apart from the mark that it was signalled.
 */
final class QueueClaims {
    private static final Logger log = LoggerFactory.getLogger(QueueClaims.class);

    /**
     * A claim that found less than it asked for is followed by a short wait, so that the next one finds more. Messages that come one by one
     * are then taken a few at a time.
     */
    static final Duration AFTER_SHORT_CLAIM = Duration.ofNanos(1_500_000);

    private final ConsumedQueue queue;
    private final ClaimRules rules;
    private final HeldMessages held;
    private final HandlerSet handlerSet;
    private final SuspectRunner suspects;
    private final AtomicBoolean signalled = new AtomicBoolean();
    private final ClaimRaces races = new ClaimRaces();
    /** When the last claim brought less than it asked for; zero: it brought all. */
    private long lastShortClaimNanos;
    /** Whether the claimer will look again after a while. */
    boolean looksAgain;
    /** Whether the claimer will look again when the others had their time. */
    boolean leavesToOthers;
    /** Whether the claimer will look again when a limiter may let messages start. */
    boolean awaitsLimiter;
    /** When it will. */
    long limiterLookNanos;
    /** The claimer's turn in which it last claimed. */
    long chosenInTurn;
    /** Most queues in a claim with this one. */
    private int mostTogether = Claimer.MOST_QUEUES;

    private final LimiterWait limiterWait = new LimiterWait(System::nanoTime);
    private final BookedStarts bookedStarts = new BookedStarts();
    private int asked;
    private @Nullable ClaimRequest request;
    private @Nullable Failures failures;

    /** Failures of this queue's claims, while they last. */
    private static final class Failures {
        private final Backoff backoff = new Backoff();
        private final RepeatedWarning warning = new RepeatedWarning();
        private long untilNanos;
    }

    QueueClaims(
            ConsumedQueue queue, ClaimRules rules, HeldMessages held, HandlerSet handlerSet, SuspectRunner suspects) {
        this.queue = queue;
        this.rules = rules;
        this.held = held;
        this.handlerSet = handlerSet;
        this.suspects = suspects;
    }

    /** Marks the queue as signalled, by any thread. Returns false when it was already. */
    boolean signal() {
        return signalled.compareAndSet(false, true);
    }

    /** Notes that this process made a message of the queue READY. Thread-safe. */
    void becameReadyHere() {
        races.becameReadyHere();
    }

    /** Takes the mark away, before the state is looked at: what changes after that signals again. */
    void clearSignal() {
        signalled.set(false);
    }

    /** Returns why the queue may not claim now. */
    Optional<Reason> reasonAgainst() {
        return rules.reasonAgainst(Way.CLAIM);
    }

    /** Claims a suspect, if one waits and may run now. Returns whether it did. */
    boolean claimSuspect() {
        return suspects.claimNext();
    }

    boolean hasSuspects() {
        return queue.hasSuspects();
    }

    boolean mayHaveWork() {
        return queue.cursors().mayHaveWork();
    }

    boolean isWorthAClaim() {
        return held.isWorthAClaim();
    }

    /**
     * Lets the end of messages signal this queue, because it found no room. A queue that holds messages is signalled by the end of its own.
     * Queues with the same handlers wait for one another's.
     *
     * @return false when there is room by now: an end may have come between the look and the note
     */
    boolean waitForRoom() {
        if (held.count() > 0 && !handlerSet.isShared()) {
            return true;
        }
        handlerSet.wantsRoom(this);
        return !held.isWorthAClaim();
    }

    /**
     * Waits for an end of messages of queues with the same handlers, because a suspect of this queue found no free thread. Without this
     * note, the queue whose message ended would claim again first each time.
     *
     * @return false when there is room by now: an end may have come between the look and the note
     */
    boolean waitForSuspectRoom() {
        if (!handlerSet.isShared() || held.suspectWaits() || held.hasRoomForSuspect()) {
            return true; // its own messages signal it, or it lacks something other than room
        }
        handlerSet.wantsRoom(this);
        return !held.hasRoomForSuspect();
    }

    /** Lets another queue with the same handlers claim, because this one was told of room and does not need it. */
    void passRoomOn() {
        held.passRoomOn(1);
    }

    /** Returns the nanoseconds to wait after a short claim or a failure; zero or less: none. */
    long restNanos(long now) {
        if (failures != null) {
            return failures.untilNanos - now;
        }
        return lastShortClaimNanos == 0 ? 0 : AFTER_SHORT_CLAIM.toNanos() - (now - lastShortClaimNanos);
    }

    /** Whether the queue has a limiter, so that it claims alone and by a function of its own. */
    boolean hasLimiter() {
        return queue.hasLimiter();
    }

    /** Returns how many nanoseconds no limiter of the queue will let a message start; zero or less: one may. */
    long nanosForLimiter(long now) {
        return limiterWait.nanos(now);
    }

    /** Notes that a message of the queue has ended, which may let another one start. Thread-safe. */
    void limitedEnded() {
        limiterWait.messageEnded();
    }

    /** Notes that messages of the queue became READY, of which another group may be. Thread-safe. */
    void limitedArrived() {
        limiterWait.messagesArrived();
    }

    /** Returns how many nanoseconds to leave new messages to the other processes that consume the queue; zero or less: none. */
    long nanosForOthers(long now) {
        return queue.isConsumedElsewhere() ? races.nanosToWait(now) : 0;
    }

    /**
     * Returns the most queues in a claim with this one; fewer after a failure, to find the one that fails. Ordered and fair queues and
     * those with a limiter claim alone.
     */
    int mostTogether() {
        return queue.isOrdered() || queue.isFair() || queue.hasLimiter() ? 1 : mostTogether;
    }

    /** Lowers {@link #mostTogether} until a claim works. */
    void claimBesideFewer(int most) {
        mostTogether = Math.max(1, most);
    }

    boolean holdsNone() {
        return held.count() == 0;
    }

    boolean handlersAreFast() {
        return handlerSet.prefetch().handlersAreFast();
    }

    PrefetchPolicy prefetch() {
        return handlerSet.prefetch();
    }

    int wanted() {
        return Math.max(held.wanted(), held.isWorthAClaim() ? 1 : 0);
    }

    /** Returns how many messages one call of a handler takes at most. */
    int largestBatch() {
        return queue.handled().largestBatch();
    }

    /**
     * Begins a claim; {@link #ended} or {@link #failed} must follow.
     *
     * @param most messages to ask for
     * @param queues how many queues claim together; alone, all lanes are asked for, else one
     * @return null: nothing is wanted any more
     */
    @Nullable
    ClaimRequest begin(int workerId, int most, int queues) {
        asked = held.claimBegins(most);
        if (asked <= 0) {
            return null;
        }
        races.claimBegins();
        limiterWait.claimBegins();
        int leaseSize = queue.handled().leaseSize();
        int started = held.startAtOnce(queues);
        request = queues == 1
                ? queue.cursors().request(workerId, asked, leaseSize, started)
                : queue.cursors().requestOfOneLane(workerId, asked, leaseSize, started);
        request = request.withLimiter(queues == 1 && queue.hasLimiter()); // beside others nothing of it is claimed
        if (queue.cursors().mayHaveWork()) {
            races.leavesLanes();
        }
        return request;
    }

    /** Takes what the next claim of a queue with limiters should report. */
    StartReports takeReports() {
        return bookedStarts.take(System.nanoTime());
    }

    /** Takes over what the claim of a queue with limiters brought, and whether it counted these reports. */
    void ended(LimitedClaim claim, StartReports reports) {
        ClaimRequest own = request;
        if (claim.missedReports()) {
            bookedStarts.putBack(reports);
        }
        if (claim.booking() != null) {
            bookedStarts.booked(claim.booking());
        }
        ended(claim.messages());
        limiterWait.claimed(claim, bookedStarts.reportWithin());
        if (claim.heldBack() && own != null) {
            queue.cursors().heldBack(own);
            races.claimEnds(true); // others did not take what is left
        }
    }

    /** Takes over what the claim brought. */
    void ended(List<ClaimedMessage> claimed) {
        ClaimRequest own = takeRequest();
        held.claimEnds(asked, claimed.size());
        races.claimEnds(!claimed.isEmpty());
        queue.cursors().claimed(own, claimed);
        lastShortClaimNanos = claimed.size() < own.limit() ? System.nanoTime() : 0;
        mostTogether = Claimer.MOST_QUEUES;
        if (failures != null) {
            log.info("claims of queue {} work again", queue.name());
            failures = null;
        }
        held.accept(claimed, own.started());
        if (queue.hasLimiter() && !own.hasLimiter()) {
            held.giveBackWaiting(); // the limiter came during the claim, and the poll that saw it may have given
            // back before
        }
    }

    /** Notes that the claim failed: what it asked for may still be there. */
    void failed() {
        ClaimRequest own = takeRequest();
        held.claimEnds(asked, 0);
        queue.cursors().failed(own);
    }

    /** Notes that the claim of this queue alone failed, while those of others may work. Says so in the log now and then. */
    void failedAlone(RuntimeException error) {
        mostTogether = 1;
        if (failures == null) {
            failures = new Failures();
        }
        failures.untilNanos = System.nanoTime() + failures.backoff.next().toNanos();
        failures.warning.log(log, "the claim of queue " + queue.name(), error);
    }

    private ClaimRequest takeRequest() {
        ClaimRequest own = request;
        if (own == null) {
            throw new IllegalStateException("no claim of queue " + queue.name() + " is under way");
        }
        request = null;
        return own;
    }
}

package io.postroom.internal.consumer;

import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One queue's machine in this process: one thread claims, {@code concurrency} threads run handlers, a buffer lies between. One claimer for many
 * handlers: many eager ones that find a few rows each cost more than they bring.
 *
 * <p>It claims no more than its free threads, plus, for fast handlers, what they will have done in {@link PrefetchPolicy#AHEAD}; a short claim is followed by a
 * short wait, so that the next one finds more. Messages whose worker died before (suspects) run with nothing else of the queue beside them: a poison
 * message must not take its neighbours to the crash limit.
 */
public final class Consumer {
    private static final Logger log = LoggerFactory.getLogger(Consumer.class);
    /** Several leases may come of one claim: each claim waits for its commit to reach the disk, so on deep queues fewer and larger ones. */
    private static final int CLAIM_SIZE = 1000;

    /** Whoever brings something signals; the rest is a matter of the poll. */
    private static final Duration IDLE = Duration.ofMinutes(1);
    /** How long other claims stand still so that a suspect may run alone. */
    private static final Duration SUSPECTS_PATIENCE = Duration.ofSeconds(3);

    private static final Duration SUSPECTS_TURN = Duration.ofSeconds(1);
    /** Of turns in which something long ran all the time. After these a suspect gets the next free thread, beside it, or it would never run. */
    private static final int MOST_VAIN_TURNS = 3;

    private static final Duration AFTER_SHORT_CLAIM = Duration.ofNanos(1_500_000);
    private static final ClaimedMessage NO_MORE = EndMark.create();

    private final ConsumedQueue queue;
    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final Executor executor;
    private final Completer completer;
    private final HeldLeases leases;
    private final LinkedBlockingQueue<ClaimedMessage> buffer = new LinkedBlockingQueue<>();
    /** Claimed and not yet run to the end. */
    private final AtomicInteger held = new AtomicInteger();

    private final AtomicInteger threads = new AtomicInteger();
    private final AtomicInteger leaked = new AtomicInteger();
    private final PrefetchPolicy pace;
    private final Loop loop;
    private volatile boolean claiming = true;
    private volatile boolean suspectsTurn;
    /** Most that the claim under way may bring. */
    private volatile int asking;

    private long lastShortClaimNanos;
    private long suspectsRestUntilNanos;
    private int vainTurns;

    public Consumer(
            ConsumedQueue queue,
            LeaseStore store,
            LeaseHolder leaseHolder,
            Executor executor,
            Completer completer,
            HeldLeases leases) {
        this.queue = queue;
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.executor = executor;
        this.completer = completer;
        this.leases = leases;
        this.pace = new PrefetchPolicy(
                queue.handled().concurrency(), queue.handled().largestBatch());
        this.loop = new Loop("postroom-claim-" + queue.name(), false, this::claimSome);
    }

    public void start() {
        for (int i = 0; i < queue.handled().concurrency(); i++) {
            startThread();
        }
        loop.start();
    }

    public ConsumedQueue queue() {
        return queue;
    }

    /** Something may have come, or there is room again. */
    public void signal() {
        loop.signal();
    }

    public boolean isBusy() {
        return held.get() > 0;
    }

    /** Whether it would not claim now whatever came: others should. */
    public boolean isSaturated() {
        return !claiming || queue.isPaused() || held.get() >= pace.target();
    }

    public int leakedThreads() {
        return leaked.get();
    }

    long lastSuccessNanos() {
        return loop.lastSuccessNanos();
    }

    /** No more claims from here on; {@link #stopClaiming} waits for the one that may be under way. */
    public void announceStop() {
        claiming = false;
        loop.stop();
    }

    /** No more claims; what waits in the buffer goes back untouched. */
    public void stopClaiming() {
        announceStop();
        loop.join(Duration.ofSeconds(15));
        releaseBuffer();
        for (int i = 0; i < threads.get(); i++) {
            buffer.add(NO_MORE);
        }
    }

    private void claimSome() {
        vainTurns = queue.hasSuspects() ? vainTurns : 0;
        if (!claiming || !leaseHolder.isTrusted() || queue.isPaused() || completer.isOverwhelmed()) {
            loop.pause(Duration.ofMillis(100));
        } else if (isSuspectsTurn()) {
            runSuspects();
        } else if (!queue.cursors().mayHaveWork()) {
            loop.pause(IDLE);
        } else if (!pace.isWorthAClaim(held.get())) {
            loop.pause(IDLE);
        } else if (!lingers()) {
            claim();
        }
    }

    private void claim() {
        int room = pace.target() - held.get();
        if (room <= 0) {
            return; // the target fell since it was looked at
        }
        ClaimRequest request = queue.cursors()
                .request(
                        leaseHolder.workerId(),
                        Math.min(room, CLAIM_SIZE),
                        queue.handled().leaseSize());
        List<ClaimedMessage> claimed;
        asking = request.limit();
        try {
            claimed = store.claim(request);
            held.addAndGet(claimed.size());
        } catch (RuntimeException failed) {
            queue.cursors().failed(request);
            throw failed;
        } finally {
            asking = 0;
        }
        queue.cursors().claimed(request, claimed);
        lastShortClaimNanos = claimed.size() < request.limit() ? System.nanoTime() : 0;
        keep(claimed);
    }

    /**
     * Keeps room for new messages of this queue that are about to be stored in the hands of this process. None where others should go first or may be
     * quicker: something waits already, the threads have enough, or nothing is to be claimed now.
     */
    public boolean reserve(int messages) {
        if (!mayTakeNew()) {
            return false;
        }
        int most = pace.target();
        for (int now = held.get(); now + asked(most) + messages <= most; now = held.get()) {
            if (held.compareAndSet(now, now + messages)) {
                if (mayTakeNew()) { // again: a stop, a suspect's turn or a pause that missed this in held is seen here
                    return true;
                }
                letGo(messages);
                return false;
            }
        }
        return false;
    }

    private boolean mayTakeNew() {
        return claiming
                && !suspectsTurn
                && leaseHolder.isTrusted()
                && !queue.isPaused()
                && !queue.hasSuspects()
                && !queue.cursors().hasWaiting()
                && !completer.isOverwhelmed();
    }

    /** What a claim under way may bring counts where there is room for the threads alone; fast handlers can take both. */
    private int asked(int target) {
        return target <= pace.atLeast() ? asking : 0;
    }

    /** They are stored, under leases of this process. */
    void takeReserved(List<ClaimedMessage> messages) {
        keep(messages);
    }

    private void keep(List<ClaimedMessage> messages) {
        leases.taken(messages);
        if (!messages.isEmpty()) {
            pace.weighed(
                    messages.size(),
                    messages.stream()
                            .mapToLong(message -> message.content().bytes())
                            .sum());
        }
        putBack(messages); // to the buffer, unless the process has begun to stop meanwhile
    }

    /** After a claim that found little, the next one waits a moment: messages that come one by one are then taken a few at a time. */
    private boolean lingers() {
        long left =
                lastShortClaimNanos == 0 ? 0 : AFTER_SHORT_CLAIM.toNanos() - (System.nanoTime() - lastShortClaimNanos);
        if (left <= 0) {
            return false;
        }
        LockSupport.parkNanos(this, left);
        return true;
    }

    private boolean isSuspectsTurn() {
        return queue.hasSuspects() && System.nanoTime() - suspectsRestUntilNanos >= 0;
    }

    /** Suspects one by one, alone (or beside what never ends), for a second; then the others get at least as long. */
    private void runSuspects() {
        suspectsTurn = true; // before held is read
        try {
            runSuspectsOnly();
        } finally {
            suspectsTurn = false;
        }
    }

    private void runSuspectsOnly() {
        long patienceEnds = System.nanoTime() + SUSPECTS_PATIENCE.toNanos();
        boolean begun = false;
        long end = 0; // counts from the first one on
        while (claiming && !loop.isStopped() && !queue.isPaused() && !completer.isOverwhelmed()) {
            boolean waitedEnough = vainTurns >= MOST_VAIN_TURNS;
            int running = held.get();
            if (running > 0 && !(waitedEnough && running < pace.atLeast())) {
                if (System.nanoTime() - patienceEnds > 0 && !waitedEnough) {
                    vainTurns++;
                    break; // a long handler runs: the others must not stand still for it
                }
                loop.pause(Duration.ofMillis(100));
                continue;
            }
            if (begun && System.nanoTime() - end > 0 || !leaseHolder.isTrusted()) {
                break;
            }
            end = begun ? end : System.nanoTime() + SUSPECTS_TURN.toNanos();
            begun = true;
            ClaimRequest request = new ClaimRequest(
                    leaseHolder.workerId(), queue.id(), ALL_PRIORITIES, new long[LaneCursors.PRIORITIES], 1, 1, true);
            List<ClaimedMessage> suspect = store.claim(request);
            vainTurns = 0;
            if (suspect.isEmpty()) {
                queue.noSuspects();
                break;
            }
            log.debug(
                    "message {} runs alone: its worker died while holding it {} times",
                    suspect.get(0).id(),
                    suspect.get(0).counters().crashes());
            held.addAndGet(suspect.size());
            keep(suspect);
            patienceEnds = System.nanoTime() + SUSPECTS_PATIENCE.toNanos();
        }
        suspectsRestUntilNanos = System.nanoTime() + SUSPECTS_TURN.toNanos();
    }

    private void startThread() {
        Thread thread = new Thread(this::work, "postroom-" + queue.name() + "-" + threads.incrementAndGet());
        thread.setDaemon(true);
        thread.start();
    }

    private void work() {
        for (HandlerBatch messages = takeSome(); messages != null; messages = takeSome()) {
            if (!runAll(messages)) {
                return; // a call was given up, and another thread has taken this one's place
            }
        }
    }

    /** The next messages for a thread; null when there will be no more. */
    private @Nullable HandlerBatch takeSome() {
        ClaimedMessage first = null;
        while (first == null) {
            try {
                first = buffer.take();
            } catch (InterruptedException stray) {
                Thread.interrupted();
            }
        }
        if (first == NO_MORE) {
            return null;
        }
        HandlerBatch messages = new HandlerBatch(first);
        for (int more = pace.handOver(queue.handled().largestBatch()) - 1; more > 0; more--) {
            ClaimedMessage next = buffer.poll();
            if (next == null) {
                break;
            } else if (next == NO_MORE) {
                buffer.add(next);
                break;
            }
            messages.add(next);
        }
        return messages;
    }

    private boolean runAll(HandlerBatch messages) {
        long before = System.nanoTime();
        Runnable onGivenUp = () -> replaceThreadOf(messages);
        try {
            if (queue.handled().largestBatch() > 1) {
                if (!executor.run(queue.handled(), messages.beginAll(), onGivenUp)) {
                    return false;
                }
            } else {
                for (ClaimedMessage message = messages.next(); message != null; message = messages.next()) {
                    if (!executor.run(queue.handled(), message, onGivenUp)) {
                        return false;
                    }
                    if (!claiming) {
                        putBack(messages.takeRest());
                    }
                }
            }
        } catch (Throwable unexpected) {
            log.error(
                    "a message of queue {} could not be run; it stays under its lease until this process stops",
                    queue.name(),
                    unexpected);
            putBack(messages.takeRest());
        }
        pace.took(messages.started(), System.nanoTime() - before);
        letGo(messages.started());
        return true;
    }

    /** A call was given up: its thread is lost, what it had not begun goes to the others. */
    private void replaceThreadOf(HandlerBatch messages) {
        leaked.incrementAndGet();
        int started = messages.started();
        putBack(messages.takeRest());
        startThread();
        letGo(started);
    }

    /** Messages nobody has begun: to the other threads, or, when there is to be no more work, back to the queue untouched. */
    private void putBack(List<ClaimedMessage> messages) {
        buffer.addAll(messages);
        if (!claiming) {
            releaseBuffer();
        }
    }

    private void releaseBuffer() {
        List<ClaimedMessage> waiting = new ArrayList<>();
        buffer.drainTo(waiting);
        int marks = java.util.Collections.frequency(waiting, NO_MORE);
        waiting.removeIf(message -> message == NO_MORE);
        if (!waiting.isEmpty()) {
            completer.add(waiting.stream().map(Completion::release).toList());
            held.addAndGet(-waiting.size());
        }
        for (int i = 0; i < marks; i++) {
            buffer.add(NO_MORE);
        }
    }

    /** Frees the room of so many: they are held no longer, or it was kept for them and they were not stored. */
    void letGo(int messages) {
        held.addAndGet(-messages);
        if (pace.isWorthAClaim(held.get())) {
            loop.signal();
        }
    }

    private static final short[] ALL_PRIORITIES = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
}

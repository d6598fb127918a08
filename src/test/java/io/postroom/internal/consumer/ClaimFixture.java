package io.postroom.internal.consumer;

import io.postroom.api.Direction;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.StartReports;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The collaborators of a claimer, put together by hand: a queue that is not paused, a store that answers claims from {@link #ready},
 * {@link #suspects} and {@link #lastCredits} and notes them, and a lease that is trusted. Everything held stays in the buffer until a test
 * takes it.
 */
final class ClaimFixture extends NoLeaseStore implements LeaseHolder {
    static final int WORKER = 3;
    static final int QUEUE = 7;
    static final String NAME = "q";
    static final int THREADS = 4;

    final Queue<ClaimRequest> requests = new ConcurrentLinkedQueue<>();
    final Queue<ClaimedMessage> ready = new ConcurrentLinkedQueue<>();
    final Queue<ClaimedMessage> suspects = new ConcurrentLinkedQueue<>();
    final Queue<ClaimedMessage> lastCredits = new ConcurrentLinkedQueue<>();
    final List<Map<Long, Integer>> announced = new ArrayList<>();
    volatile Consumer<Map<Long, Integer>> announcing = started -> {};
    final AtomicInteger suspectsEnded = new AtomicInteger();
    final List<ClaimedMessage> released = new ArrayList<>();
    volatile boolean trusted = true;
    volatile boolean overwhelmed;
    QueueReport.Stop stop = QueueReport.Stop.NONE;
    volatile boolean longCallRuns;
    volatile Function<ClaimRequest, List<ClaimedMessage>> answer = this::claimReady;
    volatile Function<ClaimRequest, LimitedClaim> limitedAnswer =
            request -> new LimitedClaim(claimReady(request), false, null);
    /** The clock of suspects and announcements; stands still unless a test moves it. */
    long nanos;

    final ConsumedQueue queue = new ConsumedQueue(new HandledQueue(
            QUEUE,
            NAME,
            List.of(Handler.send("q", String.class, (payload, context) -> Outcome.done())
                    .concurrency(THREADS))));
    final HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 8, 1_000);
    final HeldBounds bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
    final PrefetchPolicy prefetch = new PrefetchPolicy(THREADS, 1, () -> nanos, () -> longCallRuns);
    final HandlerSet handlerSet = new HandlerSet(prefetch, THREADS, pool);
    final HeldLeases leases = new HeldLeases();
    final ClaimRules rules = new ClaimRules(queue, this, () -> overwhelmed);
    final StartMarks starts = new StartMarks(this, this, () -> nanos);
    final HeldMessages held = new HeldMessages(
            handlerSet, bounds, leases, starts, queue::hasLimiter, released::addAll, () -> {}, others -> {}, () -> {});
    final SuspectRunner suspectRunner = new SuspectRunner(
            queue, this, this, held, leases.suspectPlaces(), suspectsEnded::incrementAndGet, () -> nanos);
    final QueueClaims claims = new QueueClaims(queue, rules, held, handlerSet, suspectRunner);
    final Claimer claimer = new Claimer(this, this, pool, bounds);
    final DirectDispatcher directDispatcher = new DirectDispatcher(queue, rules, held);

    /** A set of handlers none of which runs for long. */
    static HandlerSet handlerSet(int concurrency, int largestBatch, HandlerPool pool) {
        return new HandlerSet(
                new PrefetchPolicy(concurrency, largestBatch, System::nanoTime, () -> false), concurrency, pool);
    }

    ClaimFixture() {
        reported(false, false);
    }

    void reported(boolean paused, boolean suspectsWait) {
        long[] lowest = new long[LaneCursors.PRIORITIES];
        Arrays.fill(lowest, -1);
        queue.reported(
                new QueueReport(QUEUE, NAME, paused, false, 3, "1s", false, suspectsWait, false, stop, lowest, false),
                queue.timesHeldBack());
    }

    /** One turn of the claimer, without the pauses: as if somebody signalled all the time. */
    void step() {
        claimer.signal(claims);
        claimer.turn();
    }

    void becomeReady(int messages) {
        for (int i = 0; i < messages; i++) {
            ready.add(message(100 + ready.size()));
        }
        queue.cursors().arrived(4, 100);
    }

    static ClaimedMessage message(int number) {
        return message(number, 4, new ClaimedMessage.Lease(number, 1, 0), ClaimedMessage.Counters.ZERO);
    }

    static ClaimedMessage suspect(int number) {
        return suspect(number, 1);
    }

    static ClaimedMessage suspect(int number, int crashes) {
        return message(number, 4, new ClaimedMessage.Lease(number, 1, 0), new ClaimedMessage.Counters(0, crashes, 1));
    }

    static ClaimedMessage message(
            int number, int priority, ClaimedMessage.Lease lease, ClaimedMessage.Counters counters) {
        return new ClaimedMessage(
                new UUID(0, number), QUEUE, priority, number, lease, counters, true, false, null, content());
    }

    static NewMessage newMessage(int queueId, int priority) {
        return new NewMessage(UUID.randomUUID(), false, queueId, NAME, priority, content(), null, null, null, null);
    }

    private static Content content() {
        return new Content(Direction.OUTGOING, null, 0, "\"x\"", null, null, null, null);
    }

    private List<ClaimedMessage> claimReady(ClaimRequest request) {
        Queue<ClaimedMessage> source = switch (request.kind()) {
            case ORDINARY -> ready;
            case SUSPECT -> suspects;
            case LAST_CREDIT -> lastCredits;
        };
        List<ClaimedMessage> claimed = new ArrayList<>();
        while (claimed.size() < request.limit() && !source.isEmpty()) {
            claimed.add(source.poll());
        }
        return claimed;
    }

    @Override
    public List<ClaimedMessage> claim(ClaimRequest request) {
        requests.add(request);
        return answer.apply(request);
    }

    @Override
    public LimitedClaim claimLimited(ClaimRequest request, StartReports reports) {
        requests.add(request);
        return limitedAnswer.apply(request);
    }

    @Override
    public void announceStarts(int workerId, Map<Long, Integer> started) {
        announced.add(Map.copyOf(started));
        announcing.accept(started);
    }

    @Override
    public int workerId() {
        return WORKER;
    }

    @Override
    public boolean isTrusted() {
        return trusted;
    }
}

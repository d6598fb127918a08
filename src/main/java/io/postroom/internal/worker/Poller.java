package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.api.StoreException;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.execution.HandlerEntries;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.DutyCycle;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.storage.WorkerStore;
import io.postroom.internal.worker.Consumers.RunningQueues;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds messages that came without a wake. Once a second it asks for a summary: whether anything changed, and when the next delayed
 * message and the next schedule are due. The summary is one row, and takes 3 ms for 10,000 queues. Where something changed, one statement
 * asks for all queues of the process: what waits in each lane from its low watermark on, and what operators changed. The same thread
 * looks from time to time at futures that wait for other processes, and at leases whose answer was lost.
 */
public final class Poller {
    /** Most queues that are named one by one to be reported. With more, all are reported. */
    private static final int MOST_TOLD = 100;
    /** Polls use about a twentieth of the time at most. */
    private static final int REST_FACTOR = 20;
    /**
     * Upper bound for the pause after a slow poll. A poll that was slow because of a stalled server must not delay the next one: messages
     * without a NOTIFY are found only by polling.
     */
    private static final Duration LONGEST_REST = Duration.ofSeconds(5);

    private final WorkerStore store;
    private final LeaseHolder leaseHolder;
    private final Consumers consumers;
    private final QueueDeclarations declarations;
    private final LowWatermark lowWatermark;
    private final SendFutures futures;
    private final LostAnswers lostAnswers;
    private final DueWatch due;
    private final Duration interval;
    private final DutyCycle dutyCycle;
    private final OtherConsumers otherConsumers;
    private final ConsumerStops stops;
    private final CancelledRuns cancelledRuns;
    private final HandlerEntries entries;
    /** How often this process held queues back. A queue that is as it was before must be reported again, so that it goes on. */
    private final AtomicInteger reportsWanted = new AtomicInteger();
    /** What needs no report again; null: all queues have to be reported. */
    private @Nullable Known known;
    /** Ids of the queues whose last report had suspects. */
    private final Set<Integer> suspected = new HashSet<>();

    private final Loop loop = new Loop("postroom-poll", true, this::step);

    Poller(
            WorkerStore store,
            LeaseHolder leaseHolder,
            Consumers consumers,
            QueueDeclarations declarations,
            SendFutures futures,
            LostAnswers lostAnswers,
            DueWatch due,
            ConsumerStops stops,
            CancelledRuns cancelledRuns,
            HandlerEntries entries,
            EngineSettings settings) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.consumers = consumers;
        this.declarations = declarations;
        this.otherConsumers = new OtherConsumers(store, leaseHolder);
        this.lowWatermark = new LowWatermark(store, consumers, settings.pollInterval());
        this.futures = futures;
        this.lostAnswers = lostAnswers;
        this.due = due;
        this.stops = stops;
        this.cancelledRuns = cancelledRuns;
        this.entries = entries;
        this.interval = settings.pollInterval();
        this.dutyCycle = dutyCycle(interval);
    }

    void start() {
        loop.start();
    }

    void stop() {
        loop.stop();
        loop.join(Duration.ofSeconds(5));
    }

    /** Looks at all queues now instead of at the next poll. */
    public void pollNow() {
        loop.signal();
    }

    /** Stops claims of the queue in this process at once, because this process paused or deleted it. */
    public void holdQueue(String queue) {
        consumers.holdBack(queue);
        reportsWanted.incrementAndGet();
        pollNow();
    }

    long lastSuccessNanos() {
        return loop.lastSuccessNanos();
    }

    private void step() {
        long before = System.nanoTime();
        try {
            if (consumers.isConsuming()) {
                poll();
                stops.answer();
            }
        } catch (StoreException error) {
            if (error.kind() != StoreException.Kind.TRY_AGAIN) {
                lowWatermark.forget(); // a new connection may be one to another server, where numbers start lower
                known = null;
            }
            throw error;
        }
        futures.poll();
        lostAnswers.release();
        loop.pauseNanos(dutyCycle.restNanosAfter(System.nanoTime() - before) + jitter());
    }

    static DutyCycle dutyCycle(Duration interval) {
        return new DutyCycle(REST_FACTOR, interval, LONGEST_REST);
    }

    private void runWaitingSoon(List<HandlerEntries.UsableAgain> usableAgain) {
        for (HandlerEntries.UsableAgain entry : usableAgain) {
            WorkerStore.RunSoon moved = store.runWaitingSoon(entry.name(), entry.before());
            if (moved.messages() > 0) {
                due.nextDueIn(Duration.ZERO);
            }
            if (moved.messages() == WorkerStore.MOST_RUN_SOON) {
                entries.tellAgain(entry, moved.bound());
            }
        }
    }

    /**
     * Asks for a summary, and for the queues only where the summary differs from the one before. The summary is read first: a change
     * between the two reads is reported now and makes the next summary differ once more. In the other order such a change would count as
     * known and would never be reported.
     */
    private void poll() {
        if (lowWatermark.forgetNowAndThen()) {
            known = null;
        }
        WatermarkSample settled = lowWatermark.settled();
        int wanted = reportsWanted.get();
        PollSummary summary = store.summarize(leaseHolder.workerId(), due.from());
        if (lowWatermark.isAnotherStore(summary)) {
            startAnew();
            settled = null;
        }
        cancelledRuns.told(summary.cancelled());
        entries.told(summary.answeredBy(), summary.settings(), summary.now());
        runWaitingSoon(entries.usableAgain());
        if (summary.nextDue() != null) {
            due.nextDueIn(summary.nextDue());
        }
        if (summary.batches()) {
            due.batchesUnderWay();
        }
        due.nextScheduleIn(summary.nextSchedule());
        due.upkeep(summary.upkeep());
        boolean isUnchanged = known != null && known.summary.queues() == summary.queues();
        if (!isUnchanged) {
            declarations.followPatterns(known == null ? null : known.summary.horizon());
        }
        RunningQueues queues = consumers.running();
        boolean isEmpty = settled == null && lowWatermark.isStillEmpty(queues, summary);
        if (!isEmpty || !isUnchanged || known.generation != queues.generation() || known.wanted != wanted) {
            if (!pollQueues(queues, summary, settled, !isEmpty)) {
                return;
            }
        }
        known = new Known(summary, queues.generation(), wanted);
        otherConsumers.refresh(summary.others(), queues);
    }

    /** Returns false when the next poll has to begin from what was known before. */
    private boolean pollQueues(
            RunningQueues queues, PollSummary summary, @Nullable WatermarkSample settled, boolean look) {
        Map<Integer, Integer> heldBack = new HashMap<>();
        for (ConsumedQueue queue : queues.queues()) {
            heldBack.put(queue.id(), queue.timesHeldBack());
        }
        int[] tell = queues.queues().stream()
                .filter(ConsumedQueue::isUnreported)
                .mapToInt(ConsumedQueue::id)
                .toArray();
        String since = known == null || tell.length > MOST_TOLD ? null : known.summary.horizon();
        PollResult polled = store.poll(lowWatermark.request(leaseHolder.workerId(), queues, tell, since, look));
        if (!polled.answeredBy().equals(summary.answeredBy())) {
            known = null; // a failover between the two: the next summary begins anew
            loop.signal();
            return false;
        }
        List<QueueReport> reports =
                polled.queues().stream().filter(this::isSameQueue).toList();
        if (settled != null) {
            lowWatermark.raise(settled, queues, reports);
        }
        suspected.removeAll(reports.stream().map(QueueReport::queueId).toList());
        suspected.stream().map(consumers::queue).filter(Objects::nonNull).forEach(ConsumedQueue::noSuspects);
        suspected.clear();
        reports.forEach(report -> apply(report, heldBack.get(report.queueId())));
        if (reports.size() < polled.queues().size() || !polled.gone().isEmpty()) {
            declareAnew(polled);
            return false;
        }
        if (declarations.declareMissing()) {
            loop.signal();
        }
        if (look) {
            lowWatermark.sampleAgain(reports.stream().allMatch(QueueReport::nothingReady));
        }
        return true;
    }

    /** Another state of the store may have lost claims, and its numbers may be lower than the low watermarks. */
    private void startAnew() {
        lowWatermark.forget();
        known = null;
        declarations.checkWorker();
    }

    /** Whether the number still belongs to the queue that is consumed here under that number. */
    private boolean isSameQueue(QueueReport report) {
        ConsumedQueue queue = consumers.queue(report.queueId());
        return queue != null && queue.name().equals(report.name());
    }

    /** Rows of queues are never deleted: the database was restored, truncated or failed over. */
    private void declareAnew(PollResult polled) {
        List<ConsumedQueue> changed = Stream.concat(
                        polled.gone().stream(),
                        polled.queues().stream()
                                .filter(report -> !isSameQueue(report))
                                .map(QueueReport::queueId))
                .map(consumers::queue)
                .filter(Objects::nonNull)
                .toList();
        known = null;
        if (!changed.isEmpty()) { // else another thread has replaced them meanwhile
            declarations.renew(changed);
            lowWatermark.forget();
        }
        loop.signal(); // a queue that was declared anew is paused until a poll has answered
    }

    private void apply(QueueReport report, int heldBackBefore) {
        Consumer consumer = consumers.consumer(report.queueId());
        if (consumer == null) {
            return;
        }
        boolean wasStopped = consumer.queue().isStopped();
        boolean heldLittle = consumer.queue().holdsLittle();
        consumer.queue().reported(report, heldBackBefore);
        if (consumer.queue().holdsLittle() && !heldLittle) {
            consumer.giveBackWaiting();
        }
        stops.reported(report);
        boolean hasWork = consumer.queue().cursors().polled(report.lowest());
        if (report.suspects()) {
            suspected.add(report.queueId());
        }
        if (hasWork || report.suspects() || wasStopped) {
            consumer.signal();
        }
    }

    /**
     * What the polls so far have reported.
     *
     * @param summary read before the queues were polled: whatever changed after it is news
     * @param generation of the queues that were polled
     * @param wanted {@link #reportsWanted} before
     */
    private record Known(PollSummary summary, long generation, int wanted) {}

    private long jitter() {
        return ThreadLocalRandom.current().nextLong(interval.toNanos() / 10 + 1);
    }
}

package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.api.StoreException;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.DutyCycle;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;

/**
 * Finds what no wake told of. Once a second, one statement asks for all queues of the process. It answers what waits in each lane from its
 * low watermark on, what operators changed, and when the next delayed message is due. The same thread looks from time to time at futures
 * that wait for other processes, and at leases whose answer was lost.
 */
public final class Poller {
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
    private final Loop loop = new Loop("postroom-poll", true, this::step);

    Poller(
            WorkerStore store,
            LeaseHolder leaseHolder,
            Consumers consumers,
            QueueDeclarations declarations,
            SendFutures futures,
            LostAnswers lostAnswers,
            DueWatch due,
            EngineSettings settings) {
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.consumers = consumers;
        this.declarations = declarations;
        this.lowWatermark = new LowWatermark(store, consumers, settings.pollInterval());
        this.futures = futures;
        this.lostAnswers = lostAnswers;
        this.due = due;
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
            }
        } catch (StoreException error) {
            if (error.kind() != StoreException.Kind.TRY_AGAIN) {
                lowWatermark.forget(); // a new connection may be one to another server, where numbers start lower
            }
            throw error;
        }
        futures.look();
        lostAnswers.release();
        loop.pauseNanos(dutyCycle.restNanosAfter(System.nanoTime() - before) + jitter());
    }

    static DutyCycle dutyCycle(Duration interval) {
        return new DutyCycle(REST_FACTOR, interval, LONGEST_REST);
    }

    private void poll() {
        lowWatermark.forgetNowAndThen();
        WatermarkSample settled = lowWatermark.settled();
        List<Integer> ids = consumers.ids();
        Map<Integer, Integer> heldBack = new HashMap<>();
        ids.forEach(id -> heldBack.put(id, consumer(id).queue().timesHeldBack()));
        PollResult polled =
                store.poll(leaseHolder.workerId(), ids, lowWatermark.of(ids), lowWatermark.knownEmpty(ids), due.from());
        if (lowWatermark.isAnotherStore(polled.answeredBy())) {
            lowWatermark.forget(); // it may have lost claims, and its numbers may be lower than the low watermarks
            declarations.checkWorker();
            settled = null;
        }
        if (polled.nextDue() != null) {
            due.nextDueIn(polled.nextDue());
        }
        List<QueueReport> reports =
                polled.queues().stream().filter(this::isSameQueue).toList();
        if (settled != null) {
            lowWatermark.raise(settled, ids, reports);
        }
        reports.forEach(report -> tell(report, heldBack.get(report.queueId())));
        if (reports.size() < ids.size()) {
            declareAnew(ids, reports);
            return;
        }
        if (declarations.declareMissing()) {
            loop.signal();
        }
        boolean empty = reports.stream().allMatch(QueueReport::nothingReady);
        lowWatermark.sampleAgain(empty && !polled.stillEmpty());
    }

    /** Whether the number still belongs to the queue that is consumed here under that number. */
    private boolean isSameQueue(QueueReport report) {
        return consumer(report.queueId()).queue().name().equals(report.name());
    }

    /** Rows of queues are never deleted: the database was restored, truncated or failed over. */
    private void declareAnew(List<Integer> ids, List<QueueReport> reports) {
        Set<Integer> unchanged = reports.stream().map(QueueReport::queueId).collect(Collectors.toSet());
        declarations.renew(ids.stream()
                .filter(id -> !unchanged.contains(id))
                .map(id -> consumer(id).queue())
                .toList());
        lowWatermark.forget();
        loop.signal(); // a queue that was declared anew is paused until a poll has answered
    }

    private void tell(QueueReport report, int heldBackBefore) {
        Consumer consumer = consumer(report.queueId());
        consumer.queue().reported(report, heldBackBefore);
        boolean hasWork = consumer.queue().cursors().polled(report.lowest());
        if (hasWork || report.suspects()) {
            consumer.signal();
        }
    }

    private Consumer consumer(int queueId) {
        return Objects.requireNonNull(consumers.consumer(queueId));
    }

    private long jitter() {
        return ThreadLocalRandom.current().nextLong(interval.toNanos() / 10 + 1);
    }
}

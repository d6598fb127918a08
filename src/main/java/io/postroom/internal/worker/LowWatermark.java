package io.postroom.internal.worker;

import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.LaneCursors;
import io.postroom.internal.storage.PollRequest;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.StoreIdentity;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.storage.WorkerStore;
import io.postroom.internal.worker.Consumers.RunningQueues;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Moves up the low watermarks of the lanes: numbers below which nothing can appear any more, so that polls need not look there. Used by
 * the poll's thread.
 *
 * <ol>
 *   <li>A sample S is the last number drawn.
 *   <li>S is settled once every transaction that may have drawn a number up to S has ended. Transaction ids decide this first. When a
 *       transaction that has nothing to do with us holds them back for {@link #PATIENCE} polls, the writers of {@code ready} decide.
 *   <li>The next statement sees what those transactions wrote. The lowest row it sees, or S, is the new low watermark.
 * </ol>
 *
 * <p>The same sample spares looks. When S is settled and all lanes are seen empty after that, nothing is in them until a number above S
 * is drawn. The reason: everything that enters READY draws a number in the transaction that puts it there. So a poll that finds S still
 * the last number need not look into the lanes.
 */
final class LowWatermark {
    private static final int PATIENCE = 3;
    /** Lanes without a row. */
    private static final long[] NOTHING = new long[LaneCursors.PRIORITIES];

    static {
        Arrays.fill(NOTHING, -1);
    }

    /**
     * Shortest time between two samples that only spare looks. While other queues draw numbers, such a sample spares a single look.
     */
    private static final Duration SAMPLE_EMPTY_EVERY = Duration.ofSeconds(10);
    /** Time after which everything is looked at from zero, so that no message waits for ever because of a wrong low watermark. */
    private static final Duration FORGET_EVERY = Duration.ofMinutes(10);

    private final WorkerStore store;
    private final Consumers consumers;
    private final Duration interval;
    private @Nullable WatermarkSample sample;
    private int pollsUnsettled;
    /** The pending sample can only spare looks: no cursor was ahead of the low watermark when it was taken. */
    private boolean sparesLooksOnly;

    private long settledSeq;
    private long sampledAtNanos = System.nanoTime() - SAMPLE_EMPTY_EVERY.toNanos();
    /** The settled sample after which all lanes of the queues of {@link #emptyGeneration} were seen empty; null: not known. */
    private @Nullable WatermarkSample empty;

    private long emptyGeneration;
    private @Nullable Instant serverStartedAt;
    private @Nullable Long readyFile;
    private long forgetAtNanos = System.nanoTime() + FORGET_EVERY.toNanos();

    LowWatermark(WorkerStore store, Consumers consumers, Duration pollInterval) {
        this.store = store;
        this.consumers = consumers;
        this.interval = pollInterval;
    }

    /** The pending sample if it has settled; null: none. To be asked before the statement that reads the lowest rows. */
    @Nullable
    WatermarkSample settled() {
        WatermarkSample pending = sample;
        if (pending == null) {
            return null;
        }
        if (store.isSettled(pending)) {
            sample = null;
            pollsUnsettled = 0;
            return pending;
        }
        if (sparesLooksOnly) {
            sample = null; // it can be dropped: it would not let a claim start higher
        } else if (++pollsUnsettled % PATIENCE == 0 && pending.transactionId() != null) {
            sample = store.sampleWatermark(true);
        }
        return null;
    }

    /**
     * Whether the lanes of these queues are empty without a look: they were seen empty after a settled sample, and on the same server no
     * number was drawn since then. Another server may have lost the claims of what was seen empty.
     */
    boolean isStillEmpty(RunningQueues queues, PollSummary summary) {
        WatermarkSample known = empty;
        return known != null
                && emptyGeneration == queues.generation()
                && known.seq() == summary.lastSeq()
                && known.serverStartedAt().equals(summary.answeredBy().serverStartedAt());
    }

    /**
     * What a poll of these queues asks for: from which low watermarks on it looks. Most queues have the same in all lanes, that of the last
     * settled sample.
     */
    PollRequest request(int workerId, RunningQueues queues, int[] tell, @Nullable String since, boolean look) {
        int all = queues.queues().size();
        int[] atSettled = new int[all];
        List<ConsumedQueue> others = new ArrayList<>();
        int settled = 0;
        for (ConsumedQueue queue : queues.queues()) {
            if (queue.cursors().commonLowWatermark() == settledSeq) {
                atSettled[settled++] = queue.id();
            } else {
                others.add(queue);
            }
        }
        int[] uneven = new int[others.size()];
        long[] marks = new long[others.size() * LaneCursors.PRIORITIES];
        for (int i = 0; i < uneven.length; i++) {
            uneven[i] = others.get(i).id();
            for (int priority = 0; priority < LaneCursors.PRIORITIES; priority++) {
                marks[i * LaneCursors.PRIORITIES + priority] =
                        others.get(i).cursors().lowWatermark(priority);
            }
        }
        return new PollRequest(
                workerId, Arrays.copyOf(atSettled, settled), settledSeq, uneven, marks, tell, since, look);
    }

    /**
     * Raises the low watermarks to the settled sample, or to the lowest row that the poll after it saw.
     *
     * @param queues all that the poll looked into
     * @param reports of those in which it saw something, at least
     */
    void raise(WatermarkSample settled, RunningQueues queues, List<QueueReport> reports) {
        Map<Integer, QueueReport> reported = new HashMap<>();
        reports.forEach(report -> reported.put(report.queueId(), report));
        for (ConsumedQueue queue : queues.queues()) {
            QueueReport report = reported.get(queue.id());
            queue.cursors().raiseLowWatermarks(settled.seq(), report == null ? NOTHING : report.lowest());
        }
        settledSeq = settled.seq();
        empty = reports.stream().allMatch(QueueReport::nothingReady) ? settled : null;
        emptyGeneration = queues.generation();
    }

    /**
     * Takes a new sample where one is worth a statement.
     *
     * @param lookedInVain whether all lanes were looked at and found empty; a settled sample would spare such looks
     */
    void sampleAgain(boolean lookedInVain) {
        boolean isAhead =
                consumers.queues().stream().anyMatch(queue -> queue.cursors().isAheadOf(settledSeq));
        boolean wouldSpareLooks = lookedInVain && System.nanoTime() - sampledAtNanos > SAMPLE_EMPTY_EVERY.toNanos();
        if (sample != null || !isAhead && !wouldSpareLooks) {
            return;
        }
        sampledAtNanos = System.nanoTime();
        sparesLooksOnly = !isAhead;
        WatermarkSample fresh = store.sampleWatermark(false);
        if (isAnotherServer(fresh.serverStartedAt()) || fresh.seq() < settledSeq) {
            forget();
        } else {
            sample = fresh;
        }
    }

    /**
     * Whether another server answered than the one before. The pool may have replaced the connections without an error that this process
     * could see.
     */
    boolean isAnotherServer(Instant startedAt) {
        Instant before = serverStartedAt;
        serverStartedAt = startedAt;
        return before != null && !before.equals(startedAt);
    }

    /**
     * Whether another state of the store answered than the one before: another server, a table that was restored or truncated, or numbers
     * that went back.
     */
    boolean isAnotherStore(PollSummary summary) {
        StoreIdentity identity = summary.answeredBy();
        Long before = readyFile;
        readyFile = identity.readyFile();
        return isAnotherServer(identity.serverStartedAt())
                || before != null && before != identity.readyFile()
                || summary.lastSeq() < settledSeq;
    }

    /** Forgets everything once in a while. Returns whether it did. */
    boolean forgetNowAndThen() {
        if (System.nanoTime() - forgetAtNanos <= 0) {
            return false;
        }
        forget();
        long jitter = ThreadLocalRandom.current().nextLong(interval.toNanos() / 10 + 1);
        forgetAtNanos = System.nanoTime() + FORGET_EVERY.toNanos() + jitter * 100;
        return true;
    }

    /** Looks at everything from zero again. */
    void forget() {
        consumers.queues().forEach(queue -> queue.cursors().reset());
        sample = null;
        settledSeq = 0;
        empty = null;
    }
}

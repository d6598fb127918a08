package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.api.StoreException;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.consumer.LaneCursors;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WatermarkSample;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The truth behind all wake-ups: once a second asks, for all queues of the process in one statement, what waits in each lane from its floor on and
 * what operators changed; and moves the floors up.
 *
 * <p>The safe floor: sample S, the last number drawn; later, once all who may have drawn up to S are gone, what they wrote is visible to the next
 * statement, and the lowest row it sees (or S) is a number below which nothing can appear. Judged by transaction ids first; when a transaction that has
 * nothing to do with us holds them back for {@link #PATIENCE} polls, by who writes to {@code ready}.
 *
 * <p>The same sample spares looks: when it is safe and all lanes are seen empty after that, nothing is in them until somebody draws a number higher than S.
 * Everything that enters READY draws one, in the transaction that puts it there, so a poll that finds S still the last one need not look.
 */
public final class Poller {
    private static final Logger log = LoggerFactory.getLogger(Poller.class);
    /** Longer than a claim can take: with the default lease time 60 s, above the time limits of statement and socket. */
    private static final int UNKNOWN_AFTER_LEASE_TIMES = 2;

    /** An answer that is still to come does so earlier. */
    private static final Duration DOUBTFUL_AFTER = Duration.ofSeconds(2);
    /** The statement ended long before; what is left then is found like the leases of a lost claim. */
    private static final Duration DOUBTFUL_FOR = Duration.ofMinutes(1);

    private static final int PATIENCE = 3;
    /** Polls use at most a twentieth of the time... */
    private static final int REST_FACTOR = 20;
    /** ...but one that waited for a network or a server that stood still says nothing of the next: all that no word came of would wait as well. */
    private static final Duration LONGEST_REST = Duration.ofSeconds(5);
    /** Where others keep the sequence busy, being sure that these queues are empty saves one look; so not more often. */
    private static final Duration SAMPLE_EMPTY_EVERY = Duration.ofSeconds(10);
    /** Liveness must not hang on the floor: now and then everything is looked at from zero. */
    private static final Duration FORGET_EVERY = Duration.ofMinutes(10);

    private final Stores stores;
    private final Heartbeat heartbeat;
    private final Map<Integer, Consumer> consumers;
    private final SendFutures endWatch;
    private final Notifier doorbell;
    private final HeldLeases leases;
    private final EngineSettings settings;
    private final Duration interval;
    private final Loop loop = new Loop("postroom-poll", true, this::step);
    private volatile Supplier<@Nullable Instant> dueFrom = () -> null;
    private volatile java.util.function.Consumer<Duration> onNextDue = wait -> {};
    private final Map<UUID, Long> doubtful = new ConcurrentHashMap<>();
    private @Nullable WatermarkSample sample;
    private long unknownDueNanos = System.nanoTime();
    private int polledInVain;
    /** The sample was taken by a process that is behind nobody. */
    private boolean sparesLooksOnly;

    private long floorSeq;
    private long sampledAtNanos = System.nanoTime() - SAMPLE_EMPTY_EVERY.toNanos();
    /** Where all lanes of these queues were seen empty after everything up to there was decided; null: not known. */
    private @Nullable WatermarkSample emptyAt;

    private List<Integer> emptyOf = List.of();
    private @Nullable Instant serverStartedAt;
    private long forgetAtNanos = System.nanoTime() + FORGET_EVERY.toNanos();

    Poller(
            Stores stores,
            Heartbeat heartbeat,
            Map<Integer, Consumer> consumers,
            SendFutures endWatch,
            Notifier doorbell,
            HeldLeases leases,
            EngineSettings settings) {
        this.stores = stores;
        this.heartbeat = heartbeat;
        this.consumers = consumers;
        this.endWatch = endWatch;
        this.doorbell = doorbell;
        this.leases = leases;
        this.settings = settings;
        this.interval = settings.pollInterval();
    }

    /**
     * Lets each poll ask for delayed messages, too.
     *
     * @param from    as for promote
     * @param nextDue told how long until the next one is due
     */
    void watchDue(Supplier<@Nullable Instant> from, java.util.function.Consumer<Duration> nextDue) {
        dueFrom = from;
        onNextDue = nextDue;
    }

    void start() {
        loop.start();
    }

    void stop() {
        loop.stop();
        loop.join(Duration.ofSeconds(5));
    }

    /** Polls at once. */
    void signal() {
        loop.signal();
    }

    long lastSuccessNanos() {
        return loop.lastSuccessNanos();
    }

    private void step() {
        long before = System.nanoTime();
        try {
            if (!consumers.isEmpty()) {
                poll();
            }
        } catch (StoreException error) {
            if (error.kind() != StoreException.Kind.TRY_AGAIN) {
                forget(); // a new connection may be one to another server, where numbers start lower
            }
            throw error;
        }
        endWatch.look();
        releaseUnknownLeases();
        releaseDoubtful();
        loop.pauseNanos(restAfter(System.nanoTime() - before, interval) + jitter());
    }

    /** How long to wait after a poll that took so many nanoseconds. */
    static long restAfter(long took, Duration interval) {
        return Math.max(interval.toNanos(), Math.min(took * REST_FACTOR, LONGEST_REST.toNanos()));
    }

    private void poll() {
        if (System.nanoTime() - forgetAtNanos > 0) {
            forget();
            forgetAtNanos = System.nanoTime() + FORGET_EVERY.toNanos() + jitter() * 100;
        }
        WatermarkSample ripe = ripeSample();
        List<Integer> ids = List.copyOf(consumers.keySet());
        Map<Integer, Integer> heldBack = new HashMap<>();
        ids.forEach(id -> heldBack.put(id, consumers.get(id).queue().timesHeldBack()));
        PollResult polled = stores.workers()
                .poll(heartbeat.workerId(), ids, floors(ids), ids.equals(emptyOf) ? emptyAt : null, dueFrom.get());
        if (isAnotherServer(polled.serverStartedAt())) {
            forget(); // it may have lost claims, and its numbers may be lower: from the floors on is not all
            ripe = null;
        }
        if (polled.nextDue() != null) {
            onNextDue.accept(polled.nextDue());
        }
        for (QueueReport report : polled.queues()) {
            Consumer consumer = consumers.get(report.queueId());
            if (ripe != null) {
                consumer.queue().cursors().raiseLowWatermarks(ripe.seq(), report.lowest());
            }
            consumer.queue().reported(report, heldBack.get(report.queueId()));
            boolean hasWork = consumer.queue().cursors().polled(report.lowest());
            if (hasWork || report.suspects()) {
                consumer.signal();
            }
        }
        boolean empty = polled.queues().stream().allMatch(QueueReport::nothingReady);
        if (ripe != null) {
            floorSeq = ripe.seq();
            emptyAt = empty ? ripe : null;
            emptyOf = ids;
        }
        sampleAgain(empty && !polled.stillEmpty());
    }

    /**
     * A claim whose answer was lost may have left leases that nobody here knows, and this process's heartbeat keeps them from the others. Old enough that no
     * claim can still be under way.
     */
    private void releaseUnknownLeases() {
        if (heartbeat.workerId() == 0 || System.nanoTime() - unknownDueNanos < 0) {
            return;
        }
        unknownDueNanos = System.nanoTime() + settings.leaseTime().toNanos();
        List<Long> known = leases.ids(); // before the statement: what is claimed after this is younger than the bound
        giveBack(stores.leases()
                .releaseUnknown(
                        heartbeat.workerId(),
                        known,
                        settings.leaseTime().multipliedBy(UNKNOWN_AFTER_LEASE_TIMES),
                        null));
    }

    /**
     * Messages that may be stored in the hands of this process although the answer was lost are asked for by their ids, so that they need not wait as long as
     * a claim whose messages nobody can name.
     */
    private void releaseDoubtful() {
        doubtful.values().removeIf(untilNanos -> System.nanoTime() - untilNanos > 0);
        if (!doubtful.isEmpty() && heartbeat.workerId() != 0) {
            List<UUID> ids = List.copyOf(doubtful.keySet());
            giveBack(stores.leases().releaseUnknown(heartbeat.workerId(), leases.ids(), DOUBTFUL_AFTER, ids));
        }
    }

    private void giveBack(List<Arrival> released) {
        if (!released.isEmpty()) {
            log.warn("gave back leases whose answer was lost: {}", released);
            doorbell.wake(released);
        }
    }

    /** Whether these are stored in the hands of this process is not known. */
    void doubt(List<UUID> messages) {
        long until = System.nanoTime() + DOUBTFUL_FOR.toNanos();
        messages.forEach(id -> doubtful.put(id, until));
    }

    private long[] floors(List<Integer> ids) {
        long[] floors = new long[ids.size() * LaneCursors.PRIORITIES];
        for (int i = 0; i < ids.size(); i++) {
            for (int priority = 0; priority < LaneCursors.PRIORITIES; priority++) {
                floors[i * LaneCursors.PRIORITIES + priority] =
                        consumers.get(ids.get(i)).queue().cursors().lowWatermark(priority);
            }
        }
        return floors;
    }

    /** The sample, if it became safe; it must be asked before the statement that reads the lowest rows. */
    private @Nullable WatermarkSample ripeSample() {
        WatermarkSample pending = sample;
        if (pending == null) {
            return null;
        }
        if (stores.workers().isSettled(pending)) {
            sample = null;
            polledInVain = 0;
            return pending;
        }
        if (sparesLooksOnly) {
            sample = null; // it can wait: no claim starts lower for want of it
        } else if (++polledInVain % PATIENCE == 0 && pending.transactionId() != null) {
            sample = stores.workers().sampleWatermark(true);
        }
        return null;
    }

    /** @param lookedInVain all lanes were looked at for nothing, which a number at which they are known to be empty would spare */
    private void sampleAgain(boolean lookedInVain) {
        boolean isAhead = consumers.values().stream()
                .anyMatch(consumer -> consumer.queue().cursors().isAheadOf(floorSeq));
        boolean wouldSpareLooks = lookedInVain && System.nanoTime() - sampledAtNanos > SAMPLE_EMPTY_EVERY.toNanos();
        if (sample != null || !isAhead && !wouldSpareLooks) {
            return;
        }
        sampledAtNanos = System.nanoTime();
        sparesLooksOnly = !isAhead;
        WatermarkSample fresh = stores.workers().sampleWatermark(false);
        if (isAnotherServer(fresh.serverStartedAt()) || fresh.seq() < floorSeq) {
            forget();
        } else {
            sample = fresh;
        }
    }

    /** Than the one that answered before. The pool may have replaced the connections without an error that would have told. */
    private boolean isAnotherServer(@Nullable Instant startedAt) {
        Instant before = serverStartedAt;
        if (startedAt != null) {
            serverStartedAt = startedAt;
        }
        return before != null && startedAt != null && !before.equals(startedAt);
    }

    private void forget() {
        consumers.values().forEach(consumer -> consumer.queue().cursors().reset());
        sample = null;
        floorSeq = 0;
        emptyAt = null;
    }

    private long jitter() {
        return ThreadLocalRandom.current().nextLong(interval.toNanos() / 10 + 1);
    }
}

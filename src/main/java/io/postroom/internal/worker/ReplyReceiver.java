package io.postroom.internal.worker;

import io.postroom.api.PostroomException;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.Reply;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.Delivery;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import io.postroom.internal.storage.ReplyMessage;
import io.postroom.internal.storage.Stores;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Receives the replies to requests of this process. All its callers share one queue, which is exclusive to the process and is declared by
 * the first request. Thread-safe.
 *
 * <p>A thread of its own reads the queue, not a handler: callers may sit on handler threads, and no number of them can hold up replies.
 * No code of users runs on it. It looks from the lowest number on that it was told of, and from the beginning once a poll interval
 * while somebody waits, because replies of SQL clients come without a word. Between the looks, an old snapshot costs it nothing.
 *
 * <p>A caller is known before its request is committed, so a reply cannot be faster. Each reply is taken by its caller or counted as late:
 * whoever takes the caller out of the map decides, the reply or the end of the wait.
 */
public final class ReplyReceiver {
    private static final Logger log = LoggerFactory.getLogger(ReplyReceiver.class);
    /** The reason in the history of a reply that came when nobody waited for it any more. */
    private static final String LATE = "late_reply";

    private static final int MOST = 200;
    /** How often the queue is looked at while nobody waits. Late replies of Java processes are told of, and need no look. */
    private static final Duration IDLE = Duration.ofSeconds(10);

    private static final short[] LANES = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    private static final long NOTHING = Long.MAX_VALUE;

    private final QueueStore queues;
    private final LeaseStore store;
    private final Heartbeat heartbeat;
    private final QueueDeclarations declarations;
    private final HeldLeases leases;
    private final Consumers consumers;
    private final Notifier notifier;
    private final Delivery delivery;
    private final Duration interval;
    private final Map<UUID, Caller> callers = new ConcurrentHashMap<>();
    private final AtomicLong lowestTold = new AtomicLong(NOTHING);
    private final LongAdder received = new LongAdder();
    private final LongAdder late = new LongAdder();
    private final RepeatedWarning lateWarning = new RepeatedWarning();
    private final Loop loop = new Loop("postroom-replies", true, this::step);

    private volatile @Nullable ReplyQueue queue;
    private volatile boolean stopped;
    private boolean started;
    /** What was taken and could not be written yet; null: nothing. */
    private @Nullable Unwritten unwritten;

    private long nextLookNanos = System.nanoTime();

    ReplyReceiver(
            Stores stores,
            Heartbeat heartbeat,
            QueueDeclarations declarations,
            HeldLeases leases,
            Consumers consumers,
            Notifier notifier,
            Delivery delivery,
            Duration interval) {
        this.queues = stores.queues();
        this.store = stores.leases();
        this.heartbeat = heartbeat;
        this.declarations = declarations;
        this.leases = leases;
        this.consumers = consumers;
        this.notifier = notifier;
        this.delivery = delivery;
        this.interval = interval;
    }

    /** @param owner the registration of this process that owns the queue */
    private record ReplyQueue(int id, String name, UUID owner) {}

    private record Unwritten(int workerId, List<Completion> ends) {}

    /**
     * Somebody who waits for a reply.
     *
     * @param queue in which it comes
     * @param reply completed exceptionally with a {@link PostroomException} when none will come; its text says why
     */
    public record Caller(UUID request, String queue, CompletableFuture<Reply> reply) {}

    // ---- for callers

    /**
     * The name of the queue for replies. Declared at the first call, and anew after this process was declared dead.
     *
     * @throws PostroomException Postroom is stopped
     */
    public String queue() {
        requireRunning();
        ReplyQueue current = queue;
        return current != null && current.owner.equals(heartbeat.instance()) ? current.name : declare();
    }

    private synchronized String declare() {
        requireRunning();
        UUID owner = heartbeat.owner();
        ReplyQueue current = queue;
        if (current != null && current.owner.equals(owner)) {
            return current.name;
        } else if (current != null) {
            lose(current, "this process was declared dead, and its reply queue was deleted");
        }
        String name = ReplyMessage.QUEUE_PREFIX + UUID.randomUUID().toString().replace("-", "");
        QueueSettings settings = QueueSettings.of(name).kind(QueueKind.EXCLUSIVE);
        QueueRow row = declarations.declare(List.of(settings), null).get(0);
        consumers.readBy(row.id(), this::told);
        queue = new ReplyQueue(row.id(), name, owner);
        notifier.ensureListening();
        if (!started) {
            started = true;
            loop.start();
        }
        return name;
    }

    /**
     * Notes a caller before its request is written; {@link #forget} must follow.
     *
     * @throws PostroomException Postroom is stopped, the queue was lost a moment ago, or a caller waits for the same request
     */
    public Caller expect(UUID request, String queueName) {
        Caller caller = new Caller(request, queueName, new CompletableFuture<>());
        if (callers.putIfAbsent(request, caller) != null) {
            throw new PostroomException("another caller here waits for the reply to request " + request
                    + ". Nothing was written; leave the id out, or give each request one of its own");
        }
        ReplyQueue current = queue;
        if (stopped
                || current == null
                || !current.name.equals(queueName)) { // after the put: whoever ends the wait sees it, or we do
            forget(caller);
            requireRunning();
            throw new PostroomException(
                    "this process was declared dead a moment ago, and its reply queue was deleted. The request was not written:"
                            + " send it again");
        }
        if (callers.size() == 1) {
            loop.signal(); // it may sleep for longer than it does while somebody waits
        }
        return caller;
    }

    /** Ends a wait. Returns whether it went on until now; false: a reply was taken, or the wait was ended otherwise. */
    public boolean forget(Caller caller) {
        return callers.remove(caller.request, caller);
    }

    /** Ends the wait for a reply that will not come. Does nothing when nobody waits for it. */
    public void fail(UUID request, String why) {
        Caller caller = callers.remove(request);
        if (caller != null) {
            caller.reply.completeExceptionally(new PostroomException(why));
        }
    }

    private void requireRunning() {
        if (stopped) {
            throw new PostroomException(
                    "Postroom was stopped in this process, which can receive no reply any more. The request was not"
                            + " written: send it from a process that runs, or start Postroom again");
        }
    }

    // ---- for the engine

    /** Ends all waits, and refuses new ones. Returns whether all that was taken is written. */
    boolean stop() {
        stopped = true;
        loop.stop();
        loop.join(Duration.ofSeconds(5));
        failAll("Postroom was stopped while it waited");
        return unwritten == null;
    }

    /** Ends all waits: the messages were removed. */
    void removed() {
        failAll("the messages were removed by a reset");
    }

    int waiting() {
        return callers.size();
    }

    long received() {
        return received.sum();
    }

    long late() {
        return late.sum();
    }

    private void failAll(String why) {
        callers.keySet().forEach(request -> fail(request, why));
    }

    private void lose(ReplyQueue lost, String why) {
        consumers.notReadBy(lost.id);
        queue = null;
        callers.values().stream()
                .filter(caller -> caller.queue.equals(lost.name))
                .forEach(caller -> fail(caller.request, why));
    }

    // ---- the thread

    private void told(Arrival arrival) {
        long from = arrival.lowestSeq() == NOTHING ? 0 : arrival.lowestSeq();
        lowestTold.accumulateAndGet(from, Math::min);
        loop.signal();
    }

    private void step() {
        writeAgain();
        ReplyQueue current = queue;
        if (current != null) {
            long now = System.nanoTime();
            long due = nextLookNanos;
            boolean look = now - due >= 0;
            long from = lowestTold.getAndSet(NOTHING);
            nextLookNanos = now; // if what follows fails, all is looked at
            if (look && !isThere(current)) {
                return;
            }
            if (look || from != NOTHING) {
                take(current, look ? 0 : from);
            }
            nextLookNanos = look ? now + interval.toNanos() : due;
        }
        loop.pause(callers.isEmpty() ? IDLE : interval);
    }

    private boolean isThere(ReplyQueue current) {
        Optional<QueueRow> row = queues.queue(current.name);
        if (row.isPresent() && row.get().id() == current.id) {
            return true;
        }
        synchronized (this) {
            if (queue == current) {
                lose(current, "the reply queue \"" + current.name + "\" was deleted");
            }
        }
        return false;
    }

    private void take(ReplyQueue current, long from) {
        long[] cursors = new long[LANES.length];
        Arrays.fill(cursors, from);
        List<ClaimedMessage> taken;
        do {
            int workerId = heartbeat.workerId();
            taken = store.claim(new ClaimRequest(
                    workerId, current.id, current.name, false, LANES, cursors, MOST, MOST, MOST, ClaimKind.ORDINARY));
            if (!taken.isEmpty()) {
                leases.taken(taken);
                unwritten = new Unwritten(workerId, handOver(taken));
                writeAgain();
            }
        } while (taken.size() == MOST && !loop.isStopped());
    }

    /** Gives replies to their callers before their ends are written: if this process dies in between, nobody is left to get them twice. */
    private List<Completion> handOver(List<ClaimedMessage> messages) {
        List<Completion> ends = new ArrayList<>(messages.size());
        for (ClaimedMessage message : messages) {
            long now = System.nanoTime();
            if (!message.stored()) {
                ends.add(notVisible(message, now));
                continue;
            }
            ReceivedReply reply = ReceivedReply.of(message.id(), message.content(), delivery);
            Caller caller = reply.request().map(callers::remove).orElse(null);
            if (caller != null) {
                received.increment();
                caller.reply.complete(reply);
                ends.add(Completion.done(message, now, System.nanoTime()));
            } else {
                late.increment();
                sayLate(reply);
                ends.add(lateEnd(message, now));
            }
        }
        return ends;
    }

    private void sayLate(ReceivedReply reply) {
        if (lateWarning.isDue()) {
            log.warn(
                    "{} replies came so far when nobody waited for them any more, the last one to request {} (message {})."
                            + " They end CANCELLED, reason {}",
                    late.sum(),
                    reply.request().map(UUID::toString).orElse("unknown"),
                    reply.id(),
                    LATE);
        }
    }

    /** Delays a reply whose payload the claim's snapshot did not show. */
    private static Completion notVisible(ClaimedMessage message, long startedNanos) {
        return new Completion(
                message,
                null,
                NextState.DELAYED,
                Duration.ofSeconds(1),
                "payload_missing",
                null,
                message.counters().failures(),
                startedNanos,
                System.nanoTime());
    }

    private static Completion lateEnd(ClaimedMessage message, long startedNanos) {
        return new Completion(
                message,
                AttemptOutcome.CANCELLED,
                NextState.FINISHED,
                Duration.ZERO,
                null,
                Failure.of(LATE),
                message.counters().failures(),
                startedNanos,
                System.nanoTime());
    }

    private void writeAgain() {
        Unwritten open = unwritten;
        if (open != null) {
            store.complete(open.workerId, open.ends); // what is missing in the answer was lost with the queue
            leases.ended(open.ends);
            unwritten = null;
        }
    }
}

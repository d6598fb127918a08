package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.NoHandlerException;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueSettings;
import io.postroom.api.SendResult;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.consumer.DirectDispatch;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.consumer.LaneCursors;
import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.HandlerSetup;
import io.postroom.internal.execution.TimeLimits;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.NotificationListener;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machine as a whole: puts the steps together, starts them in an order in which each finds what it needs, and stops them so that nothing is lost:
 * stop claiming, finish what runs, give back the rest, write the results, and only then the last heartbeat.
 */
public final class Engine {
    private static final Logger log = LoggerFactory.getLogger(Engine.class);
    private static final int DRAIN_BATCH = 1000;
    private static final Duration INTERRUPT_GRACE = Duration.ofSeconds(5);

    private final EngineSettings settings;
    private final HandlerSetup setup;
    private final Stores stores;
    private final boolean workers;
    private final Map<Integer, ConsumedQueue> queues = new ConcurrentHashMap<>();
    private final Map<Integer, Consumer> consumers = new ConcurrentHashMap<>();
    private final Heartbeat heartbeat;
    private final TimeLimits timeLimits;
    private final Completer completer;
    private final Executor executor;
    private final SendFutures endWatch;
    private final HeldLeases leases = new HeldLeases();
    /** Users' callbacks may do anything, wait for this engine included: never on a thread of the engine. */
    private final ExecutorService callbacks = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "postroom-callback");
        thread.setDaemon(true);
        return thread;
    });

    private final Notifier doorbell;
    private final Poller poller;
    /** Of before a rest, with handlers that would not end. */
    private final List<Consumer> leftBehind = new CopyOnWriteArrayList<>();

    private State state = State.NEW;
    private volatile boolean stopped;

    /**
     * @param stores on the engine's own connections
     * @param beats on the connection reserved for the heartbeat
     * @param feed null without LISTEN and NOTIFY
     * @param workers whether this process handles messages; without, it only creates them
     */
    public Engine(
            EngineSettings settings,
            HandlerSetup setup,
            Stores stores,
            WorkerStore beats,
            Transactions transactions,
            @Nullable NotificationListener feed,
            boolean workers,
            String version) {
        this.settings = settings;
        this.setup = setup;
        this.stores = stores;
        this.workers = workers;
        heartbeat = new Heartbeat(beats, settings, version, this::announce);
        timeLimits = new TimeLimits(heartbeat::isLeaseSafe);
        completer = new Completer(stores.leases(), heartbeat::workerId, this::isBusy, this::written, this::lost);
        executor = new Executor(setup, stores.leases(), transactions, heartbeat, timeLimits, completer);
        endWatch = new SendFutures(stores.queries(), callbacks);
        doorbell = new Notifier(stores.workers(), feed, consumers);
        poller = new Poller(stores, heartbeat, consumers, endWatch, doorbell, leases, settings);
    }

    /** Declares the handlers' queues, then starts. Fails fast: a wrong setting stops the application, not the first message. */
    public synchronized void start() {
        if (stopped) {
            throw new IllegalStateException("Postroom was stopped; build another one");
        }
        boolean first = state == State.NEW;
        if (first) {
            declareQueues();
            timeLimits.start();
            completer.start();
        }
        if (workers && !queues.isEmpty()) {
            heartbeat.ensureStarted();
            queues.values().forEach(this::startConsumer);
        }
        if (first) {
            poller.start();
            doorbell.start(!consumers.isEmpty());
        } else {
            poller.signal();
        }
        state = State.RUNNING;
        log.info("Postroom started: worker {}, {}", heartbeat.workerId(), describeConsumers());
    }

    private void startConsumer(ConsumedQueue queue) {
        Consumer consumer = new Consumer(queue, stores.leases(), heartbeat, executor, completer, leases);
        Consumer before = consumers.put(queue.id(), consumer);
        if (before != null && before.isBusy()) {
            leftBehind.add(before);
        }
        consumer.start();
    }

    private void declareQueues() {
        for (String name : setup.handlers().queues()) {
            List<Handler> handlers = setup.handlers().of(name);
            int attempts = handlers.stream()
                    .mapToInt(handler -> handler.retry().attempts())
                    .max()
                    .orElseThrow();
            QueueRow row = stores.queues()
                    .declare(QueueSettings.of(name)
                            .attempts(attempts)
                            .retryAfter(handlers.get(0).retry().describe()));
            queues.put(row.id(), new ConsumedQueue(new HandledQueue(row.id(), name, handlers)));
        }
    }

    private String describeConsumers() {
        return consumers.isEmpty()
                ? "no consumers"
                : "consuming "
                        + consumers.values().stream()
                                .map(consumer -> consumer.queue().name() + " ("
                                        + consumer.queue().handled().concurrency() + " threads)")
                                .sorted()
                                .toList();
    }

    /** Tells the cluster who handles what; again under each new worker id. */
    private void announce(int workerId) {
        List<ConsumerRow> rows = new ArrayList<>();
        if (workers) {
            queues.values()
                    .forEach(queue -> queue.handled()
                            .handlers()
                            .forEach(handler -> rows.add(new ConsumerRow(
                                    queue.id(),
                                    handler.id(),
                                    handler.direction(),
                                    handler.concurrency(),
                                    handler.mode().name(),
                                    List.of(handler.takes())))));
        }
        stores.workers().announce(workerId, rows);
    }

    /** Whether this process has beaten for so long without a gap, so that the silence of others says something. True as well if it has no need to beat. */
    public boolean hasBeatenFor(Duration time) {
        return heartbeat.isUnbrokenFor(time);
    }

    /** Committed arrivals, from enqueues, jobs and other processes. */
    public void wake(Collection<Arrival> arrivals) {
        if (!arrivals.isEmpty()) {
            doorbell.wake(arrivals);
        }
    }

    /**
     * Lets the polls of a process that consumes say when a delayed message is due.
     *
     * @param from    as for {@link Stores#promote}
     * @param nextDue told how long until the next one is due
     */
    public void watchDue(Supplier<@Nullable Instant> from, java.util.function.Consumer<Duration> nextDue) {
        poller.watchDue(from, nextDue);
    }

    /** Whether this process takes messages of any queue, and so polls. */
    public boolean isConsuming() {
        return !consumers.isEmpty();
    }

    /** This process paused or deleted the queue: that holds here from now on, not from the next poll on. */
    public void holdQueue(String queue) {
        queues.values().stream().filter(one -> one.name().equals(queue)).forEach(ConsumedQueue::holdBack);
        poller.signal();
    }

    /** Looks at all queues now instead of at the next poll. */
    public void pollNow() {
        poller.signal();
    }

    /**
     * Room in the hands of this process for messages about to be stored, so that they need not go through READY: no claim, and the handler starts right
     * after the commit. Only for messages of one queue and priority; empty where they should wait like all others.
     */
    public Optional<DirectDispatch> reserve(List<NewMessage> messages) {
        NewMessage first = messages.get(0);
        Consumer consumer = consumers.get(first.queueId());
        if (consumer == null
                || messages.stream()
                        .anyMatch(other -> other.queueId() != first.queueId()
                                || other.priority() != first.priority()
                                || !isTakenHere(consumer.queue(), other))
                || !consumer.reserve(messages.size())) {
            return Optional.empty();
        }
        return Optional.of(new DirectDispatch(consumer, heartbeat.workerId(), messages, poller::doubt));
    }

    /** A newer or older process may know a type that this one does not. */
    private boolean isTakenHere(ConsumedQueue queue, NewMessage message) {
        return setup.handlers()
                .find(queue.name(), message.content().type(), message.content().version())
                .isPresent();
    }

    /** A future of the message's end. */
    public CompletableFuture<SendResult> watchEnd(UUID id) {
        return endWatch.watch(id);
    }

    /** The transaction that created it rolled back. */
    public void rolledBack(UUID id) {
        endWatch.rolledBack(id);
    }

    /** @throws NoHandlerException nobody here takes such a message */
    public void requireHandler(String queue, @Nullable String type, int version) {
        if (setup.handlers().find(queue, type, version).isEmpty()) {
            throw new NoHandlerException(queue, type == null ? "" : type, version);
        }
    }

    /**
     * Stores the message already held by this process, runs it once on this thread and completes it.
     *
     * @return empty when its id or deduplication key was there
     */
    public Optional<SendResult> sendNow(NewMessage message) {
        refuseOnEngineThread();
        if (stopped) {
            throw new PostroomException("Postroom is stopped: nothing was stored");
        }
        heartbeat.ensureStarted();
        ConsumedQueue queue = queues.get(message.queueId());
        if (queue == null) {
            throw new IllegalStateException("no handler for queue " + message.queueId());
        }
        boolean interrupted = Thread.interrupted(); // the caller's, to be given back
        Optional<ClaimedMessage> held = stores.enqueue().enqueueLeased(message, heartbeat.workerId());
        if (held.isEmpty()) {
            return Optional.empty();
        }
        leases.taken(List.of(held.get()));
        // The attempt's end goes through the same completer as everybody's; this thread only waits for it.
        CompletableFuture<Completion> end = new CompletableFuture<>();
        ownSends.put(message.id(), end);
        try {
            executor.run(queue.handled(), held.get(), () -> {});
            return Optional.of(resultOf(end.join()));
        } catch (CompletionException lost) {
            return Optional.of(resultAfterLoss(message.id()));
        } finally {
            ownSends.remove(message.id());
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * The lease was gone when the end was to be written: another process took over, or the commit of the first try took place and only its answer was
     * lost. The database knows.
     */
    private SendResult resultAfterLoss(UUID id) {
        MessageState state = stores.queries().states(List.of(id)).getOrDefault(id, MessageState.READY);
        return new SendResult(id, state, Optional.empty(), Optional.empty());
    }

    private final Map<UUID, CompletableFuture<Completion>> ownSends = new ConcurrentHashMap<>();

    private static SendResult resultOf(Completion end) {
        MessageState state = stateAfter(end);
        Optional<Instant> next =
                state == MessageState.DELAYED ? Optional.of(Instant.now().plus(end.delay())) : Optional.empty();
        return new SendResult(end.message().id(), state, outcomeOf(end), next);
    }

    private static Optional<Outcome> outcomeOf(Completion end) {
        if (end.outcome() == null) {
            return Optional.empty();
        }
        String text = end.failure() == null ? "" : end.failure().text();
        return switch (end.outcome()) {
            case DONE -> Optional.of(Outcome.done());
            case RETRY, FAILED -> Optional.of(Outcome.retry(end.delay(), text));
            case SNOOZE -> Optional.of(Outcome.snooze(end.delay(), text));
            case NOT_NOW -> Optional.of(Outcome.notNow(text, end.delay()));
            case REJECT -> Optional.of(Outcome.reject(text));
            case CANCELLED, EXPIRED, CRASHED -> Optional.empty();
        };
    }

    /**
     * Expires and promotes what is due, then runs on this thread what is READY in these queues, until nothing is left. For tests with workers off.
     *
     * @return how many messages were run
     */
    public int drain(Collection<String> names) {
        int runs = 0;
        while (true) {
            JobStore.ExpiryPosition expired = null;
            do {
                expired = stores.jobs().expire(expired, DRAIN_BATCH);
            } while (expired != null);
            stores.jobs().promote(null, DRAIN_BATCH);
            int now = runAllReady(names);
            if (now == 0) {
                return runs;
            }
            runs += now;
        }
    }

    private int runAllReady(Collection<String> names) {
        heartbeat.ensureStarted();
        int run = 0;
        for (boolean again = true; again; ) {
            again = false;
            for (ConsumedQueue queue : queues.values()) {
                if (names.isEmpty() || names.contains(queue.name())) {
                    int now = runReady(queue);
                    run += now;
                    again |= now > 0;
                }
            }
        }
        return run;
    }

    private int runReady(ConsumedQueue queue) {
        short[] priorities = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
        int run = 0;
        for (boolean suspects : new boolean[] {false, true}) {
            List<ClaimedMessage> claimed = stores.leases()
                    .claim(new ClaimRequest(
                            heartbeat.workerId(),
                            queue.id(),
                            priorities,
                            new long[LaneCursors.PRIORITIES],
                            queue.handled().largestBatch(),
                            queue.handled().leaseSize(),
                            suspects));
            leases.taken(claimed);
            if (!claimed.isEmpty()) {
                executor.run(queue.handled(), claimed, () -> {});
                completer.drain(INTERRUPT_GRACE);
                run += claimed.size();
            }
        }
        return run;
    }

    /** A listener's or interceptor's thread may be the very one that would have to complete the message. */
    private void refuseOnEngineThread() {
        if (completer.isOwnThread()) {
            throw new IllegalStateException(
                    "sendMessageSync waits for the thread it was called on: a PostroomListener must hand such work to a thread of its own");
        }
    }

    private boolean isBusy() {
        for (Consumer consumer : consumers.values()) {
            if (consumer.isBusy()) {
                return true;
            }
        }
        return !ownSends.isEmpty() || leftBehind.stream().anyMatch(Consumer::isBusy);
    }

    /** Results are in the database: wake what waits for them. */
    private void written(List<Completion> ends) {
        leases.ended(ends);
        endWatch.written(ends);
        for (Completion end : ends) {
            CompletableFuture<Completion> own =
                    ownSends.isEmpty() ? null : ownSends.get(end.message().id());
            if (own != null) {
                own.complete(end);
            }
        }
        if (!setup.listeners().isEmpty()) {
            ends.forEach(this::tellListeners);
        }
        onWritten.accept(ends);
        wakeReleased(ends);
    }

    /** What was given back is claimed again without waiting for a poll, here or, when this process stops, elsewhere. */
    private void wakeReleased(List<Completion> ends) {
        Set<Lane> lanes = new HashSet<>();
        for (Completion end : ends) {
            if (end.next() == NextState.READY) {
                lanes.add(new Lane(end.message().queueId(), end.message().priority()));
            }
        }
        wake(lanes.stream()
                .map(lane -> new Arrival(lane, Long.MAX_VALUE, 0)) // its number is new, so it is above every cursor
                .toList());
    }

    private void lost(Completion end) {
        leases.ended(List.of(end));
        CompletableFuture<Completion> own = ownSends.get(end.message().id());
        if (own != null) {
            own.completeExceptionally(
                    new PostroomException(
                            "message " + end.message().id()
                                    + " was sent, but its lease was lost before that could be recorded: another process sends it again"));
        }
    }

    private java.util.function.Consumer<List<Completion>> onWritten = ends -> {};

    /** Called after each written batch; for the promote job, which then knows of new due times. */
    public void onWritten(java.util.function.Consumer<List<Completion>> action) {
        onWritten = action;
    }

    private void tellListeners(Completion end) {
        ConsumedQueue queue = queues.get(end.message().queueId());
        String name = queue == null ? "" : queue.name();
        AttemptOutcome outcome = end.outcome();
        MessageEvent event = new MessageEvent(
                end.message().id(),
                name,
                stateAfter(end),
                outcome == null ? "" : outcome.label(),
                Duration.ofNanos(end.finishedNanos() - end.startedNanos()));
        for (PostroomListener listener : setup.listeners()) {
            try {
                listener.onEvent(event);
            } catch (Throwable thrown) {
                log.warn("a PostroomListener failed on {}", event, thrown);
            }
        }
    }

    private static MessageState stateAfter(Completion end) {
        return end.next().state(end.outcome() == null ? AttemptOutcome.DONE : end.outcome());
    }

    /** Whether every loop has had a success lately and the leases are trusted. Empty: all is well; else what is not. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        long longAgo = System.nanoTime()
                - settings.pollInterval().multipliedBy(3).plusSeconds(30).toNanos();
        if (!heartbeat.isLeaseSafe()) {
            problems.add("no heartbeat was confirmed for " + heartbeat.sinceBeat());
        }
        if (!consumers.isEmpty() && poller.lastSuccessNanos() - longAgo < 0) {
            problems.add("no poll has succeeded for more than 30 s");
        }
        if (completer.pending() > 0 && completer.lastSuccessNanos() - longAgo < 0) {
            problems.add(completer.pending() + " results wait to be written for more than 30 s");
        }
        consumers.values().stream()
                .filter(consumer -> consumer.leakedThreads() > 0)
                .forEach(consumer -> problems.add(consumer.leakedThreads() + " handler calls of queue "
                        + consumer.queue().name() + " ignored their interrupt"));
        return problems;
    }

    /** How many results were dropped because their lease had gone. */
    public long lostLeases() {
        return completer.lost();
    }

    /**
     * Stops handling: no more claims; what is in the buffers goes back at no cost; running handlers get {@code drain} to finish, then an interrupt and
     * five seconds. The rest of the machine goes on, so that messages can be created and waited for; {@link #start} begins to handle again.
     */
    public synchronized void stopConsumers(Duration drain) {
        if (state != State.RUNNING) {
            return;
        }
        state = State.RESTING;
        consumers.values().forEach(Consumer::announceStop);
        consumers.values().forEach(Consumer::stopClaiming);
        if (!awaitIdle(drain)) {
            timeLimits.callOffAll();
            awaitIdle(INTERRUPT_GRACE);
        }
        completer.drain(INTERRUPT_GRACE);
    }

    /** {@link #stopConsumers}, and then the machine. What still runs keeps its lease, which is rescued when this process is silent. Repeating it does nothing. */
    public synchronized void stop(Duration drain) {
        if (stopped) {
            return;
        }
        stopped = true;
        stopConsumers(drain);
        poller.stop();
        boolean finished = !isBusy();
        boolean written = completer.drain(INTERRUPT_GRACE);
        completer.stop();
        doorbell.stop();
        timeLimits.stop();
        heartbeat.stop(finished && written);
        ownSends.values().forEach(end -> end.completeExceptionally(new PostroomException("Postroom was stopped")));
        endWatch.giveUp();
        callbacks.shutdown();
        log.info(
                "Postroom stopped{}",
                finished && written ? "" : "; handlers that did not stop keep their leases until others rescue them");
    }

    private boolean awaitIdle(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        while (isBusy()) {
            if (System.nanoTime() - end > 0) {
                return false;
            }
            java.util.concurrent.locks.LockSupport.parkNanos(5_000_000);
        }
        return true;
    }

    private enum State {
        NEW,
        RUNNING,
        RESTING
    }
}

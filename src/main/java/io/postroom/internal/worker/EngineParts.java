package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.api.QueueSettings;
import io.postroom.api.Reason;
import io.postroom.api.Transactions;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.consumer.ConsumerRuntime;
import io.postroom.internal.consumer.HeldLeases;
import io.postroom.internal.execution.Completer;
import io.postroom.internal.execution.Executor;
import io.postroom.internal.execution.HandlerSetup;
import io.postroom.internal.execution.KillSignals;
import io.postroom.internal.execution.ThreadGuard;
import io.postroom.internal.execution.TimeLimits;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WorkerStore;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** Wires the parts of a worker, each with those it calls. {@link Engine} starts and stops them. */
public final class EngineParts {
    private final EngineSettings settings;
    final HandlerSetup setup;
    final Stores stores;
    final Consumers consumers;
    final Notifier notifier;
    final Heartbeat heartbeat;
    final QueueDeclarations declarations;
    final HeldLeases leases = new HeldLeases();
    private final Object announcing = new Object();
    /** What the consumers of the last start share; null before the first one. */
    private volatile @Nullable ConsumerRuntime runtime;

    private final Transactions transactions;
    final OwnSends ownSends = new OwnSends();
    final TimeLimits timeLimits;
    final Completer completer;
    final Executor executor;
    final SendFutures futures;
    final ReplyReceiver replies;
    final SentReplies sentReplies;
    final Poller poller;
    final SyncSender syncSender;
    final DirectDispatches directDispatches;
    final InlineRunner inlineRunner;
    final Health health;
    final FailureLog failures = new FailureLog();
    /** Users' callbacks may do anything, even wait for this engine: they never run on a thread of the engine. */
    final ExecutorService callbacks = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "postroom-callback");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * @param stores on the engine's own connections
     * @param beats on the connection reserved for the heartbeat
     * @param strictDeclarations whether queues are declared only as they were declared before
     */
    public EngineParts(
            EngineSettings settings,
            HandlerSetup setup,
            Stores stores,
            WorkerStore beats,
            Transactions transactions,
            Consumers consumers,
            Notifier notifier,
            DueWatch due,
            String version,
            boolean strictDeclarations) {
        this.settings = settings;
        this.setup = setup;
        this.stores = stores;
        this.consumers = consumers;
        this.notifier = notifier;
        this.transactions = transactions;
        heartbeat = new Heartbeat(beats, settings, version, workerId -> announce());
        declarations = new QueueDeclarations(
                setup.handlers(), stores, consumers, heartbeat, this::announce, strictDeclarations);
        timeLimits = new TimeLimits(heartbeat::isLeaseSafe);
        futures = new SendFutures(
                stores.queries(),
                task -> callbacks.execute(
                        () -> guard("a callback of sendMessageAsync").execute(task)));
        sentReplies = new SentReplies(notifier);
        replies = new ReplyReceiver(
                stores,
                heartbeat,
                declarations,
                leases,
                consumers,
                notifier,
                setup.delivery(),
                settings.pollInterval());
        ResultDispatcher results = results(due);
        completer = new Completer(
                stores.leases(), heartbeat::workerId, this::resultsMayCome, results::written, results::lost);
        KillSignals killSignals = new KillSignals(stores.consumers()::obey);
        executor = new Executor(setup, stores.leases(), transactions, heartbeat, timeLimits, completer, killSignals);
        LostAnswers lostAnswers = new LostAnswers(stores.leases(), heartbeat, leases, notifier, settings.leaseTime());
        poller = poller(lostAnswers, due);
        syncSender = new SyncSender(
                stores, setup.handlers(), heartbeat, declarations, leases, executor, completer, ownSends);
        directDispatches = new DirectDispatches(setup.handlers(), consumers, heartbeat, lostAnswers);
        inlineRunner = new InlineRunner(stores, heartbeat, consumers, declarations, leases, executor, completer);
        health = new Health(settings, heartbeat, consumers, poller, completer);
    }

    /** Makes the dispatcher of results: to callers that wait, listeners, and consumers with room again. */
    private ResultDispatcher results(DueWatch due) {
        return new ResultDispatcher(
                leases,
                futures,
                ownSends,
                setup.listeners(),
                consumers,
                due,
                notifier,
                failures,
                sentReplies,
                new PassedOnLetters(stores.workers(), notifier, callbacks),
                transactions);
    }

    /** Makes the poller, which reads once an interval what other processes have changed. */
    private Poller poller(LostAnswers lostAnswers, DueWatch due) {
        return new Poller(
                stores.workers(),
                heartbeat,
                consumers,
                declarations,
                futures,
                lostAnswers,
                due,
                new ConsumerStops(stores.workers(), heartbeat, consumers),
                new CancelledRuns(stores.workers(), heartbeat, timeLimits),
                setup.entries(),
                settings);
    }

    /** Starts a new consumer for each declared queue, and what these consumers share. */
    void startConsumers() {
        ConsumerRuntime shared = new ConsumerRuntime(settings, stores.leases(), heartbeat, executor, completer, leases);
        runtime = shared;
        shared.start();
        consumers.start(queue -> new Consumer(queue, shared));
    }

    /** Ends all claims and gives back what waits in the buffers; running handlers go on. Repeating it does nothing. */
    void stopClaiming() {
        consumers.stopClaiming();
        ConsumerRuntime shared = runtime;
        if (shared != null) {
            shared.stop();
        }
    }

    /** Tells other processes what this one consumes. One at a time: the last word is that of the newest registration and numbers. */
    void announce() {
        synchronized (announcing) {
            if (heartbeat.workerId() != 0) {
                stores.workers().announce(heartbeat.workerId(), consumers.rows());
            }
        }
    }

    /** Whether results of other handlers may come soon. A hint, asked for each small batch: it leaves out what ran before a restart. */
    private boolean resultsMayCome() {
        ConsumerRuntime current = runtime;
        return current != null && current.isBusy() || !ownSends.isEmpty();
    }

    /**
     * Runs a callback on the calling thread, and makes the thread as it was.
     *
     * @param whose names the callback, for the log
     */
    public java.util.concurrent.Executor guard(String whose) {
        return task -> ThreadGuard.run(transactions, whose, task);
    }

    /** Whether a handler runs here or is about to. */
    boolean isBusy() {
        return consumers.isBusy() || !ownSends.isEmpty();
    }

    /** How many ATOMIC handlers may run at a time. */
    int mostAtomic() {
        return setup.handlers().mostAtomic(settings.handlerThreads());
    }

    /** Declares a queue for this process, which will own it if it is exclusive. See {@link QueueDeclarations#declare}. */
    public void declare(QueueSettings queue, @Nullable Reason reason) {
        declarations.declare(List.of(queue), reason);
    }

    /** This process as the owner of exclusive queues; null: it is not registered, and owns none. */
    public @Nullable UUID ownerIfRegistered() {
        return heartbeat.ownerIfRegistered();
    }

    public Notifier notifier() {
        return notifier;
    }

    public SendFutures futures() {
        return futures;
    }

    public ReplyReceiver replies() {
        return replies;
    }

    /** Whether the caller is the thread that writes results: it must not wait for one. */
    public boolean isOnCompleterThread() {
        return completer.isOwnThread();
    }

    public Poller poller() {
        return poller;
    }

    public FailureLog failures() {
        return failures;
    }

    public SyncSender syncSender() {
        return syncSender;
    }

    public DirectDispatches directDispatches() {
        return directDispatches;
    }
}

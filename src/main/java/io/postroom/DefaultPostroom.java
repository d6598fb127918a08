package io.postroom;

import io.postroom.api.AccessTokens;
import io.postroom.api.Batches;
import io.postroom.api.Consumers;
import io.postroom.api.Database;
import io.postroom.api.DeadLetters;
import io.postroom.api.Definitions;
import io.postroom.api.EntrySecrets;
import io.postroom.api.Exchanges;
import io.postroom.api.FileImports;
import io.postroom.api.Ledger;
import io.postroom.api.Limiter;
import io.postroom.api.Limiters;
import io.postroom.api.Mailboxes;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.Queues;
import io.postroom.api.RecentFailures;
import io.postroom.api.ReplyCounts;
import io.postroom.api.Schedules;
import io.postroom.api.SettingsRegistry;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.internal.definitions.DefaultDefinitions;
import io.postroom.internal.execution.HandlerEntries;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.jobs.Job;
import io.postroom.internal.jobs.JobTimer;
import io.postroom.internal.jobs.WatchUnconsumedQueues;
import io.postroom.internal.postgres.connection.EnginePool;
import io.postroom.internal.producer.DefaultExchanges;
import io.postroom.internal.producer.DefaultLimiters;
import io.postroom.internal.producer.DefaultQueueMessages;
import io.postroom.internal.producer.DefaultQueues;
import io.postroom.internal.producer.DefaultSchedules;
import io.postroom.internal.storage.OperatorStore;
import io.postroom.internal.worker.Engine;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import javax.sql.DataSource;

/**
 * The engine that {@link PostroomBuilder} wired. Public for the starter and the test kit, which start and drive it in steps; hosts use
 * {@link Postroom}. Thread-safe.
 */
public final class DefaultPostroom implements Postroom {
    private final DefaultQueueMessages queueMessages;
    private final DefaultQueues queues;
    private final DefaultExchanges exchanges;
    private final DefaultDefinitions definitions;
    private final DefaultSchedules schedules;
    private final SettingsRegistry settings;
    private final HandlerEntries entries;
    private final Consumers consumers;
    private final FileImports fileImports;
    private final Mailboxes mailboxes;
    private final DefaultLimiters limiters;
    private final DeadLetters deadLetters;
    private final Batches batches;
    private final Ledger ledger;
    private final AccessTokens accessTokens;
    private final Database database;
    private final IntSupplier settleBatches;
    private final HandlerRegistry handlers;
    private final Engine engine;
    private final Supplier<List<String>> obstacles;
    private final JobTimer timer;
    private final PostroomJobs.Imports imports;
    private final List<Job> jobs;
    private final WatchUnconsumedQueues unconsumed;
    private final Consumer<Duration> advanced;
    private final Transactions transactions;
    private final OperatorStore store;
    private final DataSource host;
    private final EnginePool pool;
    /** Not this object's own lock: a start that hangs on the database must not hold up {@link #close}. */
    private final Object startLock = new Object();

    private boolean jobsStarted;
    private boolean closed;

    DefaultPostroom(
            DefaultQueueMessages queueMessages,
            DefaultQueues queues,
            DefaultExchanges exchanges,
            DefaultDefinitions definitions,
            DefaultSchedules schedules,
            SettingsRegistry settings,
            HandlerEntries entries,
            Consumers consumers,
            FileImports fileImports,
            Mailboxes mailboxes,
            DefaultLimiters limiters,
            DeadLetters deadLetters,
            Batches batches,
            Ledger ledger,
            AccessTokens accessTokens,
            Database database,
            IntSupplier settleBatches,
            HandlerRegistry handlers,
            Engine engine,
            Supplier<List<String>> obstacles,
            JobTimer timer,
            PostroomJobs.Imports imports,
            List<Job> jobs,
            WatchUnconsumedQueues unconsumed,
            Consumer<Duration> advanced,
            Transactions transactions,
            OperatorStore store,
            DataSource host,
            EnginePool pool) {
        this.queueMessages = queueMessages;
        this.queues = queues;
        this.exchanges = exchanges;
        this.definitions = definitions;
        this.schedules = schedules;
        this.settings = settings;
        this.entries = entries;
        this.consumers = consumers;
        this.fileImports = fileImports;
        this.mailboxes = mailboxes;
        this.limiters = limiters;
        this.deadLetters = deadLetters;
        this.batches = batches;
        this.ledger = ledger;
        this.accessTokens = accessTokens;
        this.database = database;
        this.settleBatches = settleBatches;
        this.handlers = handlers;
        this.engine = engine;
        this.obstacles = obstacles;
        this.timer = timer;
        this.imports = imports;
        this.jobs = jobs;
        this.unconsumed = unconsumed;
        this.advanced = advanced;
        this.transactions = transactions;
        this.store = store;
        this.host = host;
        this.pool = pool;
    }

    @Override
    public QueueMessages queueMessages() {
        return queueMessages;
    }

    @Override
    public Queues queues() {
        return queues;
    }

    @Override
    public Exchanges exchanges() {
        return exchanges;
    }

    @Override
    public Schedules schedules() {
        return schedules;
    }

    @Override
    public Definitions definitions() {
        return definitions;
    }

    @Override
    public SettingsRegistry settings() {
        return settings;
    }

    @Override
    public EntrySecrets secrets() {
        return entries::secret;
    }

    @Override
    public Consumers consumers() {
        return consumers;
    }

    @Override
    public FileImports fileImports() {
        return fileImports;
    }

    @Override
    public Mailboxes mailboxes() {
        return mailboxes;
    }

    @Override
    public DeadLetters deadLetters() {
        return deadLetters;
    }

    @Override
    public Limiters limiters() {
        return limiters;
    }

    @Override
    public Batches batches() {
        return batches;
    }

    @Override
    public AccessTokens accessTokens() {
        return accessTokens;
    }

    @Override
    public Ledger ledger() {
        return ledger;
    }

    @Override
    public Database database() {
        return database;
    }

    /** The data source that this was built on, not those connections that the engine keeps. For the console. */
    public DataSource dataSource() {
        return host;
    }

    /** Declares the destination of a queue, and the queue where that is missing. */
    void declareDestination(String queue, String destination) {
        queues.declare(QueueSettings.of(queue));
        limiters.declareDestination(queue, destination);
    }

    /** Declares a limiter of the builder, and its queue where that is missing. */
    void declare(Limiter limiter) {
        limiter.queue().ifPresent(queue -> queues.declare(QueueSettings.of(queue)));
        limiters.declare(limiter);
    }

    @Override
    public List<String> problems() {
        List<String> problems = new ArrayList<>(engine.problems());
        problems.addAll(obstacles.get());
        return problems;
    }

    @Override
    public RecentFailures recentFailures(Duration within) {
        return engine.recentFailures(within);
    }

    @Override
    public ReplyCounts replyCounts() {
        return engine.replyCounts();
    }

    @Override
    public List<String> warnings() {
        List<String> warnings = new ArrayList<>(unconsumed.warnings());
        warnings.addAll(entries.warnings());
        return warnings;
    }

    /**
     * Checks the handlers that {@link #startWorkers} will be given, and takes none of them yet. For the starter, which asks before the web
     * server opens its port.
     *
     * @throws IllegalArgumentException two handlers would take the same messages, or have the same id
     */
    public void checkHandlers(Collection<Handler> more) {
        handlers.check(more);
    }

    /**
     * Does the second half of a start: takes these handlers beside those of the builder and begins to work. The caller closes this after
     * an error.
     *
     * @param more empty when it begins again after {@link #stopWorkers}
     * @throws IllegalArgumentException two handlers would take the same messages, or have the same id
     */
    public void startWorkers(Collection<Handler> more) {
        synchronized (startLock) {
            handlers.addAll(more);
            engine.start();
            if (engine.hasWork()) {
                EnginePool.warnIfSmallerThan(engine.mostAtomic(), host);
            }
            if (!jobsStarted) {
                jobsStarted = true;
                timer.start(jobs);
                imports.timer().start(imports.jobs());
            }
        }
    }

    /**
     * Does the first half of {@link #stopWorkers}: begins no more handlers, and gives back what none has begun. Does not wait for those
     * that run.
     */
    public void stopClaiming() {
        engine.stopClaiming();
    }

    /**
     * Stops the handlers, as {@link #stop} does. The jobs go on, since other processes may wait for their work. {@link #startWorkers} may
     * follow.
     *
     * @param drain how long running handlers may go on
     */
    public void stopWorkers(Duration drain) {
        engine.stopConsumers(drain);
    }

    /**
     * Fires schedules, expires and promotes what is due, then runs on this thread what is READY in these queues, until nothing is left.
     * Completes batches and runs their completion messages, too. For tests with workers off.
     *
     * @param names empty: all queues that have a handler here
     * @return how many messages were run
     */
    public int drain(Collection<String> names) {
        schedules.fireDue();
        int run = engine.drain(names);
        while (settleBatches.getAsInt() > 0) {
            run += engine.drain(names);
        }
        return run;
    }

    /** Sets every stored instant of waiting messages back by this much, so that time seems to pass at once. For tests. */
    public void advance(Duration time) {
        store.advance(time);
        schedules.fireSoon();
        advanced.accept(time);
    }

    /** Removes all messages and what is known about them. Consumers stop while it does, and begin again. For tests. */
    public void reset() {
        engine.reset(store::removeAll);
        timer.runSoon(unconsumed);
    }

    /** Whether a transaction of the host is open on this thread, in which messages would be created. */
    public boolean isTransactionOpen() {
        return transactions.isOpen();
    }

    @Override
    public void stop(Duration drain) {
        imports.stop();
        timer.stop();
        engine.stop(drain);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            queueMessages.close();
            stop(DEFAULT_DRAIN);
            pool.close();
        }
    }
}

package io.postroom;

import io.postroom.api.EngineSettings;
import io.postroom.api.FileImport;
import io.postroom.api.Limiter;
import io.postroom.api.Limits;
import io.postroom.api.QueueSettings;
import io.postroom.api.Schedule;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import io.postroom.internal.definitions.DefaultDefinitions;
import io.postroom.internal.execution.Delivery;
import io.postroom.internal.execution.EntryChecks;
import io.postroom.internal.execution.HandlerEntries;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.execution.HandlerSetup;
import io.postroom.internal.execution.Secrets;
import io.postroom.internal.execution.Upcasters;
import io.postroom.internal.imports.DefaultFileImports;
import io.postroom.internal.mailboxes.DefaultMailboxes;
import io.postroom.internal.mailboxes.MailboxCheck;
import io.postroom.internal.mailboxes.MailboxLoops;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.postgres.PostgresWorkerStore;
import io.postroom.internal.postgres.admin.PostgresAccessTokens;
import io.postroom.internal.postgres.admin.PostgresDatabase;
import io.postroom.internal.postgres.admin.PostgresLedger;
import io.postroom.internal.postgres.connection.AccessCheck;
import io.postroom.internal.postgres.connection.EnginePool;
import io.postroom.internal.postgres.connection.PoolerCheck;
import io.postroom.internal.postgres.connection.PostgresNotificationListener;
import io.postroom.internal.postgres.connection.StartCheck;
import io.postroom.internal.producer.DefaultBatches;
import io.postroom.internal.producer.DefaultConsumers;
import io.postroom.internal.producer.DefaultDeadLetters;
import io.postroom.internal.producer.DefaultExchanges;
import io.postroom.internal.producer.DefaultLimiters;
import io.postroom.internal.producer.DefaultQueueMessages;
import io.postroom.internal.producer.DefaultQueues;
import io.postroom.internal.producer.DefaultSchedules;
import io.postroom.internal.producer.DefaultSettingsRegistry;
import io.postroom.internal.producer.DirectTransactions;
import io.postroom.internal.producer.MessageEncoder;
import io.postroom.internal.producer.OwnerCheck;
import io.postroom.internal.producer.QueueCache;
import io.postroom.internal.producer.Router;
import io.postroom.internal.storage.NotificationListener;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WorkerStore;
import io.postroom.internal.worker.Consumers;
import io.postroom.internal.worker.Engine;
import io.postroom.internal.worker.EngineParts;
import io.postroom.internal.worker.Notifier;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Wires a {@link DefaultPostroom}. The only place that names {@link PostgresStores}. */
final class PostroomBuilder implements Postroom.Builder {
    private static final Logger log = LoggerFactory.getLogger(PostroomBuilder.class);

    private final DataSource dataSource;
    private final List<QueueSettings> queues = new ArrayList<>();
    private final List<SettingsEntry> entries = new ArrayList<>();
    private final Map<String, Schedule> schedules = new LinkedHashMap<>();
    private final List<SettingsCheck> checks = new ArrayList<>();
    private final List<Limiter> limiters = new ArrayList<>();
    private final Map<String, String> destinations = new LinkedHashMap<>();
    private final Map<String, FileImport> fileImports = new LinkedHashMap<>();
    private final List<Handler> handlers = new ArrayList<>();
    private final List<PayloadUpcaster> upcasters = new ArrayList<>();
    private final List<MessageInterceptor> interceptors = new ArrayList<>();
    private final List<PostroomListener> listeners = new ArrayList<>();
    private final List<QueueStatsListener> statsListeners = new ArrayList<>();
    private @Nullable DataSource engineDataSource;
    private @Nullable Transactions transactions;
    private @Nullable HandlingErrorSend onError;
    private SchemaMode schema = SchemaMode.MIGRATE;
    private UnaryOperator<@Nullable String> secretProperties = System::getProperty;
    private boolean workers = true;
    private boolean killSignals;
    private boolean strictDeclarations;
    private PayloadCodec codec = new JacksonPayloadCodec();
    private EngineSettings settings = EngineSettings.defaults(ProcessName.ofThis());

    PostroomBuilder(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    @Override
    public Postroom.Builder engineDataSource(DataSource own) {
        engineDataSource = own;
        return this;
    }

    @Override
    public Postroom.Builder schema(SchemaMode mode) {
        schema = mode;
        return this;
    }

    @Override
    public Postroom.Builder workers(boolean on) {
        workers = on;
        return this;
    }

    @Override
    public Postroom.Builder killSignals(boolean on) {
        killSignals = on;
        return this;
    }

    @Override
    public Postroom.Builder strictDeclarations(boolean on) {
        strictDeclarations = on;
        return this;
    }

    @Override
    public Postroom.Builder queue(QueueSettings settings) {
        queues.add(settings);
        return this;
    }

    @Override
    public Postroom.Builder settingsEntry(SettingsEntry entry) {
        entries.add(entry);
        return this;
    }

    @Override
    public Postroom.Builder schedule(Schedule schedule) {
        schedules.put(schedule.name(), schedule);
        return this;
    }

    @Override
    public Postroom.Builder settingsCheck(SettingsCheck check) {
        checks.add(check);
        return this;
    }

    @Override
    public Postroom.Builder secretProperties(UnaryOperator<@Nullable String> properties) {
        secretProperties = properties;
        return this;
    }

    @Override
    public Postroom.Builder limiter(Limiter limiter) {
        limiters.add(limiter);
        return this;
    }

    @Override
    public Postroom.Builder destination(String queue, String destination) {
        destinations.put(Limits.requireName("queue", queue), Limits.requireName("destination", destination));
        return this;
    }

    @Override
    public Postroom.Builder fileImport(FileImport settings) {
        if (fileImports.putIfAbsent(settings.name(), settings) != null) {
            throw new IllegalArgumentException("two imports of files have the name \"" + settings.name() + "\"");
        }
        return this;
    }

    @Override
    public Postroom.Builder handler(Handler handler) {
        handlers.add(handler);
        return this;
    }

    @Override
    public Postroom.Builder onError(HandlingErrorSend handling) {
        onError = handling;
        return this;
    }

    @Override
    public Postroom.Builder codec(PayloadCodec codec) {
        this.codec = codec;
        return this;
    }

    @Override
    public Postroom.Builder upcaster(PayloadUpcaster upcaster) {
        upcasters.add(upcaster);
        return this;
    }

    @Override
    public Postroom.Builder interceptor(MessageInterceptor interceptor) {
        interceptors.add(interceptor);
        return this;
    }

    @Override
    public Postroom.Builder listener(PostroomListener listener) {
        listeners.add(listener);
        return this;
    }

    @Override
    public Postroom.Builder queueStatsListener(QueueStatsListener listener) {
        statsListeners.add(listener);
        return this;
    }

    @Override
    public Postroom.Builder transactions(Transactions transactions) {
        this.transactions = transactions;
        return this;
    }

    @Override
    public Postroom.Builder settings(EngineSettings settings) {
        this.settings = settings;
        return this;
    }

    @Override
    public EngineSettings settings() {
        return settings;
    }

    @Override
    public Postroom start() {
        DefaultPostroom postroom = prepare();
        try {
            postroom.startWorkers(List.of());
            return postroom;
        } catch (RuntimeException failed) {
            postroom.close();
            throw failed;
        }
    }

    @Override
    public DefaultPostroom prepare() {
        HandlerRegistry registry = new HandlerRegistry(codec, handlers);
        Delivery delivery = new Delivery(codec, new Upcasters(upcasters), interceptors);
        schema.prepare(dataSource);
        refuseUnsafePoolers();
        EnginePool pool = EnginePool.of(dataSource, engineDataSource);
        DefaultPostroom prepared;
        try {
            checkServer(pool);
            prepared = wire(registry, delivery, pool);
        } catch (RuntimeException failed) {
            pool.close();
            throw failed;
        }
        try {
            queues.forEach(prepared.queues()::declare);
            entries.forEach(prepared.settings()::declare);
            destinations.forEach(prepared::declareDestination);
            limiters.forEach(prepared::declare);
            schedules.values().forEach(prepared.schedules()::declare);
            return prepared;
        } catch (RuntimeException refused) {
            prepared.close();
            throw refused;
        }
    }

    /**
     * Looks for poolers that share sessions. It comes before the engine's pools: each of their connections sets time limits for its
     * session, which would stay with the next client of a shared one. SchemaMode has looked for prepared statements only: with Spring it
     * runs before it is known whether this process listens.
     */
    private void refuseUnsafePoolers() {
        PoolerCheck.refuseUnsafeHost(dataSource, settings.listen());
        if (engineDataSource != null) {
            PoolerCheck.refuseUnsafeHost(engineDataSource, settings.listen());
        }
    }

    private void checkServer(EnginePool pool) {
        pool.requireConnections(workers ? (settings.listen() ? 3 : 2) : 1);
        StartCheck.of(pool.dataSource()).warnings().forEach(log::warn);
        if (workers) {
            AccessCheck.of(pool.dataSource()).requireNoObstacle();
        }
    }

    private DefaultPostroom wire(HandlerRegistry registry, Delivery delivery, EnginePool pool) {
        Stores stores = PostgresStores.on(pool.dataSource());
        WorkerStore beats = new PostgresWorkerStore(pool.heartbeatDataSource());
        NotificationListener feed =
                settings.listen() ? new PostgresNotificationListener(pool.listenDataSource()) : null;
        Transactions hosts = transactions == null ? new DirectTransactions(dataSource) : transactions;
        QueueCache queueCache = new QueueCache(stores.queues(), settings.declareOnUse());
        Router router = new Router(stores.routing(), queueCache);
        MessageEncoder encoder = new MessageEncoder(codec, interceptors, queueCache::get, router::route, killSignals);
        List<SettingsCheck> allChecks = new ArrayList<>(checks);
        allChecks.add(new MailboxCheck());
        EntryChecks entryChecks = new EntryChecks(allChecks, new Secrets(secretProperties));
        HandlerEntries known =
                new HandlerEntries(stores.settings(), entryChecks, registry::entries, settings.pollInterval());
        HandlerSetup setup = new HandlerSetup(
                registry, delivery, Optional.ofNullable(onError), listeners, encoder::encodeReply, known);
        Consumers consumers = new Consumers(workers);
        Notifier notifier = new Notifier(stores.workers(), feed, consumers);

        PostroomJobs jobs = new PostroomJobs(stores.jobs(), pool.dataSource(), notifier, consumers);
        EngineParts worker = new EngineParts(
                settings,
                setup,
                stores,
                beats,
                hosts,
                consumers,
                notifier,
                jobs.dueWatch(),
                ProcessName.version(),
                strictDeclarations);
        Engine engine = new Engine(worker);

        DefaultDeadLetters deadLetters =
                new DefaultDeadLetters(stores.deadLetters(), worker.poller(), jobs::operateSoon);
        DefaultQueueMessages queueMessages = new DefaultQueueMessages(
                stores, hosts, encoder, queueCache, router, worker, jobs::promoteSoon, deadLetters);
        jobs.firing(stores.schedules(), queueMessages.scheduled());
        jobs.settling(stores.batches(), worker.poller()::pollNow);
        PostgresDatabase database = new PostgresDatabase(pool.dataSource());
        if (!statsListeners.isEmpty()) {
            jobs.publishing(stores.operator(), engine::workerId, database::horizon, statsListeners);
        }
        if (workers) {
            jobs.importing(fileImports.values(), stores, queueMessages.imported(), known::now);
            jobs.receiving(new MailboxLoops(
                    stores.mailboxes(),
                    stores.settings(),
                    known::change,
                    known::now,
                    known::secret,
                    queueMessages.imported(),
                    settings.name()));
        }
        OwnerCheck ownerCheck = new OwnerCheck(stores.queues(), worker);
        DefaultQueues queues = new DefaultQueues(stores, queueCache, worker, ownerCheck, jobs::operateSoon);
        return new DefaultPostroom(
                queueMessages,
                queues,
                new DefaultExchanges(stores.routing(), router, ownerCheck),
                new DefaultDefinitions(stores.topology(), imported -> {
                    queues.declared(imported.queues());
                    router.forget();
                }),
                new DefaultSchedules(stores.schedules(), queueMessages.scheduled(), jobs::fireSoon, jobs::fireDue),
                new DefaultSettingsRegistry(stores.settings(), known::forget, entryChecks::require, entryChecks::test),
                known,
                new DefaultConsumers(stores.consumers(), worker.poller()),
                new DefaultFileImports(stores.fileImports()),
                new DefaultMailboxes(stores.mailboxes()),
                new DefaultLimiters(stores.limiters(), queueCache, worker.poller()),
                deadLetters,
                new DefaultBatches(stores.batches(), hosts, queueMessages.scheduled(), jobs::settleSoon),
                new PostgresLedger(pool.dataSource()),
                new PostgresAccessTokens(pool.dataSource()),
                database,
                jobs::settleAll,
                registry,
                engine,
                jobs.inspect::obstacles,
                jobs.timer,
                jobs.imports,
                workers ? jobs.ofWorker(settings, engine, worker.failures()) : jobs.ofProducer(worker.failures()),
                jobs.unconsumed,
                jobs::advanced,
                hosts,
                stores.operator(),
                dataSource,
                pool);
    }
}

package io.postroom;

import io.postroom.api.EngineSettings;
import io.postroom.api.QueueSettings;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import io.postroom.internal.definitions.DefaultDefinitions;
import io.postroom.internal.execution.Delivery;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.execution.HandlerSetup;
import io.postroom.internal.execution.Upcasters;
import io.postroom.internal.jobs.DeleteAbandonedQueues;
import io.postroom.internal.jobs.ExpireMessages;
import io.postroom.internal.jobs.InspectDatabase;
import io.postroom.internal.jobs.Job;
import io.postroom.internal.jobs.JobTimer;
import io.postroom.internal.jobs.LockedJob;
import io.postroom.internal.jobs.MaintainPartitions;
import io.postroom.internal.jobs.PromoteDue;
import io.postroom.internal.jobs.RedriveDeadLetters;
import io.postroom.internal.jobs.ReleaseActiveConsumers;
import io.postroom.internal.jobs.RemoveQueueMessages;
import io.postroom.internal.jobs.ReportFailures;
import io.postroom.internal.jobs.RescueLeases;
import io.postroom.internal.jobs.ShortenQueues;
import io.postroom.internal.jobs.SweepGroups;
import io.postroom.internal.jobs.WatchUnconsumedQueues;
import io.postroom.internal.postgres.PostgresInspection;
import io.postroom.internal.postgres.PostgresJobLocks;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.postgres.PostgresWorkerStore;
import io.postroom.internal.postgres.connection.AccessCheck;
import io.postroom.internal.postgres.connection.EnginePool;
import io.postroom.internal.postgres.connection.PoolerCheck;
import io.postroom.internal.postgres.connection.PostgresNotificationListener;
import io.postroom.internal.postgres.connection.StartCheck;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.producer.DefaultConsumers;
import io.postroom.internal.producer.DefaultExchanges;
import io.postroom.internal.producer.DefaultQueueMessages;
import io.postroom.internal.producer.DefaultQueues;
import io.postroom.internal.producer.DirectTransactions;
import io.postroom.internal.producer.MessageEncoder;
import io.postroom.internal.producer.QueueCache;
import io.postroom.internal.producer.Router;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.NotificationListener;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WorkerStore;
import io.postroom.internal.worker.Consumers;
import io.postroom.internal.worker.DueWatch;
import io.postroom.internal.worker.Engine;
import io.postroom.internal.worker.EngineParts;
import io.postroom.internal.worker.Notifier;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockProvider;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Wires a {@link DefaultPostroom}. The only place that names {@link PostgresStores}. */
final class PostroomBuilder implements Postroom.Builder {
    private static final Logger log = LoggerFactory.getLogger(PostroomBuilder.class);

    /** Nobody waits for the end of an abandoned queue: who declares it takes it over at once. */
    private static final int BEATS_BETWEEN_LOOKS = 8;

    /** A node that dies in a singleton job keeps the job from the other nodes for this long. */
    private static final Duration LONGEST_JOB = Duration.ofMinutes(30);

    private final DataSource dataSource;
    private final List<QueueSettings> queues = new ArrayList<>();
    private final List<Handler> handlers = new ArrayList<>();
    private final List<PayloadUpcaster> upcasters = new ArrayList<>();
    private final List<MessageInterceptor> interceptors = new ArrayList<>();
    private final List<PostroomListener> listeners = new ArrayList<>();
    private @Nullable DataSource engineDataSource;
    private @Nullable Transactions transactions;
    private @Nullable HandlingErrorSend onError;
    private SchemaMode schema = SchemaMode.MIGRATE;
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
        EnginePool pool = EnginePool.of(dataSource, engineDataSource);
        DefaultPostroom prepared;
        try {
            prepareSchema(pool);
            prepared = wire(registry, delivery, pool);
        } catch (RuntimeException failed) {
            pool.close();
            throw failed;
        }
        try {
            queues.forEach(prepared.queues()::declare);
            return prepared;
        } catch (RuntimeException refused) {
            prepared.close();
            throw refused;
        }
    }

    private void prepareSchema(EnginePool pool) {
        schema.prepare(dataSource);
        // SchemaMode has checked for prepared statements only: with Spring it runs before it is known whether this
        // process listens.
        if (engineDataSource != null) {
            try (EnginePool hosts = EnginePool.forStart(dataSource)) {
                PoolerCheck.refuseUnsafe(hosts.dataSource(), settings.listen());
            }
        }
        PoolerCheck.refuseUnsafe(pool.dataSource(), settings.listen());
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
        QueueCache directory = new QueueCache(stores.queues(), settings.declareOnUse());
        Router router = new Router(stores.routing(), directory);
        MessageEncoder encoder = new MessageEncoder(codec, interceptors, directory::get, router::route, killSignals);
        HandlerSetup setup =
                new HandlerSetup(registry, delivery, Optional.ofNullable(onError), listeners, encoder::encodeReply);
        Consumers consumers = new Consumers(workers);
        Notifier notifier = new Notifier(stores.workers(), feed, consumers);

        JobTimer timer = new JobTimer();
        PromoteDue promote = new PromoteDue(stores.jobs(), notifier::wake, consumers::isConsuming);
        RedriveDeadLetters redrives = new RedriveDeadLetters(stores.jobs(), notifier::wake);
        EngineParts worker = new EngineParts(
                settings,
                setup,
                stores,
                beats,
                hosts,
                consumers,
                notifier,
                new PromoteInTime(timer, promote),
                ProcessName.version(),
                strictDeclarations);
        Engine engine = new Engine(worker);

        DefaultQueueMessages queueMessages = new DefaultQueueMessages(
                stores,
                hosts,
                encoder,
                directory,
                router,
                worker,
                () -> timer.runSoon(promote),
                () -> timer.runSoon(redrives));
        DefaultQueues queues = new DefaultQueues(stores, directory, worker);
        InspectDatabase inspect = new InspectDatabase(new PostgresInspection(pool.dataSource()));
        WatchUnconsumedQueues unconsumed = new WatchUnconsumedQueues(stores.jobs());
        List<Job> jobs = jobs(promote, redrives, stores.jobs(), engine, notifier, pool);
        if (workers) {
            jobs.add(inspect);
        }
        jobs.add(new ReportFailures(stores.jobs(), worker.failures()::buried, worker.failures()::sayHeldBack));
        jobs.add(unconsumed);
        return new DefaultPostroom(
                queueMessages,
                queues,
                new DefaultExchanges(stores.routing(), router),
                new DefaultDefinitions(stores.topology(), imported -> {
                    queues.declared(imported.queues());
                    router.forget();
                }),
                new DefaultConsumers(stores.consumers(), worker.poller()),
                registry,
                engine,
                inspect::obstacles,
                timer,
                jobs,
                unconsumed,
                hosts,
                stores.operator(),
                pool);
    }

    private List<Job> jobs(
            PromoteDue promote,
            RedriveDeadLetters redrives,
            JobStore store,
            Engine engine,
            Notifier notifier,
            EnginePool pool) {
        List<Job> jobs = new ArrayList<>();
        if (workers) {
            jobs.add(promote);
            jobs.add(new RescueLeases(
                    store, settings.leaseTime(), settings.beatInterval(), engine::hasBeatenFor, notifier::wake));
            jobs.add(new DeleteAbandonedQueues(
                    store,
                    settings.leaseTime(),
                    settings.beatInterval().multipliedBy(BEATS_BETWEEN_LOOKS),
                    engine::hasBeatenFor));
            jobs.add(new ExpireMessages(store));
            jobs.add(new ReleaseActiveConsumers(store, settings.leaseTime(), engine::hasBeatenFor));
            jobs.add(new ShortenQueues(store));
            jobs.add(new SweepGroups(store));
            jobs.add(redrives);
            MaintenanceStore maintenance = new PostgresMaintenance(pool.dataSource());
            LockProvider locks = PostgresJobLocks.on(pool.dataSource());
            jobs.add(new LockedJob(new RemoveQueueMessages(maintenance), locks, LONGEST_JOB));
            jobs.add(new LockedJob(new MaintainPartitions(maintenance), locks, LONGEST_JOB));
        }
        return jobs;
    }

    /** Runs the promote job when the worker learns of an earlier due time. */
    private record PromoteInTime(JobTimer timer, PromoteDue promote) implements DueWatch {
        @Override
        public @Nullable Instant from() {
            return promote.from();
        }

        @Override
        public void nextDueIn(Duration wait) {
            timer.runSoon(promote, wait);
        }

        @Override
        public void delayed() {
            timer.runSoon(promote);
        }
    }
}

package io.postroom;

import io.postroom.engine.Engine;
import io.postroom.engine.EngineSettings;
import io.postroom.engine.HandlerSetup;
import io.postroom.handler.Delivery;
import io.postroom.handler.Handler;
import io.postroom.handler.Handlers;
import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PostroomListener;
import io.postroom.jobs.ExpireMessages;
import io.postroom.jobs.Job;
import io.postroom.jobs.JobTimer;
import io.postroom.jobs.MaintainPartitions;
import io.postroom.jobs.PromoteDue;
import io.postroom.jobs.RedriveDeadLetters;
import io.postroom.jobs.RemoveQueueMessages;
import io.postroom.jobs.RescueLeases;
import io.postroom.postgres.EnginePool;
import io.postroom.postgres.Notifications;
import io.postroom.postgres.PostgresMaintenance;
import io.postroom.postgres.PostgresMessageStore;
import io.postroom.postgres.StartCheck;
import io.postroom.storage.ArrivalFeed;
import io.postroom.storage.Maintenance;
import io.postroom.storage.MessageStore;
import io.postroom.storage.Next;
import io.postroom.storage.Transactions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.JdbcTemplate;
import tools.jackson.databind.json.JsonMapper;

/** Wires a {@link RunningPostroom}. The only place that names {@link PostgresMessageStore}. */
final class PostroomBuilder implements Postroom.Builder {
    private static final Logger log = LoggerFactory.getLogger(PostroomBuilder.class);

    /** A node that dies in a singleton job keeps it from the others for so long. */
    private static final Duration LONGEST_JOB = Duration.ofMinutes(30);

    private final DataSource dataSource;
    private final List<Handler> handlers = new ArrayList<>();
    private final List<MessageInterceptor> interceptors = new ArrayList<>();
    private final List<PostroomListener> listeners = new ArrayList<>();
    private @Nullable DataSource engineDataSource;
    private @Nullable Transactions transactions;
    private @Nullable HandlingErrorSend onError;
    private SchemaMode schema = SchemaMode.MIGRATE;
    private boolean workers = true;
    private PayloadCodec codec = new JacksonPayloadCodec(JsonMapper.shared());
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
        RunningPostroom postroom = prepare();
        try {
            postroom.startWorkers(List.of());
            return postroom;
        } catch (RuntimeException failed) {
            postroom.close();
            throw failed;
        }
    }

    @Override
    public RunningPostroom prepare() {
        Handlers registry = new Handlers(handlers);
        EnginePool pool = EnginePool.of(dataSource, engineDataSource);
        try {
            prepareSchema(pool);
            return wire(registry, pool);
        } catch (RuntimeException failed) {
            pool.close();
            throw failed;
        }
    }

    private void prepareSchema(EnginePool pool) {
        schema.prepare(dataSource);
        StartCheck.of(pool.dataSource()).warnings().forEach(log::warn);
    }

    private RunningPostroom wire(Handlers registry, EnginePool pool) {
        MessageStore store = new PostgresMessageStore(pool.dataSource());
        MessageStore beats = new PostgresMessageStore(pool.heartbeatDataSource());
        ArrivalFeed feed = settings.listen() ? new Notifications(pool.listenDataSource()) : null;
        Transactions hosts = transactions == null ? new DirectTransactions(dataSource) : transactions;
        Delivery delivery = new Delivery(codec, interceptors);
        HandlerSetup setup = new HandlerSetup(registry, delivery, Optional.ofNullable(onError), listeners);
        Engine engine = new Engine(settings, setup, store, beats, hosts, feed, workers, ProcessName.version());

        JobTimer timer = new JobTimer();
        PromoteDue promote = new PromoteDue(store, engine::ring, engine::isConsuming);
        engine.watchDue(promote::from, wait -> timer.hurry(promote, wait));
        engine.onWritten(ends -> {
            if (ends.stream().anyMatch(end -> end.next() == Next.DELAYED)) {
                timer.hurry(promote);
            }
        });
        RedriveDeadLetters redrives = new RedriveDeadLetters(store, engine::ring);
        QueueDirectory directory = new QueueDirectory(store, settings.declareOnUse());
        MessageDoor door = new MessageDoor(
                store,
                hosts,
                new Encoder(codec, interceptors, directory::get),
                directory,
                engine,
                new JobHints(() -> timer.hurry(promote), () -> timer.hurry(redrives)));
        QueueDoor queues = new QueueDoor(store, directory, engine);
        Machine machine = new Machine(registry, engine, timer, jobs(promote, redrives, store, engine, pool));
        return new RunningPostroom(door, queues, machine, store, pool);
    }

    private List<Job> jobs(
            PromoteDue promote, RedriveDeadLetters redrives, MessageStore store, Engine engine, EnginePool pool) {
        List<Job> jobs = new ArrayList<>();
        if (workers) {
            jobs.add(promote);
            jobs.add(new RescueLeases(
                    store, settings.leaseTime(), settings.beatInterval(), engine::hasBeatenFor, engine::ring));
            jobs.add(new ExpireMessages(store));
            jobs.add(redrives);
            Maintenance maintenance = new PostgresMaintenance(pool.dataSource());
            LockProvider locks = locks(pool);
            jobs.add(new LockedJob(new RemoveQueueMessages(maintenance), locks, LONGEST_JOB));
            jobs.add(new LockedJob(new MaintainPartitions(maintenance), locks, LONGEST_JOB));
        }
        return jobs;
    }

    /** Ours alone, no bean: a host with a LockProvider of its own would face two. */
    private static LockProvider locks(EnginePool pool) {
        return new JdbcTemplateLockProvider(JdbcTemplateLockProvider.Configuration.builder()
                .withTableName("postroom.shedlock")
                .withJdbcTemplate(new JdbcTemplate(pool.dataSource()))
                .usingDbTime()
                .build());
    }
}

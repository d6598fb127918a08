package io.postroom.internal.postgres;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.EnqueueStore;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.MessageQueries;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.OperatorStore;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import io.postroom.internal.storage.RedriveResult;
import io.postroom.internal.storage.StoreErrors;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.storage.WorkerStore;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The store in PostgreSQL. Each method is one statement from the SQL classes beside it, or says why it is more. */
public final class PostgresMessageStore
        implements QueueStore, EnqueueStore, LeaseStore, WorkerStore, JobStore, MessageQueries, OperatorStore {
    private static final Logger log = LoggerFactory.getLogger(PostgresMessageStore.class);

    private static final int MOST_ONE_BY_ONE = 1000;
    /** Of the lanes and their seq, however the server joined the payloads. */
    private static final Comparator<ClaimedMessage> IN_ORDER = Comparator.<ClaimedMessage>comparingLong(
                    message -> message.lease().id())
            .thenComparingInt(message -> message.lease().ordinal());

    private final StoreTransactions engine;

    /** @param engine where the store's own transactions run; any pool, auto-commit on or off */
    public PostgresMessageStore(DataSource engine) {
        this.engine = new StoreTransactions(engine);
    }

    /** All roles on this pool. */
    public static Stores on(DataSource engine) {
        PostgresMessageStore store = new PostgresMessageStore(engine);
        return new Stores(store, store, store, store, store, store, store);
    }

    // ---- queues

    @Override
    public QueueRow declare(QueueSettings settings) {
        return engine.several("declare queue " + settings.queue(), connection -> {
            try (Sql.Call call = QueueSql.DECLARE.on(connection)) {
                Optional<QueueRow> written = call.set("name", settings.queue())
                        .set("named", !settings.equals(QueueSettings.of(settings.queue())))
                        .set("maxAttempts", settings.maxAttempts().orElse(null))
                        .set("retryAfter", settings.retryAfter().orElse(null))
                        .set("crashLimit", settings.crashLimit().orElse(null))
                        .set(
                                "timeToLive",
                                settings.timeToLive().map(Rows::micros).orElse(null))
                        .set("retention", settings.retention().map(Rows::micros).orElse(null))
                        .first(Rows::queue);
                return written.isPresent()
                        ? written.get()
                        : find(settings.queue(), connection).orElseThrow();
            }
        });
    }

    @Override
    public Optional<QueueRow> queue(String name) {
        return engine.single("look up queue " + name, connection -> find(name, connection));
    }

    private static Optional<QueueRow> find(String name, Connection connection) throws SQLException {
        try (Sql.Call call = QueueSql.FIND.on(connection)) {
            return call.set("name", name).first(Rows::queue);
        }
    }

    // ---- enqueue

    @Override
    public EnqueueResult enqueue(NewMessage message, Connection connection) {
        return StoreTransactions.joined(
                "enqueue message " + message.id(), connection, own -> EnqueueWriter.one(message, own));
    }

    @Override
    public List<EnqueueResult> enqueue(List<NewMessage> messages, Connection connection) {
        return StoreTransactions.joined(
                "enqueue " + messages.size() + " messages", connection, own -> EnqueueWriter.many(messages, own));
    }

    @Override
    public Optional<ClaimedMessage> enqueueLeased(NewMessage message, int workerId) {
        return engine.several("enqueue message " + message.id() + " under a lease", connection -> {
            Optional<ClaimedMessage> held = EnqueueWriter.leased(message, workerId, connection);
            if (held.isEmpty()) {
                connection.rollback(); // of its key, when only its id was there
            }
            return held;
        });
    }

    @Override
    public List<ClaimedMessage> enqueueDirect(
            List<NewMessage> messages, int workerId, int leaseSize, Connection connection) {
        return StoreTransactions.joined(
                "enqueue " + messages.size() + " messages for direct dispatch",
                connection,
                own -> EnqueueWriter.direct(messages, workerId, leaseSize, own));
    }

    // ---- claim

    @Override
    public List<ClaimedMessage> claim(ClaimRequest request) {
        return engine.single("claim from queue " + request.queueId(), connection -> {
            try (Sql.Call call = ClaimSql.CLAIM.on(connection)) {
                return call
                        .set("worker", request.workerId())
                        .set("queue", request.queueId())
                        .set("priorities", request.priorities())
                        .set("cursors", request.cursors())
                        .set("limit", request.limit())
                        .set("leaseSize", request.leaseSize())
                        .set("suspects", request.suspects())
                        .list(row -> Rows.claimed(row, request))
                        .stream()
                        .sorted(IN_ORDER)
                        .toList();
            }
        });
    }

    @Override
    public Optional<ClaimedMessage> reload(ClaimedMessage message) {
        return engine.single("read message " + message.id(), connection -> {
            try (Sql.Call call = ClaimSql.RELOAD.on(connection)) {
                return call.set("id", message.id()).first(row -> Rows.reloaded(row, message));
            }
        });
    }

    // ---- complete

    @Override
    public List<LeasePart> complete(int workerId, List<Completion> completions) {
        if (completions.isEmpty()) {
            return List.of();
        }
        try {
            return write(workerId, completions);
        } catch (StoreException e) {
            if (e.kind() != StoreException.Kind.REFUSED) {
                throw e;
            }
            return oneByOne(workerId, completions);
        }
    }

    /** One bad text must not hold up its neighbours, and one that cannot be stored at all must not be tried for ever. */
    private List<LeasePart> oneByOne(int workerId, List<Completion> completions) {
        Map<Long, LeasePart> parts = new TreeMap<>();
        for (Completion completion : completions) {
            for (LeasePart part : alone(workerId, completion)) {
                parts.computeIfAbsent(part.leaseId(), lease -> new LeasePart(lease, new BitSet()))
                        .completed()
                        .or(part.completed());
            }
        }
        return List.copyOf(parts.values());
    }

    private List<LeasePart> alone(int workerId, Completion completion) {
        try {
            return write(workerId, List.of(completion));
        } catch (StoreException e) {
            if (e.kind() != StoreException.Kind.REFUSED) {
                throw e;
            }
        }
        try {
            return write(workerId, List.of(completion.withoutDetails()));
        } catch (StoreException e) {
            if (e.kind() != StoreException.Kind.REFUSED) {
                throw e;
            }
            log.error(
                    "The end of message {} cannot be stored; it stays in progress until this worker ends",
                    completion.message().id(),
                    e);
            return List.of();
        }
    }

    private List<LeasePart> write(int workerId, List<Completion> completions) {
        String doing = "complete " + completions.size() + " messages of worker " + workerId;
        StoreTransactions.Work<List<LeasePart>> work =
                connection -> CompletionWriter.write(workerId, completions, connection);
        return CompletionWriter.isOneStatement(completions) ? engine.single(doing, work) : engine.several(doing, work);
    }

    @Override
    public List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection) {
        if (completions.isEmpty()) {
            return List.of();
        }
        return StoreTransactions.joined("complete messages in their handler's transaction", connection, own -> {
            if (completions.stream().allMatch(Completion::isDone)) {
                return CompletionWriter.write(workerId, completions, own);
            }
            Savepoint before = own.setSavepoint(); // a text that cannot be stored must not cost the handler's writes
            try {
                List<LeasePart> parts = CompletionWriter.write(workerId, completions, own);
                own.releaseSavepoint(before);
                return parts;
            } catch (SQLException e) {
                if (StoreErrors.translate("complete", e).kind() != StoreException.Kind.REFUSED) {
                    throw e;
                }
                own.rollback(before);
                return CompletionWriter.write(
                        workerId,
                        completions.stream().map(Completion::withoutDetails).toList(),
                        own);
            }
        });
    }

    // ---- workers

    @Override
    public int register(UUID instance, String name, String version) {
        return engine.single("register worker " + name, connection -> {
            try (Sql.Call call = WorkerSql.REGISTER.on(connection)) {
                return call.set("instance", instance)
                        .set("name", name)
                        .set("version", version)
                        .one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public void announce(int workerId, List<ConsumerRow> consumers) {
        engine.several("announce the consumers of worker " + workerId, connection -> {
            try (Sql.Call call = WorkerSql.FORGET_CONSUMERS.on(connection)) {
                call.set("worker", workerId).update();
            }
            try (Sql.Call call = WorkerSql.ANNOUNCE.on(connection)) {
                for (ConsumerRow consumer : consumers) {
                    call.set("worker", workerId)
                            .set("queue", consumer.queueId())
                            .set("handler", consumer.handler())
                            .set("direction", consumer.direction().code())
                            .set("concurrency", consumer.concurrency())
                            .set("mode", consumer.mode())
                            .set("types", consumer.types().toArray(new String[0]))
                            .update();
                }
            }
            return true;
        });
    }

    @Override
    public boolean beat(int workerId, UUID instance) {
        return engine.single("renew the leases of worker " + workerId, connection -> {
            try (Sql.Call call = WorkerSql.BEAT.on(connection)) {
                return call.set("worker", workerId).set("instance", instance).update() == 1;
            }
        });
    }

    @Override
    public void deregister(int workerId) {
        engine.several("end worker " + workerId, connection -> {
            try (Sql.Call call = WorkerSql.FORGET_CONSUMERS.on(connection)) {
                call.set("worker", workerId).update();
            }
            try (Sql.Call call = WorkerSql.DEREGISTER.on(connection)) {
                return call.set("worker", workerId).update();
            }
        });
    }

    // ---- look

    @Override
    public PollResult poll(
            int workerId,
            List<Integer> queueIds,
            long[] floors,
            @Nullable WatermarkSample emptyAt,
            @Nullable Instant dueFrom) {
        return engine.single("poll " + queueIds.size() + " queues", connection -> {
            try (Sql.Call call = ClaimSql.POLL.on(connection)) {
                return Rows.polled(call.set("worker", workerId)
                        .set(
                                "queues",
                                queueIds.stream().mapToInt(Integer::intValue).toArray())
                        .set("watermarks", floors)
                        .set("emptyAt", emptyAt == null ? null : (Long) emptyAt.seq())
                        .set("emptyOn", emptyAt == null ? null : emptyAt.serverStartedAt())
                        .set("dueFrom", dueFrom)
                        .list(Rows.PolledRow::of));
            }
        });
    }

    @Override
    public WatermarkSample sampleWatermark(boolean byWriters) {
        return engine.single("sample the low watermark", connection -> {
            try (Sql.Call call = ClaimSql.SAMPLE_WATERMARK.on(connection)) {
                return call.set("byWriters", byWriters).one(Rows::sample);
            }
        });
    }

    @Override
    public boolean isSettled(WatermarkSample sample) {
        return engine.single("see whether the low watermark is settled", connection -> {
            try (Sql.Call call = ClaimSql.IS_SETTLED.on(connection)) {
                return call.set("transaction", sample.transactionId())
                        .set(
                                "writers",
                                sample.writers() == null
                                        ? null
                                        : sample.writers().toArray(new String[0]))
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public void notifyOthers(Collection<Arrival> arrivals) {
        engine.single("notify other processes", connection -> {
            for (String payload : PostgresNotificationListener.payloads(arrivals)) {
                try (Sql.Call call = ClaimSql.NOTIFY.on(connection)) {
                    call.set("channel", PostgresNotificationListener.CHANNEL)
                            .set("payload", payload)
                            .one(row -> true);
                }
            }
            return true;
        });
    }

    // ---- jobs

    @Override
    public PromoteResult promote(@Nullable Instant from, int limit) {
        return engine.single("promote due messages", connection -> {
            try (Sql.Call call = JobSql.PROMOTE.on(connection)) {
                List<Instant> lastDueAt = new ArrayList<>();
                List<Arrival> arrivals = call.set("from", from)
                        .set("limit", limit)
                        .list(row -> {
                            lastDueAt.add(Rows.instant(row, 5));
                            return arrival(row.getInt(1), row.getInt(2), row.getLong(3), row.getInt(4));
                        });
                return new PromoteResult(
                        arrivals,
                        lastDueAt.isEmpty() ? null : lastDueAt.get(0),
                        arrivals.stream().mapToInt(Arrival::count).sum());
            }
        });
    }

    @Override
    public Optional<Duration> untilNextDue(@Nullable Instant from) {
        return engine.single("look for the next due message", connection -> {
            try (Sql.Call call = JobSql.NEXT_DUE.on(connection)) {
                return call.set("from", from).first(row -> Rows.ofMicros(row.getLong(1)));
            }
        });
    }

    @Override
    public List<UUID> due(int limit) {
        return engine.single("list due messages", connection -> {
            try (Sql.Call call = JobSql.DUE.on(connection)) {
                return call.set("limit", limit).list(row -> row.getObject(1, UUID.class));
            }
        });
    }

    @Override
    public void promoteOrQuarantine(UUID messageId) {
        try {
            engine.single("promote message " + messageId, connection -> {
                try (Sql.Call call = JobSql.PROMOTE_ONE.on(connection)) {
                    return call.set("id", messageId).update();
                }
            });
        } catch (StoreException e) {
            if (e.mayPass()) {
                throw e;
            }
            engine.single("quarantine message " + messageId, connection -> {
                try (Sql.Call call = JobSql.QUARANTINE.on(connection)) {
                    return call.set("id", messageId)
                            .set(
                                    "error",
                                    Failure.of(String.valueOf(e.getMessage())).text())
                            .one(row -> row.getInt(1));
                }
            });
        }
    }

    @Override
    public List<Arrival> rescue(Duration leaseTime, int limit) {
        try {
            return rescue(leaseTime, limit, null);
        } catch (StoreException e) {
            if (e.mayPass()) {
                throw e;
            }
            return rescueOneByOne(leaseTime, e);
        }
    }

    /** One bad lease must not hold up its neighbours. */
    private List<Arrival> rescueOneByOne(Duration leaseTime, StoreException failure) {
        List<Long> lost = engine.single("list leases of silent workers", connection -> {
            try (Sql.Call call = JobSql.LOST.on(connection)) {
                return call.set("leaseTime", Rows.micros(leaseTime))
                        .set("limit", MOST_ONE_BY_ONE)
                        .list(row -> row.getLong(1));
            }
        });
        List<Arrival> arrivals = new ArrayList<>();
        for (long lease : lost) {
            try {
                arrivals.addAll(rescue(leaseTime, 1, lease));
            } catch (StoreException e) {
                if (e.mayPass()) {
                    throw e;
                }
                log.error("Lease {} cannot be rescued; its messages stay in progress", lease, e);
            }
        }
        if (arrivals.isEmpty()) {
            throw failure;
        }
        return arrivals;
    }

    private List<Arrival> rescue(Duration leaseTime, int limit, @Nullable Long only) {
        return engine.single("rescue leases", connection -> {
            try (Sql.Call call = JobSql.RESCUE.on(connection)) {
                return call.set("leaseTime", Rows.micros(leaseTime))
                        .set("limit", limit)
                        .set("only", only)
                        .list(row -> arrival(row.getInt(1), row.getInt(2), row.getLong(3), row.getInt(4)));
            }
        });
    }

    @Override
    public List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only) {
        return engine.single("release unknown leases of worker " + workerId, connection -> {
            try (Sql.Call call = JobSql.RELEASE_UNKNOWN.on(connection)) {
                return call.set("worker", workerId)
                        .set(
                                "known",
                                knownLeases.stream().mapToLong(Long::longValue).toArray())
                        .set("olderThan", Rows.micros(olderThan))
                        .setUntyped("only", only == null ? null : UuidArrays.text(only.toArray(UUID[]::new)))
                        .list(row -> arrival(row.getInt(1), row.getInt(2), row.getLong(3), row.getInt(4)));
            }
        });
    }

    private static Arrival arrival(int queueId, int priority, long lowestSeq, int count) {
        return new Arrival(new Lane(queueId, priority), lowestSeq, count);
    }

    @Override
    public @Nullable ExpiryPosition expire(@Nullable ExpiryPosition from, int limit) {
        return engine.single("expire messages", connection -> {
                    try (Sql.Call call = JobSql.EXPIRE.on(connection)) {
                        return call.set("from", from == null ? null : from.expiresAt())
                                .set("after", from == null ? ExpiryPosition.BEFORE_ALL : from.id())
                                .set("limit", limit)
                                .one(row -> row.getInt(1) < limit
                                        ? Optional.<ExpiryPosition>empty()
                                        : Optional.of(new ExpiryPosition(
                                                Rows.instant(row, 2), row.getObject(3, UUID.class))));
                    }
                })
                .orElse(null);
    }

    @Override
    public int cancelDeleted(Duration olderThan, int limit, boolean delayed) {
        return engine.single("cancel what waits in deleted queues", connection -> {
            try (Sql.Call call = JobSql.CANCEL_DELETED.on(connection)) {
                return call.set("olderThan", Rows.micros(olderThan))
                        .set("limit", limit)
                        .set("delayed", delayed)
                        .one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public RedriveResult redriveSome(Duration elapsed) {
        return engine.several("redrive dead letters", connection -> BulkWork.redriveSome(elapsed, connection));
    }

    // ---- registry

    @Override
    public Optional<Message> find(UUID id) {
        return engine.single("find message " + id, connection -> MessageReader.find(id, connection));
    }

    @Override
    public List<Message> find(MessageFilter filter) {
        return engine.single("find messages", connection -> MessageReader.find(filter, connection));
    }

    @Override
    public List<Message> next(MessageFilter filter) {
        return engine.single("list the next messages", connection -> MessageReader.next(filter, connection));
    }

    @Override
    public List<Message> removable(MessageFilter filter) {
        return engine.single("list removable messages", connection -> MessageReader.removable(filter, connection));
    }

    @Override
    public List<Attempt> history(UUID id) {
        return engine.single("read the history of message " + id, connection -> {
            try (Sql.Call call = RegistrySql.HISTORY.on(connection)) {
                return call.set("id", id).list(MessageReader::attempt);
            }
        });
    }

    @Override
    public List<String> explain(UUID id) {
        return engine.single("explain message " + id, connection -> {
            try (Sql.Call call = RegistrySql.EXPLAIN.on(connection)) {
                return call.set("id", id).list(row -> row.getString(1));
            }
        });
    }

    @Override
    public Map<UUID, MessageState> states(Collection<UUID> ids) {
        return engine.single("look at the states of " + ids.size() + " messages", connection -> {
            try (Sql.Call call = RegistrySql.STATES.on(connection)) {
                Map<UUID, MessageState> states = new HashMap<>();
                call.set("ids", ids.toArray(new UUID[0]))
                        .list(row -> states.put(row.getObject(1, UUID.class), MessageState.valueOf(row.getString(2))));
                return states;
            }
        });
    }

    @Override
    public int cancel(UUID id) {
        return engine.single("cancel message " + id, connection -> {
            try (Sql.Call call = OperateSql.CANCEL.on(connection)) {
                return call.set("id", id).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int reschedule(UUID id, Instant dueAt) {
        return engine.single("reschedule message " + id, connection -> {
            try (Sql.Call call = OperateSql.RESCHEDULE.on(connection)) {
                return call.set("id", id).set("dueAt", dueAt).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int redrive(UUID id) {
        return engine.single("redrive message " + id, connection -> {
            try (Sql.Call call = OperateSql.REDRIVE.on(connection)) {
                return call.set("id", id).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public UUID planRedrive(MessageFilter filter, int perSecond) {
        filter.queue().ifPresent(this::idOf);
        return engine.single("plan a redrive", connection -> {
            try (Sql.Call call = OperateSql.PLAN_REDRIVE.on(connection)) {
                return MessageReader.setConditions(call, filter)
                        .set(
                                "dead",
                                filter.states().isEmpty() || filter.states().contains(MessageState.DEAD))
                        .set("perSecond", perSecond)
                        .one(row -> row.getObject(1, UUID.class));
            }
        });
    }

    @Override
    public OperationRow operation(UUID id) {
        return engine.single("look at operation " + id, connection -> {
            try (Sql.Call call = OperateSql.OPERATION.on(connection)) {
                return call.set("id", id)
                        .one(row -> new OperationRow(row.getLong(1), row.getLong(2), row.getBoolean(3)));
            }
        });
    }

    @Override
    public void stopOperation(UUID id) {
        engine.single("stop operation " + id, connection -> {
            try (Sql.Call call = OperateSql.STOP_OPERATION.on(connection)) {
                return call.set("id", id).update();
            }
        });
    }

    // ---- operate

    @Override
    public List<QueueStats> stats(@Nullable String queue) {
        return engine.single("count messages", connection -> {
            try (Sql.Call call = OperateSql.STATS.on(connection)) {
                return call.set("queue", queue).list(MessageReader::stats);
            }
        });
    }

    @Override
    public void pause(String queue, boolean paused) {
        boolean known = engine.single((paused ? "pause" : "resume") + " queue " + queue, connection -> {
            try (Sql.Call call = OperateSql.PAUSE.on(connection)) {
                return call.set("queue", queue).set("paused", paused).one(row -> row.getInt(1)) > 0;
            }
        });
        if (!known) {
            throw unknown(queue);
        }
    }

    /** Many transactions: what was cancelled before a failure stays so. */
    @Override
    public long purge(String queue) {
        int id = idOf(queue);
        long cancelled = cancelWaiting(queue, id);
        log("purge", queue, id, cancelled);
        return cancelled;
    }

    /** First no longer there, in one transaction with the questions, then emptied: nothing new can be claimed in between. */
    @Override
    public void delete(String queue, boolean ifEmpty, boolean ifUnused) {
        int id = engine.several(
                "delete queue " + queue,
                connection -> BulkWork.markDeleted(queue, ifEmpty, ifUnused, connection)
                        .orElseThrow(() -> unknown(queue)));
        log("delete", queue, id, cancelWaiting(queue, id));
    }

    private long cancelWaiting(String queue, int id) {
        BulkWork.Purge purge = new BulkWork.Purge(id);
        while (engine.several("purge queue " + queue, purge::step)) {
            // the next batch
        }
        return purge.cancelled();
    }

    private void log(String action, String queue, int id, long done) {
        engine.single("record that queue " + queue + " was emptied", connection -> {
            try (Sql.Call call = OperateSql.LOG.on(connection)) {
                return call.set("action", action)
                        .set("queue", id)
                        .set("done", done)
                        .update();
            }
        });
    }

    private int idOf(String queue) {
        return queue(queue).orElseThrow(() -> unknown(queue)).id();
    }

    private static QueueNotFoundException unknown(String queue) {
        return new QueueNotFoundException(
                queue, "Queues are made by their first message, their first handler, or Queues.declare");
    }

    @Override
    public void advance(Duration time) {
        engine.several("advance the time", connection -> {
            try (Sql.Call call = OperateSql.ADVANCE_DUE.on(connection)) {
                call.set("time", Rows.micros(time)).update();
            }
            try (Sql.Call call = OperateSql.ADVANCE_EXPIRY.on(connection)) {
                return call.set("time", Rows.micros(time)).update();
            }
        });
    }
}

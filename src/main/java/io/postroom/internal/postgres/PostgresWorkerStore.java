package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.ArrayValues.ints;
import static io.postroom.internal.postgres.ArrayValues.shorts;
import static io.postroom.internal.postgres.ArrayValues.texts;

import io.postroom.internal.postgres.connection.PostgresNotificationListener;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.PollRequest;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.internal.storage.WorkerStore;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the row of a process alive, polls for it and notifies other processes. Statements: {@link WorkerSql} and, for polls and the low
 * watermark, {@link ClaimSql}.
 *
 * <p>A process has two of these: one on its working pool, and one on the connection that is reserved for the heartbeat.
 */
public final class PostgresWorkerStore implements WorkerStore {
    private final StoreTransactions transactions;
    private final QueueDeletion deletion;

    /** @param source any pool, auto-commit on or off; for the heartbeat, its reserved connection */
    public PostgresWorkerStore(DataSource source) {
        this(new StoreTransactions(source));
    }

    PostgresWorkerStore(StoreTransactions transactions) {
        this.transactions = transactions;
        this.deletion = new QueueDeletion(transactions);
    }

    @Override
    public int register(UUID instance, String name, String version) {
        return transactions.single("register worker " + name, connection -> {
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
        deletion.empty(transactions.several("announce the consumers of worker " + workerId, connection -> {
            int[] left = announce(workerId, consumers, connection);
            return left.length == 0 ? List.of() : QueueDeletion.markAbandoned(null, left, connection);
        }));
    }

    /** Returns the ids of the queues that lost a consumer. */
    static int[] announce(int workerId, List<ConsumerRow> consumers, Connection connection) throws SQLException {
        try (Sql.Call call = WorkerSql.ANNOUNCE.on(connection)) {
            return call.set("worker", workerId)
                    .set("queues", ints(consumers, ConsumerRow::queueId))
                    .set("handlers", texts(consumers, ConsumerRow::handler))
                    .set("directions", shorts(consumers, row -> row.direction().code()))
                    .set("concurrency", ints(consumers, ConsumerRow::concurrency))
                    .set("modes", texts(consumers, ConsumerRow::mode))
                    .set("types", texts(consumers, PostgresWorkerStore::arrayOfTypes))
                    .one(row -> idsOf(row.getArray(1)));
        }
    }

    private static int[] idsOf(Array ids) throws SQLException {
        return Arrays.stream((Integer[]) ids.getArray())
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** The text of an array. Names of types need no escape. */
    private static String arrayOfTypes(ConsumerRow consumer) {
        return consumer.types().stream().collect(Collectors.joining("\",\"", "{\"", "\"}"));
    }

    @Override
    public boolean beat(int workerId, UUID instance) {
        return transactions.single("renew the leases of worker " + workerId, connection -> {
            try (Sql.Call call = WorkerSql.BEAT.on(connection)) {
                return call.set("worker", workerId).set("instance", instance).update() == 1;
            }
        });
    }

    @Override
    public void deregister(int workerId, UUID instance, @Nullable Duration leaseTime) {
        deletion.empty(transactions.several("end worker " + workerId, connection -> {
            int[] left;
            try (Sql.Call call = WorkerSql.FORGET_OWN_CONSUMERS.on(connection)) {
                left = call.set("worker", workerId).set("instance", instance).list(row -> row.getInt(1)).stream()
                        .mapToInt(Integer::intValue)
                        .toArray();
            }
            try (Sql.Call call = WorkerSql.DEREGISTER.on(connection)) {
                call.set("worker", workerId).set("instance", instance).update();
            }
            return QueueDeletion.markAbandoned(leaseTime, left, connection);
        }));
    }

    @Override
    public PollSummary summarize(int workerId, @Nullable Instant dueFrom) {
        return transactions.single("poll", connection -> {
            try (Sql.Call call = ClaimSql.POLL_SUMMARY.on(connection)) {
                return call.set("worker", workerId).set("dueFrom", dueFrom).one(PollRows::summary);
            }
        });
    }

    @Override
    public PollResult poll(PollRequest request) {
        int queues = request.queues().length + request.uneven().length;
        return transactions.single("poll " + queues + " queues", connection -> {
            try (Sql.Call call = ClaimSql.POLL.on(connection)) {
                return PollRows.result(call.set("worker", request.workerId())
                        .set("queues", request.queues())
                        .set("watermark", request.lowWatermark())
                        .set("uneven", request.uneven())
                        .set("watermarks", request.lowWatermarks())
                        .set("tell", request.tell())
                        .set("since", Horizons.xid(request.since()))
                        .set("look", request.look())
                        .list(PollRows.PollRow::of));
            }
        });
    }

    @Override
    public void forgetCancelled(int workerId, Collection<UUID> messages) {
        transactions.single("forget cancelled messages", connection -> {
            try (Sql.Call call = WorkerSql.FORGET_CANCELLED.on(connection)) {
                return call.set("worker", workerId)
                        .set("messages", messages.toArray(new UUID[0]))
                        .update();
            }
        });
    }

    @Override
    public boolean reportStopped(int workerId, UUID instance, int queueId, String queue, int held) {
        return transactions.single("report that the consumer of queue " + queue + " has stopped", connection -> {
            try (Sql.Call call = WorkerSql.REPORT_STOPPED.on(connection)) {
                return call.set("worker", workerId)
                        .set("instance", instance)
                        .set("queue", queueId)
                        .set("queueName", queue)
                        .set("held", held)
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public Set<Integer> consumedElsewhere(int workerId) {
        return transactions.single("look for queues that others consume", connection -> {
            try (Sql.Call call = WorkerSql.CONSUMED_ELSEWHERE.on(connection)) {
                return new HashSet<>(call.set("worker", workerId).list(row -> row.getInt(1)));
            }
        });
    }

    @Override
    public WatermarkSample sampleWatermark(boolean byWriters) {
        return transactions.single("sample the low watermark", connection -> {
            try (Sql.Call call = ClaimSql.SAMPLE_WATERMARK.on(connection)) {
                return call.set("byWriters", byWriters).one(PostgresWorkerStore::sample);
            }
        });
    }

    private static WatermarkSample sample(ResultSet row) throws SQLException {
        Array writers = row.getArray(3);
        return new WatermarkSample(
                row.getLong(1),
                row.getString(2),
                writers == null ? null : List.of((String[]) writers.getArray()),
                Objects.requireNonNull(Rows.instant(row, 4)));
    }

    @Override
    public boolean isSettled(WatermarkSample sample) {
        List<String> writers = sample.writers();
        return transactions.single("see whether a low watermark is settled", connection -> {
            try (Sql.Call call = ClaimSql.IS_SETTLED.on(connection)) {
                return call.set("transaction", sample.transactionId())
                        .set("writers", writers == null ? null : writers.toArray(new String[0]))
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public Set<Lane> passedOn(Collection<UUID> dead) {
        return transactions.single("find where " + dead.size() + " dead letters went on to", connection -> {
            try (Sql.Call call = WorkerSql.PASSED_ON.on(connection)) {
                return new HashSet<>(call.set("messages", dead.toArray(UUID[]::new))
                        .list(row -> new Lane(row.getInt(1), row.getInt(2))));
            }
        });
    }

    @Override
    public RunSoon runWaitingSoon(String entry, @Nullable String before) {
        String[] reasons = {"settings:" + entry, "secret:" + entry};
        return transactions.single("let messages go on that waited for settings", connection -> {
            try (Sql.Call call = WorkerSql.RUN_WAITING_SOON.on(connection)) {
                return call.set("reasons", reasons)
                        .set("before", before)
                        .set("most", MOST_RUN_SOON)
                        .one(row -> new RunSoon(row.getInt(1), row.getString(2)));
            }
        });
    }

    @Override
    public void notifyOthers(Collection<Arrival> arrivals) {
        notifyAll("notify other processes", PostgresNotificationListener.payloads(arrivals));
    }

    @Override
    public void endWaits() {
        notifyAll("end the wait for notifications", List.of(""));
    }

    private void notifyAll(String what, List<String> payloads) {
        transactions.single(what, connection -> {
            for (String payload : payloads) {
                try (Sql.Call call = ClaimSql.NOTIFY.on(connection)) {
                    call.set("channel", PostgresNotificationListener.CHANNEL)
                            .set("payload", payload)
                            .one(row -> true);
                }
            }
            return true;
        });
    }
}

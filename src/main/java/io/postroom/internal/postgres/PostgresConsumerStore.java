package io.postroom.internal.postgres;

import io.postroom.api.ConsumerInfo;
import io.postroom.api.ConsumerState;
import io.postroom.api.Reason;
import io.postroom.api.Receipts;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.ConsumerStore;
import io.postroom.internal.storage.QueueStore;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Stops and starts consumers. Statements: {@link ConsumerSql}. */
final class PostgresConsumerStore implements ConsumerStore {
    private final StoreTransactions transactions;
    private final QueueStore queues;

    PostgresConsumerStore(StoreTransactions transactions, QueueStore queues) {
        this.transactions = transactions;
        this.queues = queues;
    }

    @Override
    public List<ConsumerInfo> consumers(String queue) {
        queues.require(queue);
        return transactions.read("list the consumers of queue " + queue, connection -> {
            try (Sql.Call call = ConsumerSql.CONSUMERS.on(connection)) {
                return call.set("queue", queue).list(row -> consumer(queue, row));
            }
        });
    }

    private static ConsumerInfo consumer(String queue, ResultSet row) throws SQLException {
        boolean isToldToStop = row.getBoolean(5);
        int inFlight = row.getInt(7);
        ConsumerState stopState = row.getBoolean(6) && inFlight == 0 ? ConsumerState.STOPPED : ConsumerState.STOPPING;
        return new ConsumerInfo(
                queue,
                row.getString(1),
                List.of((String[]) row.getArray(2).getArray()),
                isToldToStop ? stopState : ConsumerState.RUNNING,
                inFlight,
                Objects.requireNonNull(Rows.instant(row, 3)),
                Objects.requireNonNull(Rows.instant(row, 4)));
    }

    @Override
    public StopOrder stop(String queue, @Nullable Integer howMany, @Nullable Reason reason) {
        queues.require(queue);
        return transactions.change("stop consumers of queue " + queue, connection -> {
            try (Sql.Call call = ConsumerSql.STOP.on(connection)) {
                return Reasons.because(reason, call.set("queue", queue).set("howMany", howMany))
                        .one(row -> new StopOrder(row.getObject(1, UUID.class), queue, howMany == null, row.getInt(2)));
            }
        });
    }

    @Override
    public Receipts receipts(StopOrder order) {
        List<Receipt> receipts =
                transactions.read("look for receipts of consumers of queue " + order.queue(), connection -> {
                    try (Sql.Call call = ConsumerSql.RECEIPTS.on(connection)) {
                        return call.set("order", order.id())
                                .set("queue", order.queue())
                                .set("isForAll", order.isForAll())
                                .list(Receipt::of);
                    }
                });
        List<Receipts.Silent> silent = new ArrayList<>();
        int stopped = 0;
        int inFlight = 0;
        for (Receipt receipt : receipts) {
            inFlight += receipt.inFlight;
            if (receipt.isStopped) {
                stopped++;
            } else {
                silent.add(new Receipts.Silent(receipt.worker, receipt.inFlight, receipt.lastSeen));
            }
        }
        return new Receipts(stopped, Math.max(order.told(), receipts.size()), inFlight, silent);
    }

    /** How one consumer stands. A process whose row is gone was last seen at the beginning of time. */
    private record Receipt(String worker, boolean isStopped, int inFlight, Instant lastSeen) {
        static Receipt of(ResultSet row) throws SQLException {
            Instant lastSeen = Rows.instant(row, 4);
            return new Receipt(
                    row.getString(1), row.getBoolean(2), row.getInt(3), lastSeen == null ? Instant.EPOCH : lastSeen);
        }
    }

    @Override
    public int start(String queue, @Nullable Reason reason) {
        queues.require(queue);
        return transactions.change("start the consumers of queue " + queue, connection -> {
            try (Sql.Call call = ConsumerSql.START.on(connection)) {
                return Reasons.because(reason, call.set("queue", queue)).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public KillAnswer obey(UUID message, int queueId, String queue) {
        return transactions.single("obey kill signal " + message, connection -> {
            try (Sql.Call call = ConsumerSql.OBEY.on(connection)) {
                return call.set("id", message)
                        .set("queue", queueId)
                        .set("queueName", queue)
                        .one(row -> new KillAnswer(kind(row.getString(1)), row.getString(2)));
            }
        });
    }

    private static KillAnswer.Kind kind(String answer) {
        return switch (answer) {
            case "done" -> KillAnswer.Kind.DONE;
            case "wait" -> KillAnswer.Kind.WAIT;
            default -> KillAnswer.Kind.REFUSED;
        };
    }
}

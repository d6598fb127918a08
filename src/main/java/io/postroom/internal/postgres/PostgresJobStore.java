package io.postroom.internal.postgres;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.DeadLetter;
import io.postroom.internal.storage.DeletedQueue;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.OperationSteps;
import io.postroom.internal.storage.PutOffFailure;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Promotes, rescues, expires, and carries on operations. Statements: {@link JobSql} and, for operations, {@link DeadLetterSql}. */
final class PostgresJobStore implements JobStore {
    private static final Logger log = LoggerFactory.getLogger(PostgresJobStore.class);

    private static final int MOST_RESCUED_ONE_BY_ONE = 1000;

    private static final int MOST_REMEMBERED = 1000;

    private final StoreTransactions transactions;
    private final QueueDeletion deletion;
    private final Queue<DeadLetter> buried = new LinkedBlockingQueue<>(MOST_REMEMBERED);

    PostgresJobStore(StoreTransactions transactions) {
        this.transactions = transactions;
        this.deletion = new QueueDeletion(transactions);
    }

    @Override
    public PromoteResult promote(@Nullable Instant from, int limit) {
        return transactions.single("promote due messages", connection -> {
            try (Sql.Call call = JobSql.PROMOTE.on(connection)) {
                List<Instant> lastDueAt = new ArrayList<>(); // the same in each row
                List<Arrival> arrivals = call.set("from", from)
                        .set("limit", limit)
                        .list(row -> {
                            lastDueAt.add(Rows.instant(row, 5));
                            return ArrivalRows.arrival(row);
                        });
                return new PromoteResult(
                        arrivals,
                        lastDueAt.isEmpty() ? null : lastDueAt.get(0),
                        arrivals.stream().mapToInt(Arrival::count).sum());
            }
        });
    }

    @Override
    public NextDue untilNextDue(@Nullable Instant from) {
        return transactions.single("look for the next due message", connection -> {
            try (Sql.Call call = JobSql.NEXT_DUE.on(connection)) {
                return call.set("from", from).one(row -> new NextDue(Rows.duration(row, 1), Rows.duration(row, 2)));
            }
        });
    }

    @Override
    public List<UUID> due(int limit) {
        return transactions.single("list due messages", connection -> {
            try (Sql.Call call = JobSql.DUE.on(connection)) {
                return call.set("limit", limit).list(row -> row.getObject(1, UUID.class));
            }
        });
    }

    @Override
    public void promoteOrQuarantine(UUID messageId) {
        try {
            transactions.single("promote message " + messageId, connection -> {
                try (Sql.Call call = JobSql.PROMOTE_ONE.on(connection)) {
                    return call.set("id", messageId).update();
                }
            });
        } catch (StoreException e) {
            if (!StoreErrors.mayBeOfOneRow(e)) {
                throw e; // the next message would meet it, too
            }
            if (StoreErrors.isOfOneRow(e)) {
                quarantine(messageId, Failure.of(String.valueOf(e.getMessage())));
            } else {
                log.error("Message {} cannot be promoted and stays DELAYED", messageId, e);
            }
        }
    }

    private void quarantine(UUID messageId, Failure reason) {
        int entries = transactions.single("quarantine message " + messageId, connection -> {
            try (Sql.Call call = JobSql.QUARANTINE.on(connection)) {
                return call.set("id", messageId).set("error", reason.text()).one(row -> row.getInt(1));
            }
        });
        if (entries > 0) {
            remember(JobSql.DEAD_LETTERS_OF, call -> call.set("id", messageId));
        }
    }

    private static void throwUnlessOfOneLease(StoreException failure) {
        if (!StoreErrors.mayBeOfOneRow(failure)) {
            throw failure;
        }
    }

    @Override
    public List<Arrival> rescue(Duration leaseTime, int limit) {
        try {
            return rescue(leaseTime, limit, null);
        } catch (StoreException e) {
            throwUnlessOfOneLease(e);
            return rescueOneByOne(leaseTime, e);
        }
    }

    /** Rescues each lease by itself, so that one that cannot be rescued does not stop the others. */
    private List<Arrival> rescueOneByOne(Duration leaseTime, StoreException failure) {
        List<Arrival> arrivals = new ArrayList<>();
        for (long lease : lost(leaseTime)) {
            try {
                arrivals.addAll(rescue(leaseTime, 1, lease));
            } catch (StoreException e) {
                throwUnlessOfOneLease(e);
                log.error("Lease {} cannot be rescued; its messages stay in progress", lease, e);
            }
        }
        if (arrivals.isEmpty()) {
            throw failure;
        }
        return arrivals;
    }

    private List<Long> lost(Duration leaseTime) {
        return transactions.single("list leases of workers without a heartbeat", connection -> {
            try (Sql.Call call = JobSql.LOST.on(connection)) {
                return call.set("leaseTime", Rows.micros(leaseTime))
                        .set("limit", MOST_RESCUED_ONE_BY_ONE)
                        .list(row -> row.getLong(1));
            }
        });
    }

    private List<Arrival> rescue(Duration leaseTime, int limit, @Nullable Long only) {
        Map<Integer, Integer> buriedByQueue = new HashMap<>();
        List<Arrival> arrivals = transactions.single("rescue leases", connection -> {
            try (Sql.Call call = JobSql.RESCUE.on(connection)) {
                return call.set("leaseTime", Rows.micros(leaseTime))
                        .set("limit", limit)
                        .set("only", only)
                        .list(row -> {
                            buriedByQueue.merge(row.getInt(1), row.getInt(5), Integer::sum);
                            return ArrivalRows.arrival(row);
                        });
            }
        });
        buriedByQueue.values().removeIf(count -> count == 0);
        if (!buriedByQueue.isEmpty()) {
            remember(
                    JobSql.LAST_CRASHED,
                    call -> call.set(
                                    "queues",
                                    buriedByQueue.keySet().stream()
                                            .mapToInt(Integer::intValue)
                                            .toArray())
                            .set(
                                    "limit",
                                    buriedByQueue.values().stream()
                                            .mapToInt(Integer::intValue)
                                            .sum()));
        }
        return arrivals;
    }

    @Override
    public List<DeadLetter> buried() {
        List<DeadLetter> taken = new ArrayList<>();
        for (DeadLetter letter = buried.poll(); letter != null; letter = buried.poll()) {
            taken.add(letter);
        }
        return taken;
    }

    /** Reads dead letters that were just made. A failure is no reason to fail the step that made them. */
    private void remember(Sql sql, Parameters parameters) {
        try {
            transactions
                    .single("read new dead letters", connection -> {
                        try (Sql.Call call = sql.on(connection)) {
                            parameters.set(call);
                            return call.list(PostgresJobStore::deadLetter);
                        }
                    })
                    .forEach(buried::offer);
        } catch (StoreException e) {
            log.warn("new dead letters could not be read for the log: {}", e.getMessage());
        }
    }

    private interface Parameters {
        void set(Sql.Call call) throws SQLException;
    }

    private static DeadLetter deadLetter(ResultSet row) throws SQLException {
        return new DeadLetter(
                row.getObject(1, UUID.class),
                row.getString(2),
                DeadLetter.type(row.getString(3), row.getInt(4)),
                row.getInt(5),
                row.getString(6),
                String.valueOf(row.getString(7)),
                String.valueOf(row.getString(8)));
    }

    @Override
    public Expiry expire(@Nullable ExpiryPosition from, @Nullable EntryPosition entriesFrom, int limit) {
        return transactions.single("expire messages", connection -> {
            try (Sql.Call call = JobSql.EXPIRE.on(connection)) {
                return call.set("from", from == null ? null : from.expiresAt())
                        .set("after", from == null ? ExpiryPosition.BEFORE_ALL : from.id())
                        .set("entriesFrom", entriesFrom == null ? null : entriesFrom.expiresAt())
                        .set("entriesAfter", entriesFrom == null ? ExpiryPosition.BEFORE_ALL : entriesFrom.id())
                        .set("entriesAfterQueue", entriesFrom == null ? 0 : entriesFrom.queueId())
                        .set("limit", limit)
                        .one(row -> new Expiry(
                                row.getInt(1) < limit ? null : last(row),
                                row.getInt(4) < limit
                                        ? null
                                        : new EntryPosition(
                                                Rows.instant(row, 5), row.getObject(6, UUID.class), row.getInt(7))));
            }
        });
    }

    private static ExpiryPosition last(ResultSet row) throws SQLException {
        return new ExpiryPosition(Rows.instant(row, 2), row.getObject(3, UUID.class));
    }

    @Override
    public GroupSweep sweepGroups(@Nullable GroupPosition from, int limit) {
        return transactions.single("look for groups without a holder", connection -> {
            try (Sql.Call call = JobSql.SWEEP_GROUPS.on(connection)) {
                return call.set("queue", from == null ? 0 : from.queueId())
                        .set("group", from == null ? "" : from.group())
                        .set("limit", limit)
                        .one(row -> {
                            String group = row.getString(2);
                            GroupPosition next = group == null ? null : new GroupPosition(row.getInt(1), group);
                            return new GroupSweep(next, row.getInt(3), row.getBoolean(4));
                        });
            }
        });
    }

    @Override
    public int tidyGroupLimits(int limit) {
        return transactions.single("tidy up behind limits of groups", connection -> {
            try (Sql.Call call = JobSql.TIDY_GROUP_LIMITS.on(connection)) {
                return call.set("limit", limit).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int cancelDeleted(Duration olderThan, int limit, boolean delayed) {
        return transactions.single("cancel what waits in deleted queues", connection -> {
            try (Sql.Call call = JobSql.CANCEL_DELETED.on(connection)) {
                return call.set("olderThan", Rows.micros(olderThan))
                        .set("limit", limit)
                        .set("delayed", delayed)
                        .one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public List<DeletedQueue> deleteAbandoned(Duration leaseTime) {
        return deletion.empty(transactions.single(
                "delete queues that nobody is left for",
                connection -> QueueDeletion.markAbandoned(leaseTime, new int[0], connection)));
    }

    @Override
    public Shortening shortenQueues() {
        List<LimitedQueue> limited = transactions.single("look for queues that are too long", connection -> {
            try (Sql.Call call = LimitSql.LIMITED.on(connection)) {
                return call.list(row -> new LimitedQueue(row.getInt(1), row.getString(2), row.getBoolean(3)));
            }
        });
        boolean isMore = false;
        PutOffFailure failed = new PutOffFailure();
        for (LimitedQueue queue : limited) {
            if (queue.isDue) { // one transaction each: the lock of a queue makes its producers wait
                try {
                    isMore |= transactions.several("shorten queue " + queue.name, connection -> {
                        try (Sql.Call call = LimitSql.SHORTEN.on(connection)) {
                            return call.set("queue", queue.id).one(row -> row.getBoolean(1));
                        }
                    });
                } catch (RuntimeException failure) {
                    failed.add(failure);
                }
            }
        }
        failed.throwIfAny();
        return new Shortening(limited.size(), isMore);
    }

    /** @param isDue whether it is to be counted */
    private record LimitedQueue(int id, String name, boolean isDue) {}

    @Override
    public int releaseActive(@Nullable Duration leaseTime) {
        return transactions.several("look for active consumers that left", connection -> {
            try (Sql.Call call = ConsumerSql.RELEASE_ACTIVE.on(connection)) {
                return call.set("leaseTime", Rows.nullableMicros(leaseTime)).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public List<String> unconsumedQueues(int limit) {
        return transactions.single("look for queues without a consumer", connection -> {
            try (Sql.Call call = JobSql.UNCONSUMED.on(connection)) {
                return call.set("limit", limit).list(row -> row.getString(1));
            }
        });
    }

    @Override
    public int sealLedger(int limit) {
        return transactions.single("seal the ledger", connection -> {
            try (Sql.Call call = JobSql.SEAL_LEDGER.on(connection)) {
                return call.set("limit", limit).one(row -> row.getInt(1));
            }
        });
    }

    /** Takes each operation in a transaction of its own. One that fails holds up no other: its failure is thrown after all steps. */
    @Override
    public OperationSteps stepOperations(Duration elapsed) {
        List<UUID> running = transactions.single("look for operations", connection -> {
            try (Sql.Call call = DeadLetterSql.RUNNING.on(connection)) {
                return call.list(row -> row.getObject(1, UUID.class));
            }
        });
        List<Arrival> arrivals = new ArrayList<>();
        PutOffFailure failed = new PutOffFailure();
        for (UUID operation : running) {
            try {
                arrivals.addAll(transactions.several(
                        "carry on operation " + operation, connection -> step(operation, elapsed, connection)));
            } catch (RuntimeException failure) {
                failed.add(failure);
            }
        }
        failed.throwIfAny();
        return new OperationSteps(arrivals, !running.isEmpty());
    }

    static List<Arrival> step(UUID operation, Duration elapsed, Connection connection) throws SQLException {
        try (Sql.Call call = DeadLetterSql.STEP.on(connection)) {
            return call.set("id", operation).set("burst", Rows.micros(elapsed)).list(ArrivalRows::arrival);
        }
    }
}

package io.postroom.internal.postgres;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.postgres.statement.UuidArrays;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.LeaseStore;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.StartReports;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Claims messages under leases and completes them. Statements: {@link ClaimSql}, {@link CompleteSql}, {@link ReplySql}. */
final class PostgresLeaseStore implements LeaseStore {
    private static final Logger log = LoggerFactory.getLogger(PostgresLeaseStore.class);

    /** The order of the claim. The server may join the payloads in any other. */
    private static final Comparator<ClaimedMessage> BY_LEASE_AND_ORDINAL = Comparator.<ClaimedMessage>comparingLong(
                    message -> message.lease().id())
            .thenComparingInt(message -> message.lease().ordinal());

    private final StoreTransactions transactions;

    PostgresLeaseStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public List<ClaimedMessage> claim(ClaimRequest request) {
        if (request.hasLimiter()) {
            return claimLimited(request, StartReports.NONE).messages();
        }
        return transactions.single("claim from queue " + request.queueId(), connection -> {
            Sql statement = request.turns() != null
                    ? ClaimSql.CLAIM_FAIR
                    : request.ordered() ? ClaimSql.CLAIM_ORDERED : ClaimSql.CLAIM;
            try (Sql.Call call = statement.on(connection)) {
                Sql.Call filled = set(call, request);
                if (request.turns() != null) {
                    filled.set("turns", request.turns());
                }
                return filled.list(row -> ClaimedRows.claimed(row, request)).stream()
                        .sorted(BY_LEASE_AND_ORDINAL)
                        .toList();
            }
        });
    }

    @Override
    public LimitedClaim claimLimited(ClaimRequest request, StartReports reports) {
        long sentNanos =
                System.nanoTime(); // before the function reads its clock: what it allows is over then, at the latest
        List<LimitedRows.LimitedRow> rows =
                transactions.single("claim from limited queue " + request.queueId(), connection -> {
                    try (Sql.Call call = ClaimSql.CLAIM_LIMITED.on(connection)) {
                        return LimitedRows.set(set(call, request), reports)
                                .set("ordered", request.ordered())
                                .set("turns", request.turns())
                                .list(row -> LimitedRows.of(row, request));
                    }
                });
        return LimitedRows.claim(rows, sentNanos, BY_LEASE_AND_ORDINAL);
    }

    private static Sql.Call set(Sql.Call call, ClaimRequest request) throws SQLException {
        return call.set("worker", request.workerId())
                .set("queue", request.queueId())
                .set("queueName", request.queue())
                .set("priorities", request.priorities())
                .set("cursors", request.cursors())
                .set("limit", request.limit())
                .set("leaseSize", request.leaseSize())
                .set("started", request.started())
                .set("kind", request.kind().code());
    }

    @Override
    public Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
        return transactions.single("claim from " + requests.size() + " queues", connection -> {
            try (Sql.Call call = ClaimSql.CLAIM_EACH.on(connection)) {
                List<ClaimedMessage> claimed = call.set(
                                "worker", requests.get(0).workerId())
                        .set(
                                "queues",
                                requests.stream()
                                        .mapToInt(ClaimRequest::queueId)
                                        .toArray())
                        .set(
                                "queueNames",
                                requests.stream().map(ClaimRequest::queue).toArray(String[]::new))
                        .set("priorities", priorities(requests))
                        .set(
                                "cursors",
                                requests.stream()
                                        .mapToLong(request -> request.cursors()[0])
                                        .toArray())
                        .set(
                                "limits",
                                requests.stream().mapToInt(ClaimRequest::limit).toArray())
                        .set(
                                "leaseSizes",
                                requests.stream()
                                        .mapToInt(ClaimRequest::leaseSize)
                                        .toArray())
                        .set(
                                "started",
                                requests.stream()
                                        .mapToInt(ClaimRequest::started)
                                        .toArray())
                        .list(ClaimedRows::claimedOfMany);
                return claimed.stream()
                        .sorted(BY_LEASE_AND_ORDINAL)
                        .collect(Collectors.groupingBy(ClaimedMessage::queueId));
            }
        });
    }

    private static short[] priorities(List<ClaimRequest> requests) {
        short[] priorities = new short[requests.size()];
        for (int i = 0; i < priorities.length; i++) {
            priorities[i] = requests.get(i).priorities()[0];
        }
        return priorities;
    }

    @Override
    public void announceStarts(int workerId, Map<Long, Integer> started) {
        List<Map.Entry<Long, Integer>> marks =
                started.entrySet().stream().sorted(Map.Entry.comparingByKey()).toList();
        transactions.single("announce starts of worker " + workerId, connection -> {
            try (Sql.Call call = ClaimSql.ANNOUNCE_STARTS.on(connection)) {
                return call.set("worker", workerId)
                        .set(
                                "leases",
                                marks.stream().mapToLong(Map.Entry::getKey).toArray())
                        .set(
                                "started",
                                marks.stream().mapToInt(Map.Entry::getValue).toArray())
                        .list(row -> row.getString(1));
            }
        });
    }

    @Override
    public void park(String destination, Duration time) {
        transactions.single("park destination " + destination, connection -> {
            try (Sql.Call call = LimiterSql.PARK.on(connection)) {
                return call.set("destination", destination)
                        .set("time", Rows.micros(time))
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public Optional<ClaimedMessage> reload(ClaimedMessage message) {
        return transactions.single("read message " + message.id(), connection -> {
            try (Sql.Call call = ClaimSql.RELOAD.on(connection)) {
                return call.set("id", message.id())
                        .set("queue", message.queueId())
                        .first(row -> ClaimedRows.reloaded(row, message));
            }
        });
    }

    @Override
    public Optional<Duration> undecodableSince(ClaimedMessage message) {
        return transactions.single("read the history of message " + message.id(), connection -> {
            try (Sql.Call call = ClaimSql.UNDECODABLE_SINCE.on(connection)) {
                return call.set("id", message.id())
                        .set("queue", message.queueId())
                        .one(row -> Optional.ofNullable(Rows.duration(row, 1)));
            }
        });
    }

    @Override
    public List<LeasePart> complete(int workerId, List<Completion> completions) {
        if (completions.isEmpty()) {
            return List.of();
        }
        try {
            return write(workerId, completions);
        } catch (StoreException e) {
            throwUnlessRefused(e);
            return oneByOne(workerId, completions);
        }
    }

    /** Completes each message by itself, so that one text that PostgreSQL refuses does not stop the others. */
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

    /**
     * Tries again without the details. A completion that is refused then, too, is logged and given up, so that it is not tried for ever.
     */
    private List<LeasePart> alone(int workerId, Completion completion) {
        try {
            return write(workerId, List.of(completion));
        } catch (StoreException e) {
            throwUnlessRefused(e);
            if (ReplyWriter.hasMoved(e)) {
                return again(workerId, completion, e);
            }
        }
        try {
            return write(workerId, List.of(completion.withoutDetails()));
        } catch (StoreException e) {
            throwUnlessRefused(e);
            log.error(
                    "The end of message {} cannot be stored; it stays in progress until this worker ends",
                    completion.message().id(),
                    e);
            return List.of();
        }
    }

    /** The result is dropped, as that of a lease that was lost: the message runs again, or is a dead letter that says why. */
    private List<LeasePart> again(int workerId, Completion completion, StoreException moved) {
        log.warn(
                "The reply to message {} cannot be stored, so the message runs again later: {}",
                completion.message().id(),
                moved.getMessage());
        write(
                workerId,
                List.of(completion.replyRefused(Failure.of("its reply cannot be stored: " + moved.getMessage()))));
        return List.of();
    }

    private static void throwUnlessRefused(StoreException failure) {
        if (failure.kind() != StoreException.Kind.REFUSED) {
            throw failure;
        }
    }

    private List<LeasePart> write(int workerId, List<Completion> completions) {
        String doing = "complete " + completions.size() + " messages of worker " + workerId;
        StoreTransactions.Work<List<LeasePart>> work =
                connection -> writeWithReplies(workerId, completions, connection);
        return CompletionWriter.isOneStatement(completions) && !ReplyWriter.hasReplies(completions)
                ? transactions.single(doing, work)
                : transactions.several(doing, work);
    }

    @Override
    public List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection) {
        if (completions.isEmpty()) {
            return List.of();
        }
        return StoreTransactions.joined(
                "complete messages in their handler's transaction",
                connection,
                own -> completions.stream().allMatch(Completion::isPlainDone)
                        ? writeWithReplies(workerId, completions, own)
                        : writeOrLeaveDetailsOut(workerId, completions, own));
    }

    /** Writes behind a savepoint: a text that PostgreSQL refuses must not undo what the handler wrote. */
    private static List<LeasePart> writeOrLeaveDetailsOut(
            int workerId, List<Completion> completions, Connection connection) throws SQLException {
        Savepoint before = connection.setSavepoint();
        try {
            List<LeasePart> parts = writeWithReplies(workerId, completions, connection);
            connection.releaseSavepoint(before);
            return parts;
        } catch (SQLException e) {
            if (StoreErrors.translate("complete", e).kind() != StoreException.Kind.REFUSED) {
                throw e;
            }
            connection.rollback(before);
            return writeWithReplies(
                    workerId,
                    completions.stream().map(Completion::withoutDetails).toList(),
                    connection);
        }
    }

    private static List<LeasePart> writeWithReplies(int workerId, List<Completion> completions, Connection connection)
            throws SQLException {
        List<LeasePart> parts = CompletionWriter.write(workerId, completions, connection);
        ReplyWriter.write(completions, parts, connection);
        return parts;
    }

    @Override
    public List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only) {
        return transactions.single("release unknown leases of worker " + workerId, connection -> {
            try (Sql.Call call = JobSql.RELEASE_UNKNOWN.on(connection)) {
                return call.set("worker", workerId)
                        .set(
                                "known",
                                knownLeases.stream().mapToLong(Long::longValue).toArray())
                        .set("olderThan", Rows.micros(olderThan))
                        .setUntyped("only", only == null ? null : UuidArrays.text(only.toArray(UUID[]::new)))
                        .list(ArrivalRows::arrival);
            }
        });
    }
}

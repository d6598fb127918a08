package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.NewMessage;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Writes new messages that begin under leases of this process, on a connection. */
final class LeasedWriter {
    private LeasedWriter() {}

    /** Writes plain messages of one queue and priority that begin under leases of this worker. */
    static List<ClaimedMessage> direct(List<NewMessage> messages, int workerId, int leaseSize, Connection connection)
            throws SQLException {
        NewMessage first = messages.get(0);
        boolean one = messages.size() == 1;
        KnownQueues known = KnownQueues.ofRouted(messages);
        Sql statement = one ? EnqueueSql.ENQUEUE_ONE_DIRECT.in(first) : EnqueueSql.ENQUEUE_DIRECT.of(known.areRouted());
        try (Sql.Call call = statement.on(connection)) {
            if (one) {
                EnqueueWriter.set(call, first);
            } else {
                MessageColumns.set(call, messages);
                known.setRouting(call);
                int[] firsts = firstPlaces(messages.size(), leaseSize);
                call.set("queue", first.queueId())
                        .set("priority", first.priority())
                        .set("queueName", first.queue())
                        .set("firsts", firsts)
                        .set("lasts", lastPlaces(firsts, messages.size()));
            }
            List<NewLease> leases = call.set("worker", workerId).list(NewLease::of);
            if (leases.isEmpty()) {
                throw EnqueueWriter.changedQueues(messages);
            }
            List<ClaimedMessage> claimed = new ArrayList<>(messages.size());
            for (int i = 0; i < messages.size(); i++) {
                int part = i / leaseSize;
                int count = Math.min(leaseSize, messages.size() - part * leaseSize);
                claimed.add(claimed(messages.get(i), leases.get(part), count, i % leaseSize));
            }
            return claimed;
        }
    }

    /** Returns where each lease begins among so many messages, from 1. */
    private static int[] firstPlaces(int messages, int leaseSize) {
        int[] firsts = new int[(messages + leaseSize - 1) / leaseSize];
        Arrays.setAll(firsts, part -> part * leaseSize + 1);
        return firsts;
    }

    /** Returns where each lease ends: before the next one begins. */
    private static int[] lastPlaces(int[] firsts, int messages) {
        int[] lasts = new int[firsts.length];
        Arrays.setAll(lasts, part -> part + 1 < firsts.length ? firsts[part + 1] - 1 : messages);
        return lasts;
    }

    /**
     * Writes one message of any kind that begins under a lease of this worker; empty when its id or key was there, or its queue has
     * another number now. The caller rolls back then.
     */
    static Optional<ClaimedMessage> leased(NewMessage message, int workerId, Connection connection)
            throws SQLException {
        try (Sql.Call call = EnqueueSql.ENQUEUE_LEASED.in(message).on(connection)) {
            EnqueueWriter.set(call, message);
            call.set("worker", workerId).set("key", message.deduplicationKey());
            return call.first(NewLease::of).map(lease -> claimed(message, lease, 1, 0));
        }
    }

    private record NewLease(long id, Instant createdAt) {
        static NewLease of(ResultSet row) throws SQLException {
            return new NewLease(row.getLong(1), Rows.instant(row, 2));
        }
    }

    private static ClaimedMessage claimed(NewMessage message, NewLease lease, int leaseCount, int ordinal) {
        return new ClaimedMessage(
                message.id(),
                message.queueId(),
                message.priority(),
                0,
                new ClaimedMessage.Lease(lease.id, leaseCount, ordinal),
                ClaimedMessage.Counters.ZERO,
                true,
                false,
                lease.createdAt,
                message.content());
    }
}

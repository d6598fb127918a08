package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.QueueSettings;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.JobStore.GroupSweep;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.Conservation;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * An ordered queue of the test's own, and words for the steps of its messages and of open transactions. After each test the connections are
 * closed, and every message is in one place.
 */
abstract class OrderSteps {
    private final TestDatabase database;
    final StoreFixture fixture;
    final QueueRow queue;
    final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Connection> opened = new ArrayList<>();

    OrderSteps(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        queue = declared(QueueSettings.of(fixture.queue.name() + ".ordered").ordered(true));
    }

    final QueueRow declared(QueueSettings settings) {
        return fixture.stores.queues().declare(settings);
    }

    @AfterEach
    void endAll() throws SQLException {
        for (Connection connection : opened) {
            connection.close();
        }
        threads.shutdownNow();
        assertThat(Conservation.check(JdbcClient.create(database.pool()))).isEmpty();
    }

    // ---- steps

    final Connection begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        return connection;
    }

    final UUID send(String group) {
        return send(new StoreFixture.Plan(queue).group(group));
    }

    final UUID send(StoreFixture.Plan plan) {
        return fixture.enqueue(plan).id();
    }

    final UUID send(String group, Connection connection) {
        return fixture.stores
                .enqueue()
                .enqueue(new StoreFixture.Plan(queue).group(group).build(), connection)
                .id();
    }

    final ClaimRequest request(int limit, ClaimKind kind) {
        return new ClaimRequest(
                fixture.worker,
                queue.id(),
                queue.name(),
                true,
                StoreFixture.ALL_LANES,
                new long[10],
                limit,
                200,
                limit,
                kind);
    }

    final List<ClaimedMessage> claim() {
        return fixture.stores.leases().claim(request(100, ClaimKind.ORDINARY));
    }

    final ClaimedMessage claimOnly(UUID expected) {
        List<ClaimedMessage> claimed = claim();
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(expected);
        return claimed.get(0);
    }

    final List<ClaimedMessage> claimOn(Connection connection) throws SQLException {
        ClaimRequest request = request(100, ClaimKind.ORDINARY);
        try (Sql.Call call = ClaimSql.CLAIM_ORDERED.on(connection)) {
            return call.set("worker", request.workerId())
                    .set("queue", request.queueId())
                    .set("queueName", request.queue())
                    .set("priorities", request.priorities())
                    .set("cursors", request.cursors())
                    .set("limit", request.limit())
                    .set("leaseSize", request.leaseSize())
                    .set("started", request.started())
                    .set("kind", request.kind().code())
                    .list(row -> ClaimedRows.claimed(row, request));
        }
    }

    final void complete(Completion... completions) {
        assertThat(fixture.stores.leases().complete(fixture.worker, Arrays.asList(completions)))
                .isNotEmpty();
    }

    final void completeOn(Connection connection, Completion... completions) {
        fixture.stores.leases().complete(fixture.worker, Arrays.asList(completions), connection);
    }

    final GroupSweep sweep() {
        return fixture.stores.jobs().sweepGroups(null, 1000);
    }

    final @Nullable String holder(String group) {
        List<String> holders = fixture.texts("SELECT coalesce(message_id::text, 'nobody') FROM postroom.message_group"
                + " WHERE NOT is_free AND queue_id = " + queue.id() + " AND group_key = '" + group + "'");
        return holders.isEmpty() ? null : holders.get(0);
    }

    final List<String> places(UUID id) {
        return fixture.places(id);
    }

    final String groupLine(UUID id) {
        List<String> lines =
                fixture.texts("SELECT line FROM postroom.explain('" + id + "') line WHERE line LIKE 'group:%'");
        assertThat(lines).hasSize(1);
        return lines.get(0);
    }

    static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : "";
        }
    }

    static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    final void awaitWaiting() {
        BlockedSessions.await(database.pool(), 1);
    }

    static <T> T answer(Future<T> future) throws Exception {
        return future.get(30, TimeUnit.SECONDS);
    }

    final void promote() {
        fixture.execute("UPDATE postroom.delayed SET due_at = due_at - interval '1 day'");
        fixture.stores.jobs().promote(null, 1000);
    }
}

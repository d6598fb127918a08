package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A message that is cancelled while a worker holds it: whoever comes first ends it, and nobody twice. */
@PostgresTest
class CancelRunningTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    CancelRunningTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
    }

    @AfterEach
    void endAll() {
        threads.shutdownNow();
    }

    private int cancel(UUID id) {
        return fixture.stores.operator().cancelRunning(id);
    }

    private List<UUID> claimed(int count) {
        for (int i = 0; i < count; i++) {
            fixture.enqueue();
        }
        return fixture.claim(count).stream().map(ClaimedMessage::id).toList();
    }

    private String outcome(UUID id) {
        return fixture.text("SELECT string_agg(outcome, ', ' ORDER BY finished_at) FROM postroom.message_history"
                + " WHERE message_id = '" + id + "'");
    }

    @Test
    void message_of_a_lease_is_taken_out_and_the_others_stay() {
        for (int i = 0; i < 3; i++) {
            fixture.enqueue();
        }
        List<ClaimedMessage> held = fixture.claim(3);
        UUID second = held.get(1).id();

        assertThat(cancel(second)).isEqualTo(1);

        assertThat(fixture.places(second)).containsExactly("finished");
        assertThat(fixture.places(held.get(0).id())).containsExactly("lease");
        assertThat(fixture.summary().cancelled()).containsExactly(second);
        assertThat(cancel(second)).isZero();
        fixture.stores
                .leases()
                .complete(fixture.worker, held.stream().map(StoreFixture::done).toList());
        assertThat(held)
                .allSatisfy(message -> assertThat(fixture.places(message.id())).containsExactly("finished"));
        assertThat(outcome(second)).isEqualTo("cancelled");
        assertThat(outcome(held.get(2).id())).isEqualTo("done");
        fixture.stores.workers().forgetCancelled(fixture.worker, List.of(second));
        assertThat(fixture.summary().cancelled()).isEmpty();
        assertThat(fixture.texts(
                        "SELECT action || ' ' || note FROM postroom.operator_log WHERE message_id = '" + second + "'"))
                .containsExactly("cancel while it was in progress");
    }

    @Test
    void result_that_comes_later_is_refused_whatever_it_says() {
        for (int way = 0; way < 3; way++) {
            fixture.enqueue();
            ClaimedMessage held = fixture.claimOne();
            assertThat(cancel(held.id())).isEqualTo(1);
            Completion late = switch (way) {
                case 0 -> done(held);
                case 1 -> retry(held, Duration.ZERO, "late");
                default -> Completion.release(held);
            };
            fixture.stores.leases().complete(fixture.worker, List.of(late));
            assertThat(fixture.places(held.id())).containsExactly("finished");
            assertThat(outcome(held.id())).isEqualTo("cancelled");
        }
    }

    @Test
    void message_that_waits_or_is_finished_is_not_in_progress() {
        UUID waiting = fixture.enqueue();
        assertThat(cancel(waiting)).isZero();
        ClaimedMessage held = fixture.claimOne();
        fixture.stores.leases().complete(fixture.worker, List.of(done(held)));
        assertThat(cancel(waiting)).isZero();
        assertThat(outcome(waiting)).isEqualTo("done");
        assertThat(cancel(UUID.randomUUID())).isZero();
    }

    /** The one that waits for the lock decides on the row as the other left it. */
    @Test
    void completion_and_cancel_at_once_end_it_in_one_way() throws Exception {
        List<UUID> two = claimed(2);
        for (boolean cancelFirst : new boolean[] {true, false}) {
            UUID id = two.get(cancelFirst ? 0 : 1);
            String lease = fixture.text("SELECT id FROM postroom.lease WHERE worker_id = " + fixture.worker);
            int place = Integer.parseInt(fixture.text(
                    "SELECT array_position(message_ids, '" + id + "') FROM postroom.lease WHERE id = " + lease));
            String mask = "0".repeat(place - 1) + "1" + "0".repeat(2 - place);
            String cancelling = "SELECT postroom.cancel_running('" + id + "')";
            String completing =
                    ("SELECT count(*) FROM postroom.complete_done(%s, ARRAY[%s], ARRAY['%s'], ARRAY[%2$s::bigint], ARRAY[%s],"
                                    + " ARRAY['%s'::uuid], ARRAY[1::smallint], ARRAY[0::bigint], ARRAY[0::bigint])")
                            .formatted(fixture.worker, lease, mask, place - 1, id);
            try (Connection connection = database.connect()) {
                connection.setAutoCommit(false);
                text(connection, cancelFirst ? cancelling : completing);
                Future<String> second = startAndAwaitLock(() -> fixture.text(cancelFirst ? completing : cancelling));
                connection.commit();
                second.get(30, TimeUnit.SECONDS);
            }
            assertThat(fixture.places(id)).containsExactly("finished");
            assertThat(outcome(id)).isEqualTo(cancelFirst ? "cancelled" : "done");
        }
        assertThat(fixture.texts("SELECT id FROM postroom.lease WHERE worker_id = " + fixture.worker))
                .isEmpty();
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private <T> Future<T> startAndAwaitLock(Callable<T> step) {
        Future<T> started = threads.submit(step);
        BlockedSessions.await(fixture.pool, 1);
        return started;
    }
}

package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.done;
import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A purge of an ordered queue beside a live consumer. */
@PostgresTest
class OrderPurgeTest extends OrderSteps {
    OrderPurgeTest(TestDatabase database) {
        super(database);
    }

    @Test
    void purge_finds_what_a_claim_puts_behind_its_group_after_the_purge_looked_there() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID waiting = send("a");
        QueuePurge purge = QueuePurge.of(queue.id());
        Connection purging = begin();
        assertThat(step(purge, purging)).isTrue();
        assertThat(claim()).isEmpty();
        assertThat(places(waiting)).containsExactly("grouped");
        UUID later = send("a");
        assertThat(claim()).isEmpty();
        finish(purge, purging);
        assertThat(places(waiting)).containsExactly("finished");
        assertThat(places(later)).as("sent after the purge began").containsExactly("grouped");
        assertThat(purge.cancelled()).isEqualTo(1);
        complete(done(running));
        complete(done(claimOnly(later)));
    }

    @Test
    void purge_finds_what_becomes_ready_from_behind_its_group_meanwhile() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID waiting = send("a");
        assertThat(claim()).isEmpty();
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + waiting + "')");
        QueuePurge purge = QueuePurge.of(queue.id());
        Connection purging = begin();
        assertThat(step(purge, purging)).isTrue();
        cancelling.rollback();
        complete(done(running));
        assertThat(places(waiting)).containsExactly("ready");
        finish(purge, purging);
        assertThat(places(waiting)).containsExactly("finished");
        sweep();
        complete(done(claimOnly(send("a"))));
    }

    /** Its row in ready is locked while the purge looks there. Afterwards it is behind its group. */
    @Test
    void purge_finds_what_a_claim_is_moving_while_the_purge_looks() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID waiting = send("a");
        QueuePurge purge = QueuePurge.of(queue.id());
        Connection purging = begin();
        Connection claiming = begin();
        assertThat(claimOn(claiming)).isEmpty();
        for (int look = 0; look < 4; look++) { // behind groups, READY twice, and what has moved
            assertThat(step(purge, purging)).isTrue();
        }
        claiming.commit();
        assertThat(places(waiting)).containsExactly("grouped");
        finish(purge, purging);
        assertThat(places(waiting)).containsExactly("finished");
        complete(done(running));
    }

    @Test
    void purge_ends_while_a_message_is_locked_by_an_open_transaction() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID locked = send("a");
        UUID waiting = send("a");
        assertThat(claim()).isEmpty();
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + locked + "')");
        assertThat(answer(threads.submit(() -> fixture.stores.operator().purge(queue.name()))))
                .isEqualTo(1);
        assertThat(places(waiting)).containsExactly("finished");
        cancelling.rollback();
        complete(done(running));
        complete(done(claimOnly(locked)));
    }

    private static boolean step(QueuePurge purge, Connection connection) throws SQLException {
        boolean goesOn = purge.step(connection);
        connection.commit();
        return goesOn;
    }

    private static void finish(QueuePurge purge, Connection connection) throws SQLException {
        while (step(purge, connection)) {
            // the next batch
        }
    }
}

package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A process with nothing to do and without notifications: its poll alone must find what comes, and cost little until then. */
@PostgresTest
class IdleProcessTest {
    private static final EngineSettings POLLS_ONLY = new EngineSettings(
            "idle", Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(50), false, true);
    /** Time after which the server's statistics show everything: a backend reports what it did once a second. */
    private static final Duration REPORTED = Duration.ofMillis(2_500);

    private final TestDatabase database;
    private final HikariDataSource pool;
    private final JdbcClient sql;

    IdleProcessTest(TestDatabase database) {
        this.database = database;
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    @Test
    void polls_without_looking_into_the_lanes_and_still_finds_what_comes() {
        try (Postroom postroom = worker("idle")) {
            awaitNoMoreLooks();
            for (int i = 0; i < 3; i++) {
                PostroomKit.of(postroom).await(createdBySql("idle"), MessageState.DONE);
            }
            awaitNoMoreLooks();
        }
    }

    @Test
    void finds_what_was_created_before_it_started_and_is_committed_late() throws SQLException {
        worker("late").close(); // its queue is there
        try (Connection slow = database.connect();
                Statement statement = slow.createStatement()) {
            slow.setAutoCommit(false);
            ResultSet created = statement.executeQuery("SELECT id FROM postroom.create_message('late')");
            created.next();
            UUID id = created.getObject(1, UUID.class);
            try (Postroom postroom = worker("late")) {
                long polled = transactions();
                await().atMost(Duration.ofSeconds(20)).until(() -> transactions() > polled + 40);
                slow.commit();
                PostroomKit.of(postroom).await(id, MessageState.DONE);
            }
        }
    }

    /** The numbers begin again as after a restore: what comes then has numbers below the low watermark. */
    @Test
    void finds_what_comes_after_the_numbers_were_set_back() {
        try (Postroom postroom = worker("restored")) {
            sql.sql("SELECT setval('postroom.ready_seq', 1000000)").query().singleRow();
            PostroomKit.of(postroom).await(createdBySql("restored"), MessageState.DONE);
            awaitNoMoreLooks();
            sql.sql("SELECT setval('postroom.ready_seq', 10)").query().singleRow();
            UUID id = createdBySql("restored");
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(number("SELECT seq FROM postroom.message WHERE id = '" + id + "'"))
                    .isEqualTo(11);
        }
    }

    private UUID createdBySql(String queue) {
        return sql.sql("SELECT id FROM postroom.create_message(?)")
                .param(queue)
                .query(UUID.class)
                .single();
    }

    private Postroom worker(String queue) {
        return Postroom.on(pool)
                .settings(POLLS_ONLY)
                .handler(Handler.send(queue, String.class, (payload, context) -> Outcome.done()))
                .start();
    }

    /** Waits until the lanes have not been looked into for {@link #REPORTED}, during which the process has polled. */
    private void awaitNoMoreLooks() {
        Quiet quiet = new Quiet();
        await().atMost(Duration.ofSeconds(80))
                .pollInterval(Duration.ofMillis(250))
                .until(quiet::isLongEnough);
    }

    /** The time without a look into the lanes, begun anew by each look. */
    private final class Quiet {
        private long looks = looks();
        private long polled = transactions();
        private long since = System.nanoTime();

        boolean isLongEnough() {
            long now = looks();
            if (now != looks) {
                looks = now;
                polled = transactions();
                since = System.nanoTime();
            }
            return System.nanoTime() - since >= REPORTED.toNanos() && transactions() > polled;
        }
    }

    private long looks() {
        return number("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ready_pk'");
    }

    private long transactions() {
        return number("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()");
    }

    private long number(String query) {
        return sql.sql(query).query(Long.class).single();
    }
}

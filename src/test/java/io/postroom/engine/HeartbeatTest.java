package io.postroom.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.postgres.PostgresMessageStore;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** What a gap between beats means. */
@PostgresTest
class HeartbeatTest {
    private static final EngineSettings SETTINGS = new EngineSettings(
            "test", Duration.ofMillis(1500), Duration.ofMillis(100), Duration.ofSeconds(1), false, true);

    private final DataSource pool;

    HeartbeatTest(DataSource pool) {
        this.pool = pool;
    }

    @Test
    void silence_of_others_says_nothing_until_a_lease_time_after_a_gap_of_ones_own() throws SQLException {
        Heartbeat heartbeat = new Heartbeat(new PostgresMessageStore(pool), SETTINGS, "1", any -> {});
        heartbeat.ensureStarted();
        try {
            assertThat(heartbeat.isUnbrokenFor(SETTINGS.leaseTime())).isFalse();
            await().until(() -> heartbeat.isUnbrokenFor(SETTINGS.leaseTime()));

            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                statement.execute("SELECT FROM postroom.worker FOR UPDATE"); // a beat waits for this
                await().until(() -> !heartbeat.isTrusted());
                connection.rollback();
            }
            await().pollInterval(Duration.ofMillis(10)).until(heartbeat::isTrusted);

            assertThat(heartbeat.isUnbrokenFor(SETTINGS.leaseTime())).isFalse();
            await().until(() -> heartbeat.isUnbrokenFor(SETTINGS.leaseTime()));
        } finally {
            heartbeat.stop(true);
        }
    }
}

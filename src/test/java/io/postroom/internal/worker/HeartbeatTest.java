package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.EngineSettings;
import io.postroom.internal.postgres.PostgresWorkerStore;
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
            "test", Duration.ofMillis(1_000), Duration.ofMillis(100), Duration.ofSeconds(1), false, true);

    /** Trust ends with each beat's interval there. */
    private static final EngineSettings TIGHT = new EngineSettings(
            "tight", Duration.ofMillis(600), Duration.ofMillis(200), Duration.ofSeconds(1), false, true);

    private final DataSource pool;

    HeartbeatTest(DataSource pool) {
        this.pool = pool;
    }

    @Test
    void with_the_shortest_lease_time_that_is_allowed_beats_are_unbroken_as_well() {
        Heartbeat heartbeat = new Heartbeat(new PostgresWorkerStore(pool), TIGHT, "1", any -> {});
        heartbeat.ensureStarted();
        try {
            await().until(() -> heartbeat.isUnbrokenFor(TIGHT.leaseTime().multipliedBy(3)));
        } finally {
            heartbeat.stop(true);
        }
    }

    /** Such a process has no beat of its own by which it would notice that the database stood still. */
    @Test
    void process_without_a_heartbeat_says_nothing_of_the_silence_of_others() {
        Heartbeat heartbeat = new Heartbeat(new PostgresWorkerStore(pool), SETTINGS, "1", any -> {});
        assertThat(heartbeat.isUnbrokenFor(Duration.ZERO)).isFalse();
        assertThat(heartbeat.isLeaseSafe()).isTrue();
    }

    @Test
    void silence_of_others_says_nothing_until_a_lease_time_after_a_gap_of_ones_own() throws SQLException {
        Heartbeat heartbeat = new Heartbeat(new PostgresWorkerStore(pool), SETTINGS, "1", any -> {});
        heartbeat.ensureStarted();
        try {
            assertThat(heartbeat.isUnbrokenFor(SETTINGS.leaseTime())).isFalse();
            await().until(() -> heartbeat.isUnbrokenFor(SETTINGS.leaseTime()));

            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                statement.execute("SELECT FROM postroom.worker FOR UPDATE"); // a beat waits for this
                await().until(() -> heartbeat.sinceBeat().compareTo(SETTINGS.leaseTime()) > 0);
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

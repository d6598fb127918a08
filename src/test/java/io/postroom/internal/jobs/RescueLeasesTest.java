package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.internal.postgres.PostgresStores;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Whose silence counts as death. */
@PostgresTest
class RescueLeasesTest {
    private static final Duration LEASE_TIME = Duration.ofMillis(200);

    private final DataSource pool;
    private final JdbcClient sql;

    RescueLeasesTest(DataSource pool) {
        this.pool = pool;
        sql = JdbcClient.create(pool);
    }

    @Test
    void nobody_is_declared_dead_by_a_process_that_could_not_beat_itself() {
        PlacedMessages messages = new PlacedMessages(pool);
        messages.message("held").leased(messages.worker("silent"));
        AtomicBoolean hasBeaten = new AtomicBoolean();
        RescueLeases job = new RescueLeases(
                PostgresStores.on(pool).jobs(), LEASE_TIME, Duration.ofMillis(50), any -> hasBeaten.get(), any -> {});
        await().until(() -> sql.sql(
                        "SELECT now() - beat_at > interval '1 second' FROM postroom.worker WHERE name = 'silent'")
                .query(Boolean.class)
                .single());

        assertThat(job.run()).isEqualTo(Duration.ofMillis(50));
        assertThat(leases()).isEqualTo(1);

        hasBeaten.set(true);
        assertThat(job.run()).isZero();
        assertThat(leases()).isZero();
    }

    /** A process that died before the clock was set back has sent its last heartbeat in the time to come. */
    @Test
    void silence_counts_from_now_on_when_the_clock_was_set_back() {
        PlacedMessages messages = new PlacedMessages(pool);
        int dead = messages.worker("ahead");
        messages.message("held.ahead").leased(dead);
        sql.sql("UPDATE postroom.worker SET beat_at = beat_at + interval '1 hour' WHERE id = ?")
                .param(dead)
                .update();
        RescueLeases job = new RescueLeases(
                PostgresStores.on(pool).jobs(), LEASE_TIME, Duration.ofMillis(50), any -> true, any -> {});
        job.run();
        assertThat(leases()).as("it may be about to send a heartbeat").isEqualTo(1);
        await().until(() -> {
            job.run();
            return leases() == 0;
        });
    }

    private int leases() {
        return sql.sql("SELECT count(*) FROM postroom.lease")
                .query(Integer.class)
                .single();
    }
}

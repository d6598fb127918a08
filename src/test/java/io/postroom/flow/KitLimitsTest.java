package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Limiter;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Tests of users that look at limits: at most so many run, and after a period the next ones, without waiting for it. */
@PostgresTest
class KitLimitsTest {
    private static final Duration PERIOD = Duration.ofHours(1);

    private final AtomicBoolean isBusy = new AtomicBoolean();
    private final TestDatabase database;
    private final Postroom postroom;
    private final PostroomKit kit;

    KitLimitsTest(TestDatabase database) {
        this.database = database;
        postroom = Postroom.on(database.pool())
                .workers(false)
                .queue(QueueSettings.of("grouped").fair(true))
                .destination("calls", "bank")
                .limiter(Limiter.ofDestination("bank").maxStarts(3, PERIOD))
                .limiter(Limiter.ofQueue("grouped").maxStartsPerGroup(1, PERIOD))
                .handler(Handler.send("grouped", String.class, (text, context) -> Outcome.done()))
                .handler(Handler.send(
                        "calls",
                        String.class,
                        (text, context) -> isBusy.get() ? Outcome.notNow("bank", PERIOD) : Outcome.done()))
                .start();
        kit = PostroomKit.of(postroom);
        kit.reset();
    }

    @AfterEach
    void close() {
        postroom.close();
    }

    private void create(String queue, int messages) {
        for (int i = 0; i < messages; i++) {
            postroom.queueMessages()
                    .createMessage(CreateMessage.to(queue).payload("x").group("g" + i % 2));
        }
    }

    @Test
    void no_more_than_the_limit_run_and_the_next_ones_after_the_period() {
        create("calls", 7);
        assertThat(kit.drain()).isEqualTo(3);
        assertThat(kit.drain()).isZero();
        kit.advance(PERIOD.plusMinutes(1));
        assertThat(kit.drain()).isEqualTo(3);
        kit.advance(PERIOD.plusMinutes(1));
        assertThat(kit.drain()).isEqualTo(1);
    }

    @Test
    void limit_of_each_group_is_kept_and_its_period_passes_too() {
        create("grouped", 4);
        assertThat(kit.drain()).isEqualTo(2);
        kit.advance(PERIOD.plusMinutes(2));
        assertThat(kit.drain()).isEqualTo(2);
    }

    @Test
    void parked_destination_goes_on_when_its_time_has_passed() {
        isBusy.set(true);
        create("calls", 2);
        kit.drain();
        isBusy.set(false);
        create("calls", 1);
        assertThat(kit.drain()).isZero();
        kit.advance(PERIOD.plusMinutes(1));
        assertThat(kit.drain()).isPositive();
    }

    @Test
    void reset_forgets_counted_starts_and_parked_destinations() {
        create("calls", 3);
        assertThat(kit.drain()).isEqualTo(3);
        create("grouped", 2);
        assertThat(kit.drain()).isEqualTo(2);
        isBusy.set(true);
        kit.reset();
        create("calls", 1);
        kit.drain();
        isBusy.set(false);

        kit.reset();

        create("calls", 3);
        create("grouped", 2);
        assertThat(kit.drain()).isEqualTo(5);
    }

    @Test
    void declared_destination_leaves_the_destination_and_the_settings_of_an_operator() {
        JdbcClient sql = JdbcClient.create(database.pool());
        assertThat(destination(sql)).isEqualTo("bank");
        postroom.limiters().setDestination("calls", Optional.of("post"));
        Postroom.on(database.pool())
                .workers(false)
                .destination("calls", "bank")
                .start()
                .close();
        assertThat(destination(sql)).as("an operator has named it").isEqualTo("post");
        sql.sql("UPDATE postroom.queue SET settings_by = 'operator', destination_by = 'default' WHERE name = 'calls'")
                .update();
        Postroom.on(database.pool())
                .workers(false)
                .destination("calls", "bank")
                .start()
                .close();
        assertThat(destination(sql)).isEqualTo("post");
        sql.sql("UPDATE postroom.queue SET settings_by = 'default', destination_by = 'default' WHERE name = 'calls'")
                .update();
    }

    private static String destination(JdbcClient sql) {
        return sql.sql("SELECT destination FROM postroom.queue WHERE name = 'calls'")
                .query(String.class)
                .single();
    }
}

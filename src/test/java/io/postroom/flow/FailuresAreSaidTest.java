package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageType;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.DeadLetter;
import io.postroom.internal.storage.JobStore;
import io.postroom.test.PostroomKit;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What the log of a process says when its messages fail. */
@PostgresTest
class FailuresAreSaidTest {
    @MessageType(value = "said", version = 2)
    record Said(int number) {}

    private final HikariDataSource pool;
    private final LogRecorder lines = LogRecorder.of("io.postroom.failures", Level.WARN);

    FailuresAreSaidTest(TestDatabase database) {
        this.pool = database.pool();
    }

    @AfterEach
    void close() {
        lines.close();
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void many_failures_of_one_kind_are_a_line_at_once_and_a_number_later(HandlerMode mode) {
        String queue = "said-" + mode;
        UUID first = null;
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send(queue, Said.class, (payload, context) -> {
                            throw new IllegalStateException("provider answered " + payload.number());
                        })
                        .mode(mode)
                        .retry(RetryPolicy.fixed(2, Duration.ofMinutes(3))))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            for (int i = 0; i < 70; i++) {
                UUID id = postroom.queueMessages()
                        .createMessage(CreateMessage.to(queue).payload(new Said(i)))
                        .id();
                first = first == null ? id : first;
            }

            kit.drain();

            assertThat(lines.lines())
                    .singleElement()
                    .asString()
                    .contains("of queue \"" + queue + "\" (said/2) failed in attempt 1 and is tried again in 3m")
                    .contains("java.lang.IllegalStateException: provider answered", "fingerprint ");
            kit.advance(Duration.ofMinutes(3));
            kit.drain();

            assertThat(lines.lines()).hasSize(2);
            assertThat(lines.lines())
                    .last()
                    .asString()
                    .startsWith("dead letter: message ")
                    .contains("of queue \"" + queue
                            + "\" (said/2) is given up after 2 failed attempts, attempts_spent: java.lang.Ill");
            assertThat(postroom.recentFailures(Duration.ofHours(1)).deadLetters())
                    .isEqualTo(70);
            assertThat(postroom.recentFailures(Duration.ofHours(1)).failedAttempts())
                    .isEqualTo(140);
        }
        assertThat(lines.count("failed attempts: 69 more of queue \"" + queue + "\""))
                .isOne();
        assertThat(lines.count("dead letters: 69 more of queue \"" + queue + "\""))
                .isOne();
        assertThat(lines.events()).extracting(ILoggingEvent::getLevel).containsOnly(Level.WARN);
    }

    @Test
    void message_whose_workers_died_too_often_is_handed_to_the_log() {
        PlacedMessages messages = new PlacedMessages(pool);
        int dead = messages.worker("dead");
        JdbcClient sql = JdbcClient.create(pool);
        UUID id = messages.message("crashing")
                .type("said", 1)
                .attempt(dead, "crashed", null)
                .attempt(dead, "crashed", null)
                .leased(dead);
        UUID other = messages.message("crashing").leased(dead);
        sql.sql("UPDATE postroom.worker SET stopped_at = clock_timestamp() WHERE id = ?")
                .param(dead)
                .update();
        JobStore jobs = PostgresStores.on(pool).jobs();

        jobs.rescue(Duration.ZERO, 20);

        assertThat(jobs.buried())
                .singleElement()
                .isEqualTo(new DeadLetter(
                        id,
                        "crashing",
                        "said/1",
                        0,
                        "crash_limit",
                        "its worker died 3 times after it had started",
                        "crash_limit"));
        assertThat(jobs.buried()).isEmpty();
        assertThat(sql.sql("SELECT message_id FROM postroom.ready")
                        .query(UUID.class)
                        .list())
                .contains(other);
    }

    @Test
    void message_that_cannot_be_promoted_is_handed_to_the_log() {
        PlacedMessages messages = new PlacedMessages(pool);
        UUID id = messages.message("poisoned").delayed(Duration.ofMinutes(-1), "delay");
        JdbcClient sql = JdbcClient.create(pool);
        sql.sql("ALTER TABLE postroom.ready ADD CONSTRAINT poison CHECK (message_id <> '" + id + "') NOT VALID")
                .update();
        JobStore jobs = PostgresStores.on(pool).jobs();
        try {
            jobs.promoteOrQuarantine(id);
        } finally {
            sql.sql("ALTER TABLE postroom.ready DROP CONSTRAINT poison").update();
        }
        assertThat(jobs.buried()).singleElement().satisfies(letter -> {
            assertThat(letter.messageId()).isEqualTo(id);
            assertThat(letter.reason()).isEqualTo("quarantined");
            assertThat(letter.error()).contains("poison");
        });
    }

    @Test
    void process_says_dead_letters_that_its_jobs_made() {
        PlacedMessages messages = new PlacedMessages(pool);
        UUID id = messages.message("poisoned").delayed(Duration.ofMinutes(-1), "delay");
        JdbcClient sql = JdbcClient.create(pool);
        sql.sql("ALTER TABLE postroom.ready ADD CONSTRAINT poison CHECK (message_id <> '" + id + "') NOT VALID")
                .update();
        try (Postroom postroom = Postroom.on(pool).start()) {
            org.awaitility.Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> lines.count("dead letter: message " + id) == 1);
            assertThat(postroom.recentFailures(Duration.ofMinutes(5)).deadLetters())
                    .isOne();
        } finally {
            sql.sql("ALTER TABLE postroom.ready DROP CONSTRAINT poison").update();
        }
    }
}

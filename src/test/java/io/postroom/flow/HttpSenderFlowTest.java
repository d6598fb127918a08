package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.QueueSettings;
import io.postroom.api.RetryPolicy;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.channel.http.HttpSender;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.HttpStub;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Messages on their way to an external system: what their state is after each of its answers, and while its entry cannot be used. */
@PostgresTest
class HttpSenderFlowTest {
    private static final String QUEUE = "invoices";

    record OrderPaid(String order) {}

    private final HttpStub stub = new HttpStub();
    private final HttpSender sender = HttpSender.open();
    private final Map<String, String> secrets = new ConcurrentHashMap<>();
    private final JdbcClient sql;
    private final Postroom postroom;
    private final PostroomKit kit;

    HttpSenderFlowTest(TestDatabase database) {
        sql = JdbcClient.create(database.pool());
        sql.sql("DELETE FROM postroom.settings").update();
        postroom = Postroom.on(database.pool())
                .workers(false)
                .secretProperties(secrets::get)
                .settingsCheck(sender)
                .queue(QueueSettings.of(QUEUE))
                .handler(Handler.send(QUEUE, OrderPaid.class, sender::send)
                        .settings("billing")
                        .retry(RetryPolicy.fixed(3, Duration.ofSeconds(1))))
                .start();
        kit = PostroomKit.of(postroom);
        kit.reset();
    }

    @AfterEach
    void close() {
        postroom.close();
        sender.close();
        stub.close();
    }

    private SettingsEntry billing() {
        return SettingsEntry.of("billing", "http").endpoint(stub.url()).property("allowPrivate", "true");
    }

    private UUID create() {
        return postroom.queueMessages()
                .createMessage(QUEUE, new OrderPaid("A-17"))
                .id();
    }

    private Message message(UUID id) {
        return postroom.queueMessages().find(id).orElseThrow();
    }

    private String lastOf(UUID id) {
        Attempt last = postroom.queueMessages().history(id).get(0);
        return last.outcome() + " " + last.error().orElse("");
    }

    private void later() {
        kit.advance(Duration.ofMinutes(11));
        kit.drain();
    }

    @Test
    void broken_server_costs_attempts_with_one_idempotency_key_until_it_takes_the_message() {
        postroom.settings().set(billing());
        stub.answers(500, Map.of(), "oops");
        UUID id = create();
        kit.drain();
        assertThat(lastOf(id)).isEqualTo("retry 127.0.0.1 answered 500: oops");
        later();
        assertThat(message(id).entries().get(0).failures()).isEqualTo(2);

        stub.answers(200);
        later();
        assertThat(message(id).state()).isEqualTo(MessageState.DONE);
        assertThat(stub.requests())
                .hasSize(3)
                .extracting(request -> request.header("Idempotency-Key"))
                .containsOnly(id.toString());
    }

    @Test
    void refused_message_is_dead_and_its_history_has_what_the_server_said() {
        postroom.settings().set(billing());
        stub.answers(422, Map.of(), "unknown order");
        UUID id = create();
        kit.drain();
        assertThat(message(id).state()).isEqualTo(MessageState.DEAD);
        assertThat(lastOf(id)).isEqualTo("reject 127.0.0.1 answered 422: unknown order");
    }

    @Test
    void history_of_a_sent_message_keeps_of_the_answer_what_the_entry_says() {
        secrets.put("billing.key", "hunter2");
        SettingsEntry signed = billing().secret("property:billing.key").property("maxResponse", "1048576");
        stub.answers(200, Map.of(), "{\"invoice\": 7, \"key\": \"hunter2\"}");

        assertThat(noteAfter(signed)).as("by default").isEmpty();
        assertThat(noteAfter(signed.property("keepAnswer", "status"))).hasValue("127.0.0.1 answered 200");
        assertThat(noteAfter(signed.property("keepAnswer", "body")))
                .hasValue("127.0.0.1 answered 200: {\"invoice\": 7, \"key\": \"***\"}");
        stub.answers(200, Map.of(), "x".repeat(1024 * 1024));
        assertThat(noteAfter(signed.property("keepAnswer", "body")))
                .hasValueSatisfying(note -> assertThat(note).hasSize(4096).endsWith("x…"));
        assertThat(Conservation.check(sql)).isEmpty();
    }

    private Optional<String> noteAfter(SettingsEntry entry) {
        postroom.settings().set(entry);
        UUID id = create();
        kit.drain();
        assertThat(lastOf(id)).isEqualTo("done ");
        return postroom.queueMessages().history(id).get(0).note();
    }

    @Test
    void busy_server_parks_its_destination_for_the_queue_that_names_it() {
        postroom.settings().set(billing());
        postroom.limiters().setDestination(QUEUE, Optional.of("billing"));
        try {
            stub.answers(429, Map.of("Retry-After", "120"), "");
            UUID id = create();
            kit.drain();
            assertThat(message(id).state()).isEqualTo(MessageState.DELAYED);
            assertThat(message(id).entries().get(0).failures()).isZero();
            UUID other = create();
            kit.drain();
            assertThat(message(other).state()).as("not started").isEqualTo(MessageState.READY);
            assertThat(stub.requests()).hasSize(1);
            assertThat(postroom.limiters().list())
                    .anySatisfy(limiter -> assertThat(limiter.toString()).contains("billing"));

            stub.answers(200);
            assertThat(postroom.limiters().unpark("billing")).isTrue();
            kit.drain();
            assertThat(message(other).state()).isEqualTo(MessageState.DONE);
        } finally {
            postroom.limiters().setDestination(QUEUE, Optional.empty());
        }
    }

    @Test
    void message_waits_for_a_missing_secret_and_health_says_it() {
        postroom.settings().set(billing().secret("property:billing.key"));
        UUID id = create();
        kit.drain();
        assertThat(message(id).state()).isEqualTo(MessageState.DELAYED);
        assertThat(stub.requests()).isEmpty();
        assertThat(postroom.warnings())
                .anyMatch(warning -> warning.contains("its secret was not found: the property billing.key is not set"));
        assertThat(postroom.settings().test("billing").orElseThrow().text())
                .contains("its secret was not found: the property billing.key is not set");

        secrets.put("billing.key", "hunter2");
        later();
        assertThat(message(id).state()).isEqualTo(MessageState.DONE);
        assertThat(stub.last().header("Postroom-Signature")).startsWith("v1=");
    }

    @Test
    void wrong_entry_is_refused_here_and_one_that_was_written_by_sql_lets_messages_wait() {
        assertThatThrownBy(() -> postroom.settings().set(billing().property("deadline", "soon")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("properties.deadline must be a duration");
        assertThatThrownBy(() -> postroom.settings().declare(billing().property("time-limit", "1s")))
                .isInstanceOf(InvalidMessageException.class);
        assertThat(postroom.settings().find("billing")).isEmpty();

        sql.sql("SELECT postroom.set_settings('billing', jsonb_build_object('channel', 'http', 'endpoint', :url,"
                        + " 'properties', '{\"deadline\": \"soon\"}'::jsonb))")
                .param("url", stub.url())
                .query(Long.class)
                .single();
        UUID id = create();
        kit.drain();
        assertThat(message(id).state()).isEqualTo(MessageState.DELAYED);
        assertThat(message(id).entries().get(0).failures()).isZero();
        assertThat(postroom.warnings())
                .anyMatch(warning -> warning.contains("messages wait: properties.deadline must be a duration"));
        assertThat(postroom.queueMessages().explain(id))
                .anyMatch(line -> line.contains("its handler needs the settings \"billing\"")
                        && line.contains("a process that refuses one of their values"));

        postroom.settings().set(billing());
        later();
        assertThat(message(id).state()).isEqualTo(MessageState.DONE);
    }

    @Test
    void test_of_an_entry_writes_and_parks_nothing() {
        postroom.settings().set(billing().enabled(false));
        stub.answers(503, Map.of("Retry-After", "600"), "");
        SettingsVerdict verdict = postroom.settings().test("billing").orElseThrow();
        assertThat(verdict.ok()).isFalse();
        assertThat(verdict.text())
                .isEqualTo(
                        "127.0.0.1 answered 503 to HEAD: it takes nothing now. Messages wait all the same: it is disabled");
        assertThat(stub.last().method()).isEqualTo("HEAD");
        assertThat(sql.sql("SELECT count(*) FROM postroom.message")
                        .query(Long.class)
                        .single())
                .isZero();
        assertThat(postroom.limiters().list())
                .noneMatch(limiter -> limiter.parkedUntil().isPresent());
        assertThat(postroom.settings().test("none")).isEmpty();
        postroom.settings().set(SettingsEntry.of("files", "file"));
        assertThatThrownBy(() -> postroom.settings().test("files"))
                .hasMessage("channel must be one that this process can test: http, mailbox, got \"file\"");
    }
}

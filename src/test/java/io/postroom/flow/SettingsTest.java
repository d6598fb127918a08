package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.api.SettingsChangedException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoredSettings;
import io.postroom.handler.Handler;
import io.postroom.internal.execution.HandlerEntries;
import io.postroom.test.PostroomKit;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Handlers that name the entry of an external system: what they see of it, and what their messages do while it cannot be used. */
@PostgresTest
class SettingsTest {
    private static final Duration SOON = Duration.ofSeconds(60);

    private final List<String> seen = new CopyOnWriteArrayList<>();
    private final Map<String, String> properties = new ConcurrentHashMap<>();
    private final TestDatabase database;
    private final JdbcClient sql;
    private final Postroom postroom;
    private final PostroomKit kit;

    SettingsTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        sql.sql("DELETE FROM postroom.settings").update();
        postroom = builder()
                .workers(false)
                .handler(note("one").retry(RetryPolicy.fixed(7, Duration.ofSeconds(1))))
                .handler(Handler.batch("many", Direction.OUTGOING, String.class, 10, (texts, contexts) -> {
                            seen.add(texts.size() + " "
                                    + contexts.get(0).settings().endpoint().orElseThrow());
                            return List.of(Outcome.done());
                        })
                        .settings("billing"))
                .handler(Handler.send("fails", String.class, (text, context) -> {
                            seen.add("left " + context.attemptsLeft());
                            return Outcome.retry("failed");
                        })
                        .settings("billing")
                        .retry(RetryPolicy.fixed(7, Duration.ofSeconds(1))))
                .handler(Handler.send("plain", String.class, (text, context) -> {
                    seen.add(String.valueOf(context.settings()));
                    return Outcome.done();
                }))
                .start();
        kit = PostroomKit.of(postroom);
        kit.reset();
    }

    private Postroom.Builder builder() {
        return Postroom.on(database.pool()).secretProperties(properties::get);
    }

    private Handler note(String queue) {
        return Handler.send(queue, String.class, (text, context) -> {
                    SettingsEntry entry = context.settings();
                    seen.add(entry.endpoint().orElse("-") + " "
                            + context.secret().orElse("-"));
                    return Outcome.done();
                })
                .settings("billing");
    }

    @AfterEach
    void close() {
        postroom.close();
    }

    private static SettingsEntry billing() {
        return SettingsEntry.of("billing", "http").endpoint("https://a.example");
    }

    @Test
    void handler_gets_the_entry_and_its_secret_as_of_each_attempt(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("secret");
        Files.writeString(file, "first\n");
        postroom.settings().set(billing().secret("file:" + file));
        create("one");
        kit.drain("one");
        Files.writeString(file, "second");
        postroom.settings().set(billing().secret("file:" + file).endpoint("https://b.example"));
        create("one");
        kit.drain("one");
        properties.put("billing.key", "third");
        postroom.settings().set(billing().secret("property:billing.key"));
        create("one");
        kit.drain("one");
        assertThat(seen)
                .containsExactly("https://a.example first", "https://b.example second", "https://a.example third");
    }

    @Test
    void message_waits_for_its_entry_spends_nothing_and_says_why() {
        try (LogRecorder log = LogRecorder.of(HandlerEntries.class.getName(), Level.INFO)) {
            UUID id = create("one");
            UUID other = create("one");
            kit.drain("one");
            assertWaits(id, "settings: its handler needs the settings \"billing\", and there is no such entry");
            assertThat(log.count("cannot be used")).as("logged once").isOne();
            assertThat(warnings())
                    .containsExactly("settings \"billing\" cannot be used, and messages wait: there is no such entry");

            postroom.settings().by("Ann").set(billing().enabled(false));
            again();
            assertWaits(id, "it is disabled, by Ann at ");

            postroom.settings().set(billing().valid(Optional.of(Instant.now().plusSeconds(900)), Optional.empty()));
            again();
            assertWaits(id, "it is valid from ");

            postroom.settings()
                    .set(billing()
                            .valid(Optional.empty(), Optional.of(Instant.now().minusSeconds(1))));
            again();
            assertWaits(id, "it was valid until ");

            postroom.settings().set(billing().secret("property:no.such.secret"));
            again();
            assertWaits(id, "secret: its handler needs the secret of the settings \"billing\"");
            assertThat(warnings())
                    .containsExactly("settings \"billing\" cannot be used, and messages wait: its secret was not found:"
                            + " the property no.such.secret is not set");
            assertThat(seen).isEmpty();

            properties.put("no.such.secret", "hunter2");
            again();
            assertThat(seen).hasSize(2).containsOnly("https://a.example hunter2");
            assertThat(message(other).state()).isEqualTo(MessageState.DONE);
            assertThat(message(id).entries().get(0).failures()).isZero();
            assertThat(warnings()).isEmpty();
            assertThat(log.count("hunter2")).isZero();
            assertThat(log.count("can be used again")).isOne();
        }
    }

    /** As a newer version may write one. Its messages wait, and handlers of other entries and the poll go on. */
    @Test
    void entry_that_this_version_cannot_read_is_one_that_cannot_be_used() {
        postroom.settings().set(billing());
        sql.sql("ALTER TABLE postroom.settings DISABLE TRIGGER check_settings").update();
        sql.sql("UPDATE postroom.settings SET secret = 'env:of another kind', version = version + 1")
                .update();
        sql.sql("ALTER TABLE postroom.settings ENABLE TRIGGER check_settings").update();
        UUID id = create("one");
        kit.drain("one");
        assertThat(message(id).state()).isEqualTo(MessageState.DELAYED);
        assertThat(message(id).entries().get(0).failures()).isZero();
        assertThat(postroom.queueMessages().history(id)).isEmpty();
        assertThat(warnings())
                .containsExactly("settings \"billing\" cannot be used, and messages wait:"
                        + " this process cannot read it (secret)");
    }

    @Test
    void batch_waits_as_a_whole_and_then_runs_with_the_entry() {
        create("many");
        create("many");
        kit.drain("many");
        assertThat(seen).isEmpty();
        postroom.settings().set(billing());
        again();
        assertThat(seen).containsExactly("2 https://a.example");
    }

    @Test
    void attempts_of_the_entry_come_before_those_of_the_handler_and_after_those_of_an_operator() {
        postroom.settings().set(billing());
        create("fails");
        kit.drain("fails");
        postroom.settings().set(billing().retry(3, "1m"));
        UUID id = create("fails");
        kit.drain("fails");
        assertThat(Duration.between(
                        Instant.now(), message(id).entries().get(0).dueAt().orElseThrow()))
                .isBetween(Duration.ofSeconds(50), Duration.ofSeconds(61));
        assertThat(seen).containsExactly("left 6", "left 2");
    }

    @Test
    void operators_values_of_the_queue_come_before_those_of_the_entry() {
        postroom.settings().set(billing().retry(3, "1m"));
        sql.sql("INSERT INTO postroom.queue (name, max_attempts, settings_by) VALUES ('served', 2, 'operator')"
                        + " ON CONFLICT (name) DO UPDATE SET max_attempts = 2, settings_by = 'operator'")
                .update();
        try (Postroom worker = builder()
                .handler(Handler.send("served", String.class, (text, context) -> {
                            seen.add("left " + context.attemptsLeft());
                            return Outcome.done();
                        })
                        .settings("billing"))
                .start()) {
            worker.queueMessages().createMessage(CreateMessage.to("served").json("text", 1, "\"x\""));
            await().atMost(SOON).until(() -> seen.size() == 1);
        }
        assertThat(seen).containsExactly("left 1");
    }

    @Test
    void handler_without_settings_is_told_so() {
        UUID id = create("plain");
        kit.drain("plain");
        assertThat(postroom.queueMessages().history(id).get(0).error().orElseThrow())
                .contains("the handler of queue \"plain\" names no settings");
    }

    @Test
    void change_of_another_process_or_by_hand_reaches_a_worker_by_its_poll() {
        postroom.settings().set(billing());
        try (Postroom worker = builder().handler(note("polled")).start()) {
            worker.queueMessages().createMessage(CreateMessage.to("polled").json("text", 1, "\"x\""));
            await().atMost(SOON).until(() -> seen.contains("https://a.example -"));
            sql.sql("SELECT postroom.set_settings('billing', '{\"endpoint\": \"https://b.example\"}')")
                    .query(Long.class)
                    .single();
            awaitSeen(worker, "https://b.example -");
            sql.sql("UPDATE postroom.settings SET endpoint = 'https://c.example'")
                    .update();
            awaitSeen(worker, "https://c.example -");
        }
    }

    /** Each message would wait for a day. Only the return of its entry lets it go on. */
    @Test
    void waiting_messages_go_on_when_their_entry_comes_back() {
        try (Postroom worker = builder().handler(note("back")).start()) {
            UUID missing = waiting(worker, "settings:billing");
            setByHand("{\"channel\": \"http\", \"endpoint\": \"https://a.example\"}");
            awaitDone(missing);

            setByHand("{\"enabled\": false}");
            UUID disabled = waiting(worker, "settings:billing");
            setByHand("{\"enabled\": true}");
            awaitDone(disabled);

            setByHand("{\"secret\": \"property:late.secret\"}");
            UUID secret = waiting(worker, "secret:billing");
            properties.put("late.secret", "hunter2");
            awaitDone(secret);

            setByHand("{\"enabled\": false}");
            UUID later = waiting(worker, "settings:billing");
            worker.close();
            setByHand("{\"enabled\": true}");
            try (Postroom next = builder().handler(note("back")).start()) {
                awaitDone(later);
            }
        }
    }

    private UUID waiting(Postroom worker, String reason) {
        await().atMost(SOON)
                .until(() -> worker.warnings().stream().anyMatch(warning -> warning.startsWith("settings ")));
        UUID id = worker.queueMessages()
                .createMessage(CreateMessage.to("back").json("text", 1, "\"x\""))
                .id();
        await().atMost(SOON)
                .until(() -> sql.sql("UPDATE postroom.delayed SET due_at = due_at + interval '1 day'"
                                        + " WHERE message_id = ? AND reason = ?")
                                .params(id, reason)
                                .update()
                        == 1);
        return id;
    }

    private void setByHand(String changes) {
        sql.sql("SELECT postroom.set_settings('billing', ?::jsonb)")
                .param(changes)
                .query(Long.class)
                .single();
    }

    private void awaitDone(UUID id) {
        await().atMost(SOON).until(() -> message(id).state() == MessageState.DONE);
    }

    private void awaitSeen(Postroom worker, String what) {
        await().atMost(SOON).until(() -> {
            worker.queueMessages().createMessage(CreateMessage.to("polled").json("text", 1, "\"x\""));
            return seen.contains(what);
        });
    }

    @Test
    void two_people_who_read_the_same_version_do_not_overwrite_one_another() {
        StoredSettings read = postroom.settings().set(billing());
        StoredSettings ann = postroom.settings().by("Ann").set(billing().property("a", "1"), read.version());
        assertThat(ann.changedBy()).isEqualTo("Ann");
        assertThatThrownBy(() -> postroom.settings().by("Bob").set(billing().property("b", "1"), read.version()))
                .isInstanceOf(SettingsChangedException.class)
                .hasMessageContaining(
                        "are at version " + ann.version() + ", not " + read.version() + ": changed by Ann");
        assertThatThrownBy(() -> postroom.settings().delete("billing", read.version()))
                .isInstanceOf(SettingsChangedException.class);
        assertThat(postroom.settings().find("billing")).contains(ann);
        assertThat(postroom.settings().history("billing", 2))
                .extracting(change -> change.changedBy() + " " + change.changed())
                .first()
                .isEqualTo("Ann [properties]");
    }

    @Test
    void entry_that_breaks_a_limit_is_refused_in_the_words_of_its_field() {
        assertThatThrownBy(() -> postroom.settings().set(billing().retry(0, "1s")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessage("attempts must be 1 to 1000, got \"0\"");
        assertThatThrownBy(() -> billing().secret("hunter2"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("secret must be a reference")
                .hasMessageNotContaining("hunter2");
        assertThat(postroom.settings().find("billing")).isEmpty();
    }

    @Test
    void declared_entry_is_made_at_the_start_and_an_operators_value_holds() {
        postroom.close();
        try (Postroom first = builder().workers(false).settingsEntry(billing()).start()) {
            assertThat(first.settings().find("billing").orElseThrow().byOperator())
                    .isFalse();
            first.settings().set(billing().enabled(false));
        }
        try (Postroom second = builder().workers(false).settingsEntry(billing()).start()) {
            assertThat(second.settings().list())
                    .extracting(one -> one.entry().enabled() + " " + one.byOperator())
                    .containsExactly("false true");
        }
    }

    private void assertWaits(UUID id, String why) {
        assertThat(message(id).state()).isEqualTo(MessageState.DELAYED);
        assertThat(message(id).entries().get(0).failures()).isZero();
        assertThat(postroom.queueMessages().history(id)).isEmpty();
        assertThat(postroom.queueMessages().explain(id)).anyMatch(line -> line.contains(why));
    }

    private void again() {
        kit.advance(Duration.ofMinutes(11));
        kit.drain();
    }

    private Message message(UUID id) {
        return postroom.queueMessages().find(id).orElseThrow();
    }

    private UUID create(String queue) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).json("text", 1, "\"x\""))
                .id();
    }

    /** Without those about queues: where the time is advanced, their messages seem to wait long. */
    private List<String> warnings() {
        return postroom.warnings().stream()
                .filter(warning -> warning.startsWith("settings "))
                .toList();
    }
}

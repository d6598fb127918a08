package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.Message;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Rows of live messages that somebody removes or moves by SQL. The place of a message is its state, so no column has a state that a trigger
 * could hold. The neighbours go on, and db/checks/conservation.sql names the message.
 */
@PostgresTest
class HandMovedRowsTest {
    private final List<String> handled = new CopyOnWriteArrayList<>();
    private final TestDatabase database;
    private final JdbcClient sql;

    HandMovedRowsTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    private static UUID create(Postroom postroom, String queue, String text) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).json("text", 1, "\"" + text + "\""))
                .id();
    }

    private Handler handler(String queue) {
        return Handler.send(queue, String.class, (text, context) -> {
            handled.add(text.replace("\"", "")); // the JSON text of a string
            return text.contains("rejected") ? Outcome.reject("no use") : Outcome.done();
        });
    }

    /** Found: what conservation.sql says of the message. Handled: whether its handler was called after the change. */
    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "content of a waiting message | DELETE FROM postroom.message WHERE id = :id | no_message | false",
                "place of a waiting message | DELETE FROM postroom.ready WHERE message_id = :id | no_place | false",
                "copied to DELAYED | INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)"
                        + " SELECT now() + interval '1 day', queue_id, priority, message_id, 'delay' FROM postroom.ready"
                        + " WHERE message_id = :id | two_places | true",
                "both content and place | WITH gone AS (DELETE FROM postroom.ready WHERE message_id = :id)"
                        + " DELETE FROM postroom.message WHERE id = :id | | false",
            })
    void neighbours_of_a_waiting_message_go_on_and_the_check_names_it(
            String name, String change, String found, boolean isHandled) {
        String queue = "moved." + MessageIds.next();
        try (Postroom postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(handler(queue))
                .start()) {
            UUID before = create(postroom, queue, "before");
            UUID bad = create(postroom, queue, "bad");
            UUID after = create(postroom, queue, "after");

            assertThat(sql.sql(change).param("id", bad).update()).isEqualTo(1);
            PostroomKit.of(postroom).drain(queue);

            assertThat(stateOf(postroom, before)).contains(MessageState.DONE);
            assertThat(stateOf(postroom, after)).contains(MessageState.DONE);
            assertThat(handled.contains("bad")).isEqualTo(isHandled);
            postroom.queueMessages().explain(bad); // does not fail
            assertThat(checkedOf(bad))
                    .isEqualTo(Optional.ofNullable(found).map(List::of).orElse(List.of()));
        }
    }

    @Test
    void finished_message_that_is_put_back_runs_again_and_the_check_names_it() {
        String queue = "moved." + MessageIds.next();
        try (Postroom postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(handler(queue))
                .start()) {
            UUID done = create(postroom, queue, "done");
            PostroomKit.of(postroom).drain(queue);

            int rows = sql.sql("""
                            INSERT INTO postroom.ready (seq, queue_id, priority, message_id)
                            SELECT nextval('postroom.ready_seq'), queue_id, priority, id FROM postroom.message WHERE id = :id
                            """).param("id", done).update();
            assertThat(rows).isEqualTo(1);
            assertThat(checkedOf(done)).containsExactly("two_places");
            PostroomKit.of(postroom).drain(queue);

            assertThat(handled).containsExactly("done", "done");
            assertThat(checkedOf(done)).contains("finished_twice");
        }
    }

    @Test
    void dead_letter_that_is_deleted_by_hand_is_named_by_the_check_and_can_be_put_back() {
        String queue = "moved." + MessageIds.next();
        try (Postroom postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(handler(queue))
                .start()) {
            UUID dead = create(postroom, queue, "rejected");
            PostroomKit.of(postroom).drain(queue);
            assertThat(stateOf(postroom, dead)).contains(MessageState.DEAD);

            sql.sql("DELETE FROM postroom.dead_letter WHERE message_id = :id")
                    .param("id", dead)
                    .update();

            assertThat(checkedOf(dead)).containsExactly("no_place");
            assertThat(postroom.queueMessages().explain(dead)).anyMatch(line -> line.startsWith("no_place"));
        }
    }

    /** Workers and rescue as they run, because a lease without a worker is theirs. */
    @Test
    void lease_without_an_owner_is_rescued_and_a_lease_that_is_deleted_loses_nothing_silently() {
        String queue = "moved." + MessageIds.next();
        UUID orphan;
        UUID gone;
        try (Postroom producer = Postroom.on(database.pool()).workers(false).start()) {
            orphan = create(producer, queue, "orphan");
            gone = create(producer, queue, "gone");
        }
        assertThat(sql.sql("""
                        WITH taken AS (DELETE FROM postroom.ready WHERE message_id IN (:orphan, :gone) RETURNING *)
                        INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open, started)
                        SELECT -1, queue_id, priority, ARRAY[message_id], B'1', 0 FROM taken
                        """).param("orphan", orphan).param("gone", gone).update())
                .isEqualTo(2);
        sql.sql("DELETE FROM postroom.lease WHERE :id = ANY (message_ids)")
                .param("id", gone)
                .update();

        EngineSettings quick = new EngineSettings(
                "quick", Duration.ofSeconds(2), Duration.ofMillis(200), Duration.ofMillis(100), true, true);
        try (Postroom worker = Postroom.on(database.pool())
                .settings(quick)
                .handler(handler(queue))
                .start()) {
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> stateOf(worker, orphan).equals(Optional.of(MessageState.DONE)));
            assertThat(handled).containsExactly("orphan");
            assertThat(checkedOf(orphan)).isEmpty();
            assertThat(checkedOf(gone)).containsExactly("no_place");
        }
    }

    private static Optional<MessageState> stateOf(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).map(Message::state);
    }

    private List<String> checkedOf(UUID id) {
        return Conservation.check(sql).stream()
                .filter(violation -> id.equals(violation.messageId()))
                .map(Conservation.Violation::check)
                .toList();
    }
}

package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Batch;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.api.Reason;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.DeadLetterStore;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Discarding one dead letter, also beside a redrive of the same one. */
@PostgresTest
class DiscardTest extends OrderSteps {
    private static final Reason REASON = Reason.of("the customer has left").by("ann");

    private final DeadLetterStore letters = fixture.stores.deadLetters();

    DiscardTest(TestDatabase database) {
        super(database);
    }

    private UUID deadLetter() {
        UUID id = fixture.enqueue();
        fixture.stores.leases().complete(fixture.worker, List.of(dead(fixture.claimOne(), "x")));
        return id;
    }

    @Test
    void discarded_dead_letter_is_cancelled_with_actor_and_reason_on_record() {
        UUID id = deadLetter();
        assertThat(letters.discard(id, null, REASON)).isOne();
        assertThat(letters.discard(id, null, REASON)).as("a repeat").isZero();
        assertThat(fixture.text(
                        "SELECT state || ' ' || reason FROM postroom.queue_messages WHERE message_id = '" + id + "'"))
                .isEqualTo("CANCELLED discarded");
        assertThat(fixture.texts("SELECT concat_ws('|', actor, action, done, reason, db_user = session_user)"
                        + " FROM postroom.operator_log WHERE message_id = '" + id + "'"))
                .containsExactly("ann|discard|1|the customer has left|t");
    }

    @Test
    void discard_in_one_queue_leaves_the_letter_in_the_other() {
        String name = fixture.queue.name();
        fixture.text("SELECT postroom.declare_exchange('" + name + ".all', 'fanout')");
        fixture.text("SELECT postroom.declare_queue('" + name + ".other')");
        for (String target : List.of(name, name + ".other")) {
            fixture.text("SELECT postroom.bind('" + name + ".all', '" + target + "')");
        }
        String id = fixture.text("SELECT id FROM postroom.create_message(exchange => '" + name
                + ".all', routing_key => '', payload => '1')");
        fixture.execute("WITH gone AS (DELETE FROM postroom.ready WHERE message_id = '" + id + "' RETURNING *)"
                + " INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)"
                + " SELECT queue_id, priority, 0, 0, 1, message_id, 'quarantined' FROM gone");
        UUID letter = UUID.fromString(id);
        assertThat(letters.discard(letter, name + ".other", REASON)).isOne();
        assertThat(fixture.texts(
                        "SELECT state FROM postroom.queue_messages WHERE message_id = '" + id + "' ORDER BY state"))
                .containsExactly("CANCELLED", "DEAD");
        assertThat(letters.discard(letter, null, REASON)).isOne();
    }

    @ParameterizedTest
    @CsvSource({
        "discard,redrive,commit",
        "discard,redrive,rollback",
        "redrive,discard,commit",
        "redrive,discard,rollback"
    })
    void one_of_discard_and_redrive_gets_the_letter(String first, String second, String end) throws Exception {
        UUID id = deadLetter();
        Connection open = begin();
        assertThat(text(open, call(first, id))).isEqualTo("1");
        Future<String> other = threads.submit(() -> fixture.text(call(second, id)));
        awaitWaiting();
        if (end.equals("commit")) {
            open.commit();
        } else {
            open.rollback();
        }
        assertThat(answer(other)).isEqualTo(end.equals("commit") ? "0" : "1");
        String winner = end.equals("commit") ? first : second;
        assertThat(fixture.text("SELECT state FROM postroom.queue_messages WHERE message_id = '" + id + "'"))
                .isEqualTo(winner.equals("discard") ? "CANCELLED" : "READY");
    }

    private static String call(String verb, UUID id) {
        return "SELECT postroom." + verb + "('" + id + "'" + (verb.equals("discard") ? ", 'no use'" : "") + ")";
    }

    @Test
    void group_that_a_dead_letter_blocks_goes_on_when_that_is_discarded() {
        declared(QueueSettings.of(queue.name()).onDeadLetter(OnDeadLetter.BLOCK));
        ClaimedMessage first = claimOnly(send("a"));
        UUID second = send("a");
        complete(dead(first, "x"));
        assertThat(claim()).isEmpty();
        letters.discard(first.id(), queue.name(), REASON);
        complete(done(claimOnly(second)));
    }

    @Test
    void batch_counts_a_discarded_dead_letter_as_cancelled() {
        UUID batch = UUID.fromString(fixture.text("SELECT postroom.create_batch('a batch')"));
        UUID member = UUID.fromString(fixture.text("SELECT id FROM postroom.create_message('" + fixture.queue.name()
                + "', '{}', batch => '" + batch + "')"));
        fixture.stores.leases().complete(fixture.worker, List.of(dead(fixture.claimOne(), "x")));
        fixture.stores.batches().settle(batch); // has seen it dead
        letters.discard(member, null, REASON);
        fixture.execute("SELECT postroom.seal_batch('" + batch + "')");
        fixture.stores.batches().settle(batch);
        Batch found = fixture.stores.batches().find(batch).orElseThrow();
        assertThat(List.of(found.cancelled(), found.dead())).containsExactly(1L, 0L);
    }

    @Test
    void unknown_queue_and_unfit_reason_are_refused_in_java_and_sql() {
        UUID id = deadLetter();
        assertThatThrownBy(() -> letters.discard(id, "no-such-queue", REASON))
                .isInstanceOf(QueueNotFoundException.class)
                .hasMessageContaining("no-such-queue");
        assertThatThrownBy(() -> Reason.of("two\nlines"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("reason must be no control characters");
        assertThatThrownBy(() -> Reason.of(" ")).hasMessageStartingWith("reason must be 1 to 200 characters");
        assertThatThrownBy(() -> REASON.by("")).hasMessageStartingWith("actor must be 1 to 200 characters");
        for (String unfit : List.of("NULL", "' '", "repeat('x', 201)", "E'two\\nlines'", "'x', actor => ''")) {
            assertThatThrownBy(() -> fixture.text("SELECT postroom.discard('" + id + "', " + unfit + ")"))
                    .as(unfit)
                    .hasStackTraceContaining(unfit.contains("actor") ? "actor must be" : "reason must be");
        }
        assertThat(fixture.places(id)).containsExactly("dead");
    }
}

package io.postroom.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

@PostgresTest
class ExplainTest {
    private final JdbcClient sql;
    private final PlacedMessages messages;
    private final int worker;

    ExplainTest(DataSource pool) {
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
        worker = messages.worker("node-1");
    }

    @Test
    void unknown_id_is_said_to_be_unknown() {
        assertThat(explain(UUID.randomUUID())).singleElement().asString().startsWith("unknown: ");
    }

    @Test
    void finished_message_says_how_and_until_when_it_is_kept() {
        UUID done = messages.message("finished").finishedAgo(worker, "done", Duration.ofMinutes(1));
        UUID cancelled = messages.message("finished").finishedAgo(worker, "cancelled", Duration.ofMinutes(1));
        UUID expired = messages.message("finished").finishedAgo(worker, "expired", Duration.ofMinutes(1));
        assertThat(explain(done))
                .singleElement()
                .asString()
                .startsWith("done: it is DONE in queue \"finished\" since ");
        assertThat(explain(cancelled)).singleElement().asString().startsWith("cancelled: ");
        assertThat(explain(expired)).singleElement().asString().startsWith("expired: ");
    }

    @Test
    void dead_message_says_why_and_how_to_redrive_it() {
        UUID id = messages.message("dead")
                .attempt(worker, "retry", "refused")
                .attempt(worker, "failed", "refused again")
                .dead("attempts_spent", "X", "refused again\n  at Mailer.send", "f");
        assertThat(explain(id))
                .singleElement()
                .asString()
                .startsWith("dead: queue \"dead\" gave it up at ")
                .contains("(attempts_spent, 2 failures, 0 crashes): refused again;")
                .endsWith("SELECT postroom.redrive('" + id + "') puts it back");
    }

    @Test
    void message_in_progress_says_who_holds_it_and_whether_that_one_is_silent() {
        UUID id = messages.message("held").leased(worker);
        assertThat(explain(id))
                .singleElement()
                .asString()
                .startsWith("in_progress: worker \"node-1\" holds it since ")
                .endsWith(" in queue \"held\", delivery 1");

        int silent = messages.worker("node-2");
        sql.sql("UPDATE postroom.worker SET beat_at = now() - interval '20 seconds' WHERE id = ?")
                .param(silent)
                .update();
        assertThat(explain(messages.message("held").leased(silent)))
                .singleElement()
                .asString()
                .contains("has sent no heartbeat for 20 s");
        assertThat(explain(messages.message("held").leased(987654)))
                .singleElement()
                .asString()
                .contains("a worker that is gone");
    }

    @Test
    void paused_queue_comes_before_the_missing_consumer_and_what_is_ahead() {
        messages.message("paused").ready();
        UUID id = messages.message("paused").ready();
        sql.sql("UPDATE postroom.queue SET paused_at = now() WHERE name = 'paused'")
                .update();
        assertThat(codes(id)).containsExactly("queue_paused", "no_consumer", "behind");
        assertThat(explain(id)).last().asString().isEqualTo("behind: 1 message of queue \"paused\" is ahead of it");
    }

    @Test
    void consumers_that_do_not_take_the_type_are_named() {
        messages.consumer(worker, "typed", "mail.send", "ticket/2", "invoice/7");
        messages.consumer(worker, "typed", "plain.send", "");
        assertThat(codes(messages.message("typed").type("ticket", 2).ready())).containsExactly("next");
        assertThat(codes(messages.message("typed").type("ticket", 1).priority(9).ready()))
                .containsExactly("next");
        assertThat(codes(messages.message("typed").priority(9).ready())).containsExactly("behind");
        UUID newer = messages.message("typed").type("ticket", 3).ready();
        assertThat(codes(newer)).containsExactly("no_handler", "behind");
        assertThat(explain(newer))
                .first()
                .asString()
                .isEqualTo(
                        "no_handler: no live consumer of queue \"typed\" takes type ticket version 3:"
                                + " mail.send of node-1 takes ticket/2, invoice/7; plain.send of node-1 takes messages without a type");
        messages.consumer(worker, "typed", "any.send", "*");
        assertThat(codes(newer)).containsExactly("behind");
    }

    @Test
    void consumer_of_a_silent_process_does_not_count() {
        int silent = messages.worker("silent");
        messages.consumer(silent, "left", "mail.send", "*");
        UUID id = messages.message("left").ready();
        assertThat(codes(id)).containsExactly("next");
        sql.sql("UPDATE postroom.worker SET beat_at = now() - interval '2 minutes' WHERE id = ?")
                .param(silent)
                .update();
        assertThat(codes(id)).containsExactly("no_consumer", "next");
    }

    @Test
    void delayed_message_says_when_it_is_due_and_why() {
        messages.consumer(worker, "late", "mail.send", "*");
        UUID id = messages.message("late").attempt(worker, "retry", "refused").delayed(Duration.ofHours(1), "retry");
        assertThat(explain(id))
                .singleElement()
                .asString()
                .startsWith("due_later: it is due at ")
                .endsWith("in queue \"late\", because of retry; last error: refused");
    }

    @Test
    void suspect_is_said_to_be_claimed_alone() {
        messages.consumer(worker, "suspects", "mail.send", "*");
        UUID id =
                messages.message("suspects").attempt(worker, "crashed", "gone").ready();
        assertThat(codes(id)).containsExactly("suspect", "next");
    }

    @Test
    void count_of_what_is_ahead_ends_at_ten_thousand() {
        int queue = messages.queue("long");
        sql.sql("""
                        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                        SELECT -g, ?, 4, gen_random_uuid(), false FROM generate_series(1, 10001) g
                        """).param(queue).update();
        UUID id = messages.message("long").ready();
        assertThat(explain(id)).last().asString().startsWith("behind: 10,000+ messages");
    }

    /** A generic plan used to read the whole queue for its first message: 0.7 s with nine million behind it. */
    @Test
    void messages_behind_the_explained_one_are_not_read() throws SQLException {
        assertThat(readToExplain("""
                        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                        SELECT 1000000 + g, id, 4, gen_random_uuid(), false
                        FROM postroom.queue, generate_series(1, 3000) g
                        """, "next: nothing is ahead of it")).isBetween(1L, 99L);
    }

    @Test
    void messages_of_other_groups_of_a_fair_queue_are_not_read() throws SQLException {
        assertThat(readToExplain("""
                        WITH fair AS (UPDATE postroom.queue SET fair = true RETURNING id),
                             named AS (UPDATE postroom.message SET group_key = 'b' RETURNING id),
                             own AS (UPDATE postroom.ready SET group_key = 'b' RETURNING seq)
                        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
                        SELECT -g, f.id, 4, gen_random_uuid(), false, 'x'
                        FROM fair f, generate_series(1, 3000) g
                        """, "next: 0 messages of group \"b\"")).isBetween(1L, 99L);
    }

    @Test
    void other_messages_of_an_ordered_queue_are_not_read() throws SQLException {
        assertThat(readToExplain("""
                        WITH ordered AS (UPDATE postroom.queue SET ordered = true RETURNING id),
                             named AS (UPDATE postroom.message SET group_key = 'g' RETURNING id),
                             holder AS (
                                INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                                SELECT -g, o.id, 4, gen_random_uuid(), false
                                FROM ordered o, generate_series(1, 3000) g
                                RETURNING queue_id, message_id)
                        INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch)
                        SELECT queue_id, 'g', message_id, 1, 1 FROM holder LIMIT 1
                        """, "group: message ")).isBetween(1L, 99L);
    }

    /** Returns how many rows and index entries of READY were read to explain one message beside what the statement adds. */
    private static long readToExplain(String more, String expected) throws SQLException {
        try (TestDatabase own = TestDatabase.create();
                Connection connection = own.connect()) {
            connection.setAutoCommit(false);
            JdbcClient session = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            UUID message = new PlacedMessages(session).message("deep").ready();
            session.sql(more).update();
            session.sql("ANALYZE postroom.ready").update();
            session.sql("SET LOCAL plan_cache_mode = force_generic_plan").update();
            long before = readOfReady(session);
            assertThat(session.sql("SELECT * FROM postroom.explain(?)")
                            .param(message)
                            .query(String.class)
                            .list())
                    .last()
                    .asString()
                    .startsWith(expected);
            return readOfReady(session) - before;
        }
    }

    private static long readOfReady(JdbcClient session) {
        return session.sql("""
                        SELECT sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint
                        FROM pg_class c
                        WHERE c.oid = 'postroom.ready'::regclass
                           OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'postroom.ready'::regclass)
                        """).query(Long.class).single();
    }

    @Test
    void message_in_no_place_is_told_as_the_fault_it_is() {
        assertThat(codes(messages.message("lost").nowhere())).containsExactly("no_place");
    }

    private List<String> explain(UUID id) {
        return sql.sql("SELECT * FROM postroom.explain(?)")
                .param(id)
                .query(String.class)
                .list();
    }

    private List<String> codes(UUID id) {
        return explain(id).stream()
                .map(line -> line.substring(0, line.indexOf(':')))
                .toList();
    }
}

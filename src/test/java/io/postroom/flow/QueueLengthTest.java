package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Exchange;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.Overflow;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.internal.jobs.ShortenQueues;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.postgresql.util.PSQLException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Queues with a maximum length: rows 60 to 69 of what was observed in RabbitMQ, and where Postroom decided otherwise. */
@PostgresTest
class QueueLengthTest {
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final DataSource pool;
    private final JdbcClient sql;
    private final Postroom postroom;
    private final PostroomKit kit;
    private final String queue = "length" + NUMBERS.incrementAndGet();

    QueueLengthTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
        postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.process(
                        queue, Integer.class, (payload, context) -> Outcome.retry(Duration.ofHours(1), "later")))
                .start();
        kit = PostroomKit.of(postroom);
    }

    @AfterEach
    void everyEntryIsInOnePlace() {
        assertThat(Conservation.check(sql)).isEmpty();
        postroom.close();
    }

    // ---- drop_head

    @Test
    void oldest_go_where_the_head_is_dropped() {
        limit(3, Overflow.DROP_HEAD);
        List<UUID> ids = new ArrayList<>();
        for (int i = 1; i <= 5; i++) {
            ids.add(create(i));
        }
        assertThat(waiting()).containsExactly("3", "4", "5");
        assertThat(state(ids.get(0))).isEqualTo(MessageState.CANCELLED);
        assertThat(postroom.queueMessages().history(ids.get(1)))
                .singleElement()
                .satisfies(line -> assertThat(line.error()).contains("maxlen"));
        postroom.queueMessages().createMessages(List.of(message(6), message(7), message(8), message(9), message(10)));
        assertThat(waiting()).as("a batch above the limit").containsExactly("8", "9", "10");
    }

    /** RabbitMQ drops the highest priority first. */
    @Test
    void lowest_priority_goes_first_and_may_be_the_new_message() {
        limit(2, Overflow.DROP_HEAD);
        for (int priority : new int[] {9, 1, 5, 0}) {
            postroom.queueMessages().createMessage(message(priority).priority(priority));
        }
        assertThat(waiting()).containsExactlyInAnyOrder("9", "5");
    }

    @Test
    void only_ready_messages_count_and_one_that_comes_back_stays() {
        limit(2, Overflow.DROP_HEAD);
        UUID first = create(1);
        postroom.queueMessages().createMessage(message(2).delay(Duration.ofHours(1)));
        kit.drain(queue); // the first one waits for its second attempt
        assertThat(state(first)).isEqualTo(MessageState.DELAYED);
        create(3);
        create(4);
        assertThat(waiting()).containsExactlyInAnyOrder("1", "2", "3", "4");
        kit.advance(Duration.ofHours(2));
        sql.sql("SELECT count(*) FROM postroom.promote('-infinity', 100)")
                .query()
                .singleRow();
        create(5);
        create(6);
        assertThat(state(first)).as("a consumer has had it").isEqualTo(MessageState.READY);
        assertThat(waiting()).containsExactlyInAnyOrder("1", "6");
    }

    @Test
    void dropped_message_goes_through_the_dead_letter_exchange() {
        String dead = deadLetterQueue();
        postroom.queues()
                .declare(
                        QueueSettings.of(queue).maxLength(1, Overflow.DROP_HEAD).deadLetterExchange(queue + ".dlx"));
        create(1);
        create(2);
        assertThat(waiting()).containsExactly("2");
        assertThat(only(dead).headers())
                .containsEntry("x-first-death-reason", "maxlen")
                .containsEntry("x-first-death-queue", queue);
    }

    /** As RabbitMQ does it: what would come back to the queue that dropped it ends there. */
    @Test
    void message_that_is_dropped_into_its_own_queue_ends() {
        postroom.exchanges().declare(Exchange.fanout(queue + ".dlx"));
        postroom.exchanges().bind(Binding.from(queue + ".dlx").to(queue));
        postroom.queues()
                .declare(
                        QueueSettings.of(queue).maxLength(1, Overflow.DROP_HEAD).deadLetterExchange(queue + ".dlx"));
        create(1);
        create(2);
        assertThat(waiting()).containsExactly("2");
        assertThat(sql.sql("SELECT reason FROM postroom.dead_letters WHERE queue = ?")
                        .param(queue)
                        .query(String.class)
                        .list())
                .containsExactly("cycle");
    }

    // ---- reject

    @Test
    void full_queue_refuses_in_each_way_and_nothing_is_written() throws SQLException {
        limit(2, Overflow.REJECT);
        assertThatThrownBy(() -> postroom.queueMessages().createMessages(List.of(message(1), message(2), message(3))))
                .isInstanceOf(QueueFullException.class)
                .hasMessageContaining(
                        "queue \"" + queue + "\" is full: 0 messages are READY in it, and its maximum length is 2");
        assertThat(waiting()).isEmpty();
        create(1);
        create(2);
        assertThatThrownBy(() -> create(3))
                .isInstanceOf(QueueFullException.class)
                .hasMessageContaining("2 messages");
        CompletableFuture<Created> later = postroom.queueMessages().createMessageAsync(message(4));
        assertThatThrownBy(later::join)
                .isInstanceOf(CompletionException.class)
                .hasCauseInstanceOf(QueueFullException.class);
        assertThatThrownBy(
                        () -> postroom.queueMessages().createMessage(message(5).deduplicate("k")))
                .isInstanceOf(QueueFullException.class);
        assertThatThrownBy(() -> sql.sql("SELECT id FROM postroom.create_message(?, '6', deduplication_key => 'k')")
                        .param(queue)
                        .query()
                        .singleRow())
                .hasMessageContaining("is full: 2 messages are READY in it, and its maximum length is 2")
                .rootCause()
                .isInstanceOfSatisfying(
                        PSQLException.class,
                        error -> assertThat(error.getSQLState()).isEqualTo("PR429"));
        try (Connection open = pool.getConnection()) {
            open.setAutoCommit(false);
            assertThatThrownBy(() -> postroom.queueMessages().createMessage(message(7), open))
                    .isInstanceOf(QueueFullException.class);
            postroom.queueMessages()
                    .createMessage(CreateMessage.to(queue + ".other").payload(8), open);
            open.commit();
        }
        assertThat(waiting()).containsExactly("1", "2");
        assertThat(only(queue + ".other").payload())
                .as("the transaction went on")
                .isEqualTo("8");
        assertThat(sql.sql(
                                "SELECT count(*) FROM postroom.dedup WHERE queue_id = (SELECT id FROM postroom.queue WHERE name = ?)")
                        .param(queue)
                        .query(Integer.class)
                        .single())
                .isZero();
        create(CreateMessage.to(queue).payload(9).delay(Duration.ofHours(1)));
        kit.drain(queue);
        create(10);
    }

    /** A full queue is counted anew after a while, and that while must not begin in the time to come. */
    @Test
    void full_queue_has_room_again_after_the_clock_was_set_back() {
        limit(8, Overflow.REJECT);
        postroom.queueMessages().createMessages(Collections.nCopies(8, message(1)));
        assertThatThrownBy(() -> create(2)).isInstanceOf(QueueFullException.class);
        sql.sql("UPDATE postroom.queue_length SET counted_at = counted_at + interval '1 hour'")
                .update();
        kit.drain(queue);
        create(3);
    }

    @Test
    void repeat_of_a_message_that_is_there_is_recognised_in_a_full_queue() {
        limit(1, Overflow.REJECT);
        UUID id = MessageIds.next();
        create(message(1).id(id).deduplicate("k"));
        assertThat(postroom.queueMessages().createMessage(message(1).id(id)).isNew())
                .isFalse();
        assertThat(postroom.queueMessages()
                        .createMessage(message(1).deduplicate("k"))
                        .id())
                .isEqualTo(id);
        for (String repeat : List.of("message_id => '" + id + "'", "deduplication_key => 'k'")) {
            assertThat(sql.sql("SELECT is_new FROM postroom.create_message(?, '1', " + repeat + ")")
                            .param(queue)
                            .query(Boolean.class)
                            .single())
                    .isFalse();
        }
    }

    /** RabbitMQ puts it into the other queues. */
    @Test
    void one_full_queue_refuses_the_whole_fan_out() {
        limit(1, Overflow.REJECT);
        String other = queue + ".other";
        postroom.queues().declare(QueueSettings.of(other));
        postroom.exchanges().declare(Exchange.fanout(queue + ".all"));
        postroom.exchanges().bind(Binding.from(queue + ".all").to(queue));
        postroom.exchanges().bind(Binding.from(queue + ".all").to(other));
        assertThat(postroom.queueMessages()
                        .createMessage(CreateMessage.via(queue + ".all", "").payload(1))
                        .queues())
                .containsExactly(queue, other);
        assertThatThrownBy(() -> postroom.queueMessages()
                        .createMessage(CreateMessage.via(queue + ".all", "").payload(2)))
                .isInstanceOf(QueueFullException.class);
        assertThatThrownBy(() -> sql.sql("SELECT FROM postroom.create_message(exchange => ?, payload => '3')")
                        .param(queue + ".all")
                        .query()
                        .singleRow())
                .hasMessageContaining("is full");
        assertThat(only(other).payload()).isEqualTo("1");
        limit(1, Overflow.DROP_HEAD);
        sql.sql("SELECT FROM postroom.create_message(exchange => ?, payload => '4')")
                .param(queue + ".all")
                .query()
                .singleRow();
        assertThat(waiting()).containsExactly("4");
        assertThat(postroom.queueMessages().find(MessageFilter.queue(other))).hasSize(2);
    }

    @Test
    void new_message_goes_through_the_dead_letter_exchange_where_that_is_set() {
        String dead = deadLetterQueue();
        limit(1, Overflow.REJECT_TO_DEAD_LETTER_EXCHANGE);
        create(1);
        assertThatThrownBy(() -> create(2)).as("without one").isInstanceOf(QueueFullException.class);
        postroom.queues().declare(QueueSettings.of(queue).deadLetterExchange(queue + ".dlx"));
        create(3);
        assertThat(only(dead).payload()).isEqualTo("3");
        sql.sql("SELECT FROM postroom.create_message(?, '4')")
                .param(queue)
                .query()
                .singleRow();
        assertThat(postroom.queueMessages().find(MessageFilter.queue(dead)))
                .extracting(Message::payload)
                .containsExactlyInAnyOrder("3", "4");
        assertThat(waiting()).containsExactly("1");
    }

    @Test
    void ordered_queue_has_no_limit() {
        assertThatThrownBy(() -> QueueSettings.of(queue).ordered(true).maxLength(1, Overflow.REJECT))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("maxLength must be left out for an ordered queue");
        limit(5, Overflow.REJECT);
        assertThatThrownBy(() -> sql.sql("SELECT postroom.set_ordered(?, true)")
                        .param(queue)
                        .query()
                        .singleRow())
                .hasMessageContaining("maxLength must be left out for the ordered queue");
        assertThatThrownBy(
                        () -> postroom.queues().declare(QueueSettings.of(queue).ordered(true)))
                .isInstanceOf(InvalidMessageException.class);
        postroom.queues().declare(QueueSettings.of(queue).unlimited().ordered(true));
        assertThatThrownBy(() -> limit(5, Overflow.REJECT))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("maxLength must be left out");
    }

    // ---- what a process knows

    @Test
    void limit_that_another_process_has_set_holds_at_once() {
        create(1); // this process knows the queue without a limit, for ten seconds
        sql.sql("UPDATE postroom.queue SET max_length = 2, overflow = 'reject' WHERE name = ?")
                .param(queue)
                .update();
        create(2);
        assertThatThrownBy(() -> create(3)).isInstanceOf(QueueFullException.class);
        sql.sql("UPDATE postroom.queue SET max_length = NULL WHERE name = ?")
                .param(queue)
                .update();
        create(4);
        assertThat(waiting()).containsExactly("1", "2", "4");
    }

    @Test
    void limit_that_is_set_after_the_bindings_were_read_holds_for_a_fan_out() {
        String other = queue + ".other";
        postroom.queues().declare(QueueSettings.of(queue));
        postroom.queues().declare(QueueSettings.of(other));
        postroom.exchanges().declare(Exchange.fanout(queue + ".all"));
        postroom.exchanges().bind(Binding.from(queue + ".all").to(queue));
        postroom.exchanges().bind(Binding.from(queue + ".all").to(other));
        postroom.queueMessages()
                .createMessage(CreateMessage.via(queue + ".all", "").payload(1));
        sql.sql("UPDATE postroom.queue SET max_length = 1, overflow = 'reject' WHERE name = ?")
                .param(other)
                .update();
        assertThatThrownBy(() -> postroom.queueMessages()
                        .createMessage(CreateMessage.via(queue + ".all", "").payload(2)))
                .isInstanceOf(QueueFullException.class);
        assertThat(waiting()).containsExactly("1");
    }

    // ---- the cost

    @Test
    void queue_with_room_is_not_counted_for_each_message_and_gets_one_hundredth_longer_at_most() {
        limit(1000, Overflow.DROP_HEAD);
        create(1);
        long counted = countedAt();
        for (int i = 2; i <= 20; i++) {
            create(i);
        }
        assertThat(countedAt()).as("there is room").isEqualTo(counted);
        sql.sql("SELECT count(*) FROM generate_series(1, 1000) g CROSS JOIN LATERAL"
                        + " postroom.create_message(?, to_jsonb(g)) m")
                .param(queue)
                .query()
                .singleRow();
        assertThat(waiting().size()).isBetween(1000, 1010);
        counted = countedAt();
        int before = waiting().size();
        create(21);
        assertThat(countedAt()).isEqualTo(counted);
        assertThat(waiting()).hasSize(before + 1);
    }

    @Test
    void job_shortens_a_queue_that_gets_longer_without_a_producer() {
        String dead = deadLetterQueue();
        postroom.queues().declare(QueueSettings.of(dead).maxLength(2, Overflow.DROP_HEAD));
        postroom.queues()
                .declare(
                        QueueSettings.of(queue).maxLength(1, Overflow.DROP_HEAD).deadLetterExchange(queue + ".dlx"));
        for (int i = 1; i <= 6; i++) {
            create(i);
        }
        new ShortenQueues(PostgresStores.on(pool).jobs(), () -> false).run();
        assertThat(postroom.queueMessages().find(MessageFilter.queue(dead).state(MessageState.READY)))
                .extracting(Message::payload)
                .containsExactlyInAnyOrder("4", "5");
    }

    // ---- settings

    @Test
    void limits_are_declared_in_sql_and_shown() {
        sql.sql("SELECT postroom.declare_queue(?, max_length => 7, overflow => 'reject')")
                .param(queue)
                .query()
                .singleRow();
        assertThat(shown()).isEqualTo("7 reject");
        sql.sql("SELECT postroom.declare_queue(?, max_attempts => 3)")
                .param(queue)
                .query()
                .singleRow();
        assertThat(shown()).isEqualTo("7 reject");
        assertThatThrownBy(() -> sql.sql("SELECT postroom.declare_queue(?, max_length => 8, strict => true)")
                        .param(queue)
                        .query()
                        .singleRow())
                .hasMessageContaining("maxLength must be 7, as queue \"" + queue + "\" was declared, got \"8\"");
        postroom.queues().declare(QueueSettings.of(queue).unlimited());
        assertThat(shown()).isEqualTo("- reject");
        for (String bad : List.of("max_length => -1", "max_length => 1000000001", "overflow => 'drop'")) {
            assertThatThrownBy(() -> sql.sql("SELECT postroom.declare_queue(?, " + bad + ")")
                            .param(queue)
                            .query()
                            .singleRow())
                    .hasMessageContaining(
                            bad.startsWith("max_length")
                                    ? "maxLength must be 1 to 1000000000, or 0 for none, got"
                                    : " must be ");
        }
        limit(9, Overflow.REJECT);
        sql.sql("SELECT postroom.declare_queue(?, max_length => 0)")
                .param(queue)
                .query()
                .singleRow();
        assertThat(shown()).isEqualTo("- reject");
        assertThatThrownBy(() -> QueueSettings.of(queue).maxLength(0, Overflow.REJECT))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("maxLength must be 1 to 1000000000, got \"0\"")
                .hasMessageContaining("Use unlimited() to take a limit away");
    }

    // ---- steps

    private void limit(long messages, Overflow overflow) {
        postroom.queues().declare(QueueSettings.of(queue).maxLength(messages, overflow));
    }

    private String deadLetterQueue() {
        String dead = queue + ".dead";
        postroom.queues().declare(QueueSettings.of(dead));
        postroom.exchanges().declare(Exchange.fanout(queue + ".dlx"));
        postroom.exchanges().bind(Binding.from(queue + ".dlx").to(dead));
        return dead;
    }

    private CreateMessage message(int payload) {
        return CreateMessage.to(queue).payload(payload);
    }

    private UUID create(int payload) {
        return create(message(payload));
    }

    private UUID create(CreateMessage message) {
        return postroom.queueMessages().createMessage(message).id();
    }

    /** What waits, READY or DELAYED, in the order of creation. */
    private List<String> waiting() {
        String waiting = "SELECT payload::text FROM postroom.queue_messages"
                + " WHERE queue = ? AND state IN ('READY', 'DELAYED') ORDER BY created_at, message_id";
        return sql.sql(waiting).param(queue).query(String.class).list();
    }

    private long countedAt() {
        return sql.sql("""
                        SELECT s.counted_seq FROM postroom.queue_length s JOIN postroom.queue q ON q.id = s.queue_id
                        WHERE q.name = ?""").param(queue).query(Long.class).single();
    }

    private String shown() {
        return sql.sql(
                        "SELECT coalesce(max_length::text, '-') || ' ' || overflow FROM postroom.queue_stats WHERE queue = ?")
                .param(queue)
                .query(String.class)
                .single();
    }

    private Message only(String name) {
        List<Message> found = postroom.queueMessages().find(MessageFilter.queue(name));
        assertThat(found).hasSize(1);
        return found.get(0);
    }

    private MessageState state(UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }
}

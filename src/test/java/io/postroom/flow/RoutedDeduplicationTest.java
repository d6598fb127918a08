package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Deduplication;
import io.postroom.api.Exchange;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.UnroutableMessageException;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Deduplication keys of messages that go through an exchange: several queues, and bindings that change. */
@PostgresTest
class RoutedDeduplicationTest {
    private final TestDatabase database;
    private final JdbcClient sql;
    private final Postroom postroom;
    private final QueueMessages messages;
    private final PostroomKit kit;
    private final List<String> handled = new ArrayList<>();

    RoutedDeduplicationTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        Postroom.Builder builder = Postroom.on(database.pool()).workers(false);
        for (String queue : List.of("a", "b")) {
            builder.handler(Handler.process(queue, Integer.class, (payload, context) -> {
                handled.add(queue + payload);
                return Outcome.done();
            }));
        }
        postroom = builder.start();
        messages = postroom.queueMessages();
        kit = PostroomKit.of(postroom);
    }

    @BeforeEach
    void declare() {
        postroom.exchanges().declare(Exchange.topic("orders"));
        for (String queue : List.of("a", "b")) {
            postroom.queues().declare(QueueSettings.of(queue));
        }
        bind("a");
    }

    @AfterEach
    void close() {
        assertThat(Conservation.check(sql)).isEmpty();
        for (String queue : List.of("a", "b")) {
            postroom.exchanges().unbind(Binding.from("orders").key("#").to(queue));
        }
        kit.reset();
        postroom.close();
    }

    private void bind(String queue) {
        postroom.exchanges().bind(Binding.from("orders").key("#").to(queue));
    }

    /** Another process takes the binding away: this one still remembers it. */
    private void unbindElsewhere(String queue) {
        sql.sql("SELECT postroom.unbind('orders', ?, '#')").param(queue).query().singleRow();
    }

    private static CreateMessage message(int content, Deduplication deduplication) {
        return CreateMessage.via("orders", "x").payload(content).deduplicate("k", deduplication);
    }

    private MessageState state(UUID id) {
        return messages.find(id).orElseThrow().state();
    }

    /** What the second one tells may be news to the run in the queue where the first has started: dropped, it would be lost there. */
    @Test
    void key_until_the_start_is_free_once_the_message_has_started_in_one_of_its_queues() {
        bind("b");
        Deduplication untilStart = Deduplication.untilStart().keepFirst();
        messages.createMessage(message(1, untilStart));
        assertThat(messages.createMessage(message(2, untilStart)).isNew()).isFalse();
        kit.drain("a");
        assertThat(messages.createMessage(message(3, untilStart)).isNew()).isTrue();
        kit.drain("a");
        kit.drain("b");
        assertThat(handled).containsExactly("a1", "a3", "b1", "b3");
    }

    @Test
    void message_that_reaches_no_queue_is_no_repeat_of_one_that_holds_the_key_no_more() {
        Deduplication untilEnd = Deduplication.untilEnd().keepFirst();
        Created first = messages.createMessage(message(1, untilEnd));
        unbindElsewhere("a");
        assertThat(messages.createMessage(message(2, untilEnd)).id())
                .as("while it waits")
                .isEqualTo(first.id());
        kit.drain("a");
        assertThatThrownBy(() -> messages.createMessage(message(3, untilEnd)))
                .isInstanceOf(UnroutableMessageException.class);
        assertThat(messages.createMessage(message(1, Deduplication.untilPurged()))
                        .id())
                .as("it holds the key until it is purged for those that ask so")
                .isEqualTo(first.id());
    }

    @Test
    void sql_message_that_reaches_no_queue_is_no_repeat_of_one_that_holds_the_key_no_more() {
        messages.createMessage(message(1, Deduplication.untilEnd()));
        kit.drain("a");
        unbindElsewhere("a");
        assertThatThrownBy(() -> sql.sql(
                                "SELECT postroom.create_message(exchange => 'orders', routing_key => 'x',"
                                        + " payload => '3', deduplication_key => 'k', deduplicate_until => 'end', on_duplicate => 'keep')")
                        .query()
                        .singleRow())
                .hasMessageContaining("the message reaches no queue");
    }

    /** The key is taken, and the first one cancelled, before the writing statement finds that the binding is gone. */
    @Test
    void message_stays_that_would_be_replaced_by_one_that_reaches_no_queue() {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        Created first = messages.createMessage(message(1, replacing));
        unbindElsewhere("a");
        Created second = messages.createMessage(message(2, replacing).mandatory(false));
        assertThat(second.queues()).as("it was dropped").isEmpty();
        assertThat(state(first.id())).isEqualTo(MessageState.READY);
        bind("a");
        messages.createMessage(message(3, replacing));
        kit.drain("a");
        assertThat(handled).as("the first one kept its key").containsExactly("a3");
    }

    @Test
    void caller_that_goes_on_after_a_refusal_commits_no_half_of_a_replacement() throws SQLException {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        Created first = messages.createMessage(message(1, replacing));
        unbindElsewhere("a");
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            assertThatThrownBy(() -> messages.createMessage(message(2, replacing), open))
                    .isInstanceOf(UnroutableMessageException.class);
            open.commit();
        }
        assertThat(state(first.id())).isEqualTo(MessageState.READY);
    }
}

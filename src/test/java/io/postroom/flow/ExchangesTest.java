package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.Exchange;
import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.Exchanges;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Operation;
import io.postroom.api.Outcome;
import io.postroom.api.QueueEntry;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.Route;
import io.postroom.api.UnroutableMessageException;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.JobStore;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Messages that are created through exchanges: which queues they reach, what is stored, and how their entries end. */
@PostgresTest
class ExchangesTest {
    private final TestDatabase database;
    private final JdbcClient sql;
    private final Queue<String> handled = new ConcurrentLinkedQueue<>();
    private final Postroom postroom;
    private final Exchanges exchanges;
    private final QueueMessages messages;
    private final PostroomKit kit;

    ExchangesTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        Postroom.Builder builder = Postroom.on(database.pool()).workers(false);
        for (String queue : List.of("a", "b")) {
            builder.handler(Handler.process(queue, Integer.class, (payload, context) -> {
                handled.add(queue + ":" + payload + ":" + context.exchange().orElse("-") + ":" + context.routingKey());
                return Outcome.done();
            }));
        }
        postroom = builder.handler(Handler.process("bad", Integer.class, (payload, context) -> Outcome.reject("no")))
                .start();
        exchanges = postroom.exchanges();
        messages = postroom.queueMessages();
        kit = PostroomKit.of(postroom);
    }

    @BeforeEach
    void declareQueues() {
        kit.reset();
        for (String queue : List.of("a", "b", "c", "bad")) {
            postroom.queues().declare(QueueSettings.of(queue));
        }
    }

    @AfterEach
    void everyEntryIsInOnePlace() {
        assertThat(Conservation.check(sql)).isEmpty();
        exchanges.list().forEach(exchange -> exchanges.delete(exchange.name(), false));
        postroom.close();
    }

    // ---- which queues

    @Test
    void topic_exchange_stores_one_message_with_one_entry_a_queue() {
        topic("orders");
        bind("orders", "order.*.paid", "a");
        bind("orders", "order.#", "a"); // matches, too: one copy all the same
        bind("orders", "#.paid", "b");
        bind("orders", "other", "c");
        Created created = messages.createMessage(
                CreateMessage.via("orders", "order.42.paid").payload(7).header("tenant", "x"));
        assertThat(created.isNew()).isTrue();
        assertThat(created.queues()).containsExactly("a", "b");
        Message stored = found(created);
        assertThat(stored.exchange()).contains("orders");
        assertThat(stored.routingKey()).isEqualTo("order.42.paid");
        assertThat(stored.entries()).extracting(QueueEntry::queue).containsExactly("a", "b");
        assertThat(number("SELECT count(*) FROM postroom.message")).isEqualTo(1);

        assertThat(kit.drain()).isEqualTo(2);
        assertThat(handled).containsExactlyInAnyOrder("a:7:orders:order.42.paid", "b:7:orders:order.42.paid");
        assertThat(states(created)).containsExactly(MessageState.DONE, MessageState.DONE);
    }

    @Test
    void message_for_one_queue_is_stored_like_one_that_names_it() {
        exchanges.declare(Exchange.direct("d"));
        bind("d", "k", "a");
        Created created = messages.createMessage(CreateMessage.via("d", "k").payload(1));
        assertThat(created.queues()).containsExactly("a");
        assertThat(number("SELECT count(*) FROM postroom.ready WHERE NOT moved"))
                .isEqualTo(1);
        kit.drain();
        assertThat(states(created)).containsExactly(MessageState.DONE);
    }

    @Test
    void fanout_and_headers_exchanges_lead_on_to_other_exchanges() {
        exchanges.declare(Exchange.fanout("all"));
        exchanges.declare(Exchange.headers("kinds"));
        exchanges.bind(Binding.from("all").toExchange("kinds"));
        bind("all", "", "c");
        exchanges.bind(Binding.from("kinds")
                .argument("x-match", "any")
                .argument("kind", "invoice")
                .anyValue("vip")
                .to("a"));
        exchanges.bind(Binding.from("kinds").argument("kind", "order").to("b"));
        assertThat(queuesOf(CreateMessage.via("all", "x").header("kind", "invoice")))
                .containsExactly("a", "c");
        assertThat(queuesOf(CreateMessage.via("all", "").header("kind", "order").header("vip", "no")))
                .containsExactly("a", "b", "c");
        assertThat(queuesOf(CreateMessage.via("kinds", "").header("vip", ""))).containsExactly("a");
    }

    @Test
    void default_exchange_reaches_the_queue_that_the_key_names() {
        assertThat(queuesOf(CreateMessage.via("", "a"))).containsExactly("a");
        assertThatThrownBy(() -> messages.createMessage(CreateMessage.via("", "missing")))
                .isInstanceOf(UnroutableMessageException.class);
        assertThat(postroom.queues().stats("missing"))
                .as("a routing key declares nothing")
                .isEmpty();
    }

    @Test
    void alternate_exchange_stands_in_and_the_message_keeps_its_own() {
        exchanges.declare(Exchange.direct("first").alternate("second"));
        exchanges.declare(Exchange.fanout("second"));
        bind("second", "", "b");
        bind("first", "known", "a");
        assertThat(queuesOf(CreateMessage.via("first", "known"))).containsExactly("a");
        Created created =
                messages.createMessage(CreateMessage.via("first", "unknown").payload(1));
        assertThat(created.queues()).containsExactly("b");
        assertThat(found(created).exchange()).contains("first");
    }

    @Test
    void route_says_what_would_happen_and_writes_nothing() {
        topic("orders");
        bind("orders", "order.#", "a");
        assertThat(exchanges.route("orders", "order.1", Map.of()))
                .containsExactly(new Route("a", List.of("orders [order.#]")));
        assertThat(exchanges.route("orders", "x", Map.of())).isEmpty();
        assertThat(number("SELECT count(*) FROM postroom.message")).isZero();
        assertThatThrownBy(() -> exchanges.route("none", "x", Map.of())).isInstanceOf(ExchangeNotFoundException.class);
    }

    // ---- none

    @Test
    void message_that_reaches_no_queue_is_refused_and_the_transaction_goes_on() throws SQLException {
        topic("orders");
        try (Connection connection = transaction(Connection.TRANSACTION_READ_COMMITTED)) {
            assertThatThrownBy(() -> messages.createMessage(
                            CreateMessage.via("orders", "x").payload(1), connection))
                    .isInstanceOf(UnroutableMessageException.class)
                    .hasMessageContaining("exchange \"orders\" with routing key \"x\"");
            assertThatThrownBy(() -> messages.createMessage(
                            CreateMessage.via("none", "x").payload(1), connection))
                    .isInstanceOf(ExchangeNotFoundException.class);
            messages.createMessage(CreateMessage.to("a").payload(1), connection);
            connection.commit();
        }
        assertThat(number("SELECT count(*) FROM postroom.message")).isEqualTo(1);
        assertThat(number("SELECT count(*) FROM postroom.dropped_message")).isZero();
    }

    @Test
    void message_that_may_be_dropped_leaves_a_line() {
        topic("orders");
        bind("orders", "known", "a");
        List<Created> created = messages.createMessages(List.of(
                CreateMessage.via("orders", "nobody").mandatory(false).correlationId("c-1"),
                CreateMessage.via("orders", "known").payload(1),
                CreateMessage.to("b").payload(2)));
        assertThat(created).extracting(Created::queues).containsExactly(List.of(), List.of("a"), List.of("b"));
        assertThat(created).extracting(Created::isNew).containsExactly(false, true, true);
        assertThat(sql.sql(
                                "SELECT exchange || ' ' || routing_key || ' ' || correlation_id FROM postroom.dropped_messages")
                        .query(String.class)
                        .list())
                .containsExactly("orders nobody c-1");
        assertThat(messages.find(created.get(0).id())).isEmpty();
    }

    @Test
    void one_unroutable_message_refuses_the_whole_batch() {
        topic("orders");
        bind("orders", "known", "a");
        assertThatThrownBy(() -> messages.createMessages(List.of(
                        CreateMessage.via("orders", "known"),
                        CreateMessage.via("orders", "nobody").mandatory(false),
                        CreateMessage.via("orders", "nobody"))))
                .isInstanceOf(UnroutableMessageException.class);
        assertThat(number("SELECT count(*) FROM postroom.message")).isZero();
        assertThat(number("SELECT count(*) FROM postroom.dropped_message")).isZero();
    }

    // ---- a stale choice

    @Test
    void process_that_remembers_old_bindings_routes_by_the_new_ones() {
        topic("orders");
        bind("orders", "#", "a");
        assertThat(queuesOf(CreateMessage.via("orders", "x"))).containsExactly("a");
        sql.sql("SELECT postroom.bind('orders', 'b', '#')").query().singleRow();
        assertThat(queuesOf(CreateMessage.via("orders", "x"))).containsExactly("a", "b");
        sql.sql("SELECT postroom.unbind('orders', 'a', '#')").query().singleRow();
        assertThat(queuesOf(CreateMessage.via("orders", "x"))).containsExactly("b");
        sql.sql("SELECT postroom.delete_exchange('orders')").query().singleRow();
        assertThatThrownBy(() -> messages.createMessage(CreateMessage.via("orders", "x")))
                .isInstanceOf(ExchangeNotFoundException.class);
    }

    @Test
    void transaction_that_binds_itself_creates_through_its_own_binding() throws SQLException {
        topic("orders");
        bind("orders", "#", "a");
        queuesOf(CreateMessage.via("orders", "x")); // remembered from here on
        try (Connection connection = transaction(Connection.TRANSACTION_READ_COMMITTED)) {
            run(connection, "SELECT postroom.bind('orders', 'b', '#')");
            assertThat(messages.createMessage(CreateMessage.via("orders", "x").payload(1), connection)
                            .queues())
                    .containsExactly("a", "b");
            assertThat(queuesOf(CreateMessage.via("orders", "x")))
                    .as("others do not see a binding that is not committed")
                    .containsExactly("a");
            connection.rollback();
        }
        assertThat(queuesOf(CreateMessage.via("orders", "x"))).containsExactly("a");
    }

    @Test
    void transaction_with_an_older_snapshot_routes_as_that_snapshot_shows() throws SQLException {
        topic("orders");
        bind("orders", "#", "a");
        try (Connection connection = transaction(Connection.TRANSACTION_REPEATABLE_READ)) {
            run(connection, "SELECT count(*) FROM postroom.binding");
            bind("orders", "#", "b");
            assertThat(queuesOf(CreateMessage.via("orders", "x"))).containsExactly("a", "b");
            assertThat(messages.createMessage(CreateMessage.via("orders", "x").payload(1), connection)
                            .queues())
                    .containsExactly("a");
            connection.commit();
        }
    }

    /** In one snapshot, the message's queues and the preview must agree, whatever others bind and unbind meanwhile. */
    @Test
    void concurrent_bind_and_unbind_never_misroute() throws Exception {
        topic("orders");
        bind("orders", "#", "a");
        Thread changing = new Thread(() -> {
            for (int i = 0; i < 200 && !Thread.interrupted(); i++) {
                sql.sql("SELECT postroom.bind('orders', 'b', 'x.*')").query().singleRow();
                sql.sql("SELECT postroom.unbind('orders', 'b', 'x.*')").query().singleRow();
            }
        });
        changing.start();
        int withB = 0;
        int without = 0;
        try (Connection connection = transaction(Connection.TRANSACTION_REPEATABLE_READ)) {
            while (changing.isAlive()) {
                List<String> preview = new ArrayList<>();
                try (Statement statement = connection.createStatement();
                        var rows = statement.executeQuery("SELECT queue FROM postroom.route('orders', 'x.1')")) {
                    while (rows.next()) {
                        preview.add(rows.getString(1));
                    }
                }
                List<String> queues = messages.createMessage(
                                CreateMessage.via("orders", "x.1").payload(1), connection)
                        .queues();
                assertThat(queues).isEqualTo(preview);
                connection.commit();
                if (queues.size() == 2) {
                    withB++;
                } else {
                    without++;
                }
            }
        } finally {
            changing.interrupt();
            changing.join();
        }
        assertThat(withB + without).isPositive();
    }

    @Test
    void deleted_queue_loses_its_bindings_in_every_process() {
        topic("orders");
        bind("orders", "#", "a");
        bind("orders", "#", "c");
        try (Postroom other = Postroom.on(database.pool()).workers(false).start()) {
            other.queueMessages().createMessage(CreateMessage.via("orders", "x"));
            postroom.queues().delete("c", false, false);
            assertThat(other.queueMessages()
                            .createMessage(CreateMessage.via("orders", "x"))
                            .queues())
                    .containsExactly("a");
            postroom.queues().declare(QueueSettings.of("c"));
            assertThat(other.queueMessages()
                            .createMessage(CreateMessage.via("orders", "x"))
                            .queues())
                    .as("a queue that is declared again begins without bindings")
                    .containsExactly("a");
        }
        messages.find(MessageFilter.all()).forEach(message -> messages.cancel(message.id()));
    }

    // ---- repeats

    @Test
    void repeat_with_the_same_id_or_key_answers_the_first_message() {
        topic("orders");
        bind("orders", "#", "a");
        bind("orders", "#", "b");
        UUID id = MessageIds.next();
        CreateMessage message = CreateMessage.via("orders", "x").payload(1).id(id);
        assertThat(messages.createMessage(message))
                .isEqualTo(new Created(id, true, List.of("a", "b"), Optional.empty()));
        exchanges.unbind(Binding.from("orders").key("#").to("b"));
        assertThat(messages.createMessage(message))
                .isEqualTo(new Created(id, false, List.of("a", "b"), Optional.of(MessageState.READY)));
        exchanges.unbind(Binding.from("orders").key("#").to("a"));
        assertThat(messages.createMessage(message))
                .as("a repeat, although nothing is bound by now")
                .isEqualTo(new Created(id, false, List.of("a", "b"), Optional.of(MessageState.READY)));
        assertThatThrownBy(() -> messages.createMessage(message.payload(2)))
                .isInstanceOf(DuplicateMessageException.class)
                .hasMessageStartingWith("exchange \"orders\" already has a message with id");

        exchanges.delete("orders", false);
        assertThat(messages.createMessage(message))
                .as("a repeat, although the exchange is gone by now")
                .isEqualTo(new Created(id, false, List.of("a", "b"), Optional.of(MessageState.READY)));
        assertThat(sql.sql(
                                "SELECT is_new FROM postroom.create_message(exchange => 'orders', routing_key => 'x', payload => '1',"
                                        + " message_id => ?)")
                        .param(id)
                        .query(Boolean.class)
                        .single())
                .isFalse();

        topic("orders");
        bind("orders", "#", "a");
        CreateMessage keyed = CreateMessage.via("orders", "x").payload(1).deduplicate("k");
        Created first = messages.createMessage(keyed);
        assertThat(first.isNew()).isTrue();
        assertThat(messages.createMessage(keyed))
                .isEqualTo(new Created(first.id(), false, List.of("a"), Optional.of(MessageState.READY)));
        assertThat(messages.createMessage(CreateMessage.to("a").payload(1).deduplicate("k"))
                        .isNew())
                .as("the key belongs to the exchange, not to its queues")
                .isTrue();
    }

    // ---- time

    @Test
    void delayed_message_waits_in_each_queue() {
        topic("orders");
        bind("orders", "#", "a");
        bind("orders", "#", "b");
        Created created = messages.createMessage(
                CreateMessage.via("orders", "x").payload(1).delay(Duration.ofMinutes(5)));
        assertThat(states(created)).containsExactly(MessageState.DELAYED, MessageState.DELAYED);
        kit.advance(Duration.ofMinutes(6));
        assertThat(kit.drain()).isEqualTo(2);
        assertThat(states(created)).containsExactly(MessageState.DONE, MessageState.DONE);
    }

    @Test
    void each_entry_has_the_time_to_live_of_its_queue() {
        topic("orders");
        postroom.queues().declare(QueueSettings.of("c").timeToLive(Duration.ofMinutes(1)));
        bind("orders", "#", "c");
        bind("orders", "#", "b");
        Created created =
                messages.createMessage(CreateMessage.via("orders", "x").payload(1));
        Created both = messages.createMessage(
                CreateMessage.via("orders", "x").payload(1).timeToLive(Duration.ofMinutes(5)));
        assertThat(lives(created)).containsExactly(Optional.empty(), Optional.of(Duration.ofMinutes(1)));
        assertThat(lives(both)).containsOnly(Optional.of(Duration.ofMinutes(5)));
        Message first = found(created);
        assertThat(first.expiresAt())
                .as("the first end of all entries")
                .contains(first.createdAt().plusSeconds(60));
        kit.advance(Duration.ofMinutes(2));
        kit.drain("a");
        assertThat(states(created)).containsExactly(MessageState.READY, MessageState.EXPIRED);
        assertThat(states(both)).as("its own counts instead").containsExactly(MessageState.READY, MessageState.READY);
        kit.advance(Duration.ofMinutes(4));
        kit.drain("a");
        assertThat(states(created)).containsExactly(MessageState.READY, MessageState.EXPIRED);
        assertThat(states(both)).containsExactly(MessageState.EXPIRED, MessageState.EXPIRED);
    }

    /** The job that expires has not run when the message is claimed. */
    @Test
    void claim_does_not_hand_out_an_entry_that_outlived_its_queue() {
        topic("orders");
        postroom.queues().declare(QueueSettings.of("a").timeToLive(Duration.ofMinutes(1)));
        try {
            bind("orders", "#", "a");
            bind("orders", "#", "b");
            Created created =
                    messages.createMessage(CreateMessage.via("orders", "x").payload(1));
            assertThat(number("SELECT count(*) FROM postroom.entry_expiry")).isEqualTo(1);
            sql.sql("UPDATE postroom.entry_expiry SET expires_at = now() - interval '1 second'")
                    .update();
            long claimed = number(
                    "SELECT count(*) FROM postroom.claim(1, (SELECT id FROM postroom.queue WHERE name = 'a'), 'a',"
                            + " ARRAY[4]::smallint[], ARRAY[0]::bigint[], 10, 10, 10, 0) WHERE expired");
            assertThat(claimed).isEqualTo(1);
            sql.sql("DELETE FROM postroom.lease").update(); // the claim was the test's own
            sql.sql("DELETE FROM postroom.message").update();
            sql.sql("DELETE FROM postroom.ready").update();
            assertThat(messages.find(created.id())).isEmpty();
        } finally {
            sql.sql("UPDATE postroom.queue SET time_to_live = NULL").update();
        }
    }

    /** It may be released or retried later, and must not be handed out then. */
    @Test
    void entry_that_is_in_progress_when_its_time_comes_keeps_its_end() {
        topic("orders");
        postroom.queues().declare(QueueSettings.of("c").timeToLive(Duration.ofMinutes(1)));
        bind("orders", "#", "c");
        bind("orders", "#", "b");
        messages.createMessage(CreateMessage.via("orders", "x").payload(1));
        String claim = "SELECT count(*) FROM postroom.claim(1, (SELECT id FROM postroom.queue WHERE name = 'c'), 'c',"
                + " ARRAY[4]::smallint[], ARRAY[0]::bigint[], 10, 10, 10, 0) WHERE NOT expired";
        assertThat(number(claim)).isEqualTo(1);
        kit.advance(Duration.ofMinutes(2));
        kit.drain("b");
        assertThat(number("SELECT count(*) FROM postroom.entry_expiry")).isEqualTo(1);
        sql.sql("UPDATE postroom.lease SET claimed_at = claimed_at - interval '1 hour'")
                .update();
        sql.sql("SELECT * FROM postroom.release_unknown(1, '{}', interval '1 second')")
                .query()
                .listOfRows();
        assertThat(number(claim)).isZero();
        for (String table : List.of("lease", "ready", "entry_expiry", "attempt", "message")) {
            sql.sql("DELETE FROM postroom." + table).update();
        }
    }

    @Test
    void more_entries_than_a_batch_expire_in_one_turn() {
        topic("orders");
        postroom.queues().declare(QueueSettings.of("c").timeToLive(Duration.ofMinutes(1)));
        bind("orders", "#", "c");
        bind("orders", "#", "b");
        List<CreateMessage> many =
                Collections.nCopies(1200, CreateMessage.via("orders", "x").payload(1));
        messages.createMessages(many);
        kit.advance(Duration.ofMinutes(2));
        kit.drain("a");
        assertThat(postroom.queues().stats("c").orElseThrow().ready()).isZero();
        assertThat(number("SELECT count(*) FROM postroom.entry_expiry")).isZero();
    }

    // ---- entries end by themselves

    @Test
    void bulk_redrive_moves_every_dead_entry_of_a_message() {
        topic("orders");
        bind("orders", "#", "a");
        bind("orders", "#", "b");
        Created created =
                messages.createMessage(CreateMessage.via("orders", "x").payload(1));
        sql.sql("""
                        WITH gone AS (DELETE FROM postroom.ready RETURNING *)
                        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error)
                        SELECT queue_id, priority, 0, 0, 1, message_id, 'quarantined', 'by the test' FROM gone
                        """).update();
        Operation operation = messages.redrive(MessageFilter.all().state(MessageState.DEAD), 1);
        JobStore jobs = PostgresStores.on(database.pool()).jobs();
        await().atMost(30, TimeUnit.SECONDS).until(() -> {
            jobs.stepOperations(Duration.ofSeconds(1));
            return operation.finished();
        });
        assertThat(operation.done()).isEqualTo(2);
        assertThat(states(created)).containsExactly(MessageState.READY, MessageState.READY);
    }

    @Test
    void each_entry_ends_by_itself_and_is_found_by_each_of_its_queues() {
        topic("orders");
        bind("orders", "#", "a");
        bind("orders", "#", "bad");
        bind("orders", "#", "c");
        Created created =
                messages.createMessage(CreateMessage.via("orders", "x").payload(1));
        kit.drain();
        assertThat(states(created)).containsExactly(MessageState.DONE, MessageState.DEAD, MessageState.READY);
        for (String queue : created.queues()) {
            assertThat(messages.find(MessageFilter.queue(queue))).hasSize(1);
        }
        assertThat(messages.find(MessageFilter.queue("b"))).isEmpty();
        assertThat(messages.redrive(created.id())).isEqualTo(1);
        assertThat(messages.cancel(created.id())).isEqualTo(2);
        assertThat(states(created)).containsExactly(MessageState.DONE, MessageState.CANCELLED, MessageState.CANCELLED);
    }

    @Test
    void check_finds_an_entry_that_got_lost() {
        topic("orders");
        bind("orders", "#", "a");
        bind("orders", "#", "b");
        Created created =
                messages.createMessage(CreateMessage.via("orders", "x").payload(1));
        sql.sql("DELETE FROM postroom.ready WHERE queue_id = (SELECT id FROM postroom.queue WHERE name = 'b')")
                .update();
        assertThat(Conservation.check(sql)).singleElement().asString().contains("no_place");
        sql.sql("DELETE FROM postroom.ready").update();
        sql.sql("DELETE FROM postroom.message WHERE id = ?").param(created.id()).update();
    }

    @Test
    void consumers_of_this_process_are_woken_for_each_queue() {
        topic("orders");
        try (Postroom working = Postroom.on(database.pool())
                .handler(Handler.process("w1", Integer.class, (payload, context) -> Outcome.done()))
                .handler(Handler.process("w2", Integer.class, (payload, context) -> Outcome.done()))
                .start()) {
            bind("orders", "#", "w1");
            bind("orders", "#", "w2");
            Created created = working.queueMessages()
                    .createMessage(CreateMessage.via("orders", "x").payload(1));
            await().atMost(30, TimeUnit.SECONDS)
                    .untilAsserted(
                            () -> assertThat(states(created)).containsExactly(MessageState.DONE, MessageState.DONE));
            bind("orders", "one", "w1");
            Created alone = working.queueMessages()
                    .createMessageAsync(CreateMessage.via("orders", "one").payload(1))
                    .join();
            assertThat(alone.queues()).containsExactly("w1", "w2");
        }
    }

    // ---- bad input

    @Test
    void bad_input_is_refused_by_name() {
        topic("orders");
        assertThatThrownBy(() -> CreateMessage.via("a b", "x"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("exchange must be");
        assertThatThrownBy(() -> CreateMessage.via("orders", "ü".repeat(128)))
                .hasMessageStartingWith("routingKey must be 0 to 255 bytes");
        assertThatThrownBy(() -> CreateMessage.via("orders", "a\u0000"))
                .hasMessageStartingWith("routingKey must be no control characters");
        assertThatThrownBy(() -> bind("none", "x", "a")).isInstanceOf(ExchangeNotFoundException.class);
        assertThatThrownBy(() -> bind("orders", "x", "no-queue"))
                .isInstanceOf(QueueNotFoundException.class)
                .hasMessageContaining("no-queue");
        assertThatThrownBy(() -> exchanges.bind(Binding.from("orders").key("x")))
                .isInstanceOf(InvalidMessageException.class);
        assertThatThrownBy(() -> exchanges.declare(Exchange.fanout("orders")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("kind must be topic, as exchange \"orders\" was declared");
        assertThatThrownBy(() -> exchanges.bind(
                        Binding.from("orders").argument("kind", "x").to("a")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageStartingWith("arguments must be");
        bind("orders", "x", "a");
        assertThatThrownBy(() -> exchanges.delete("orders", true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("has bindings");
        assertThatThrownBy(() -> messages.sendMessageSync(CreateMessage.via("orders", "x")))
                .isInstanceOf(InvalidMessageException.class);
        assertThatThrownBy(() -> messages.sendMessageAsync(CreateMessage.via("orders", "x")))
                .isInstanceOf(InvalidMessageException.class);
        assertThat(number("SELECT count(*) FROM postroom.message")).isZero();
    }

    // ---- helpers

    private void topic(String name) {
        exchanges.declare(Exchange.topic(name));
    }

    private void bind(String exchange, String key, String queue) {
        if (queue.startsWith("d-") || queue.startsWith("w")) {
            postroom.queues().declare(QueueSettings.of(queue));
        }
        exchanges.bind(Binding.from(exchange).key(key).to(queue));
    }

    private List<String> queuesOf(CreateMessage message) {
        return messages.createMessage(message.payload(0)).queues();
    }

    private Message found(Created created) {
        return messages.find(created.id()).orElseThrow();
    }

    private List<MessageState> states(Created created) {
        return found(created).entries().stream().map(QueueEntry::state).toList();
    }

    /** How long after its creation each entry expires, in the order of their queues. */
    private List<Optional<Duration>> lives(Created created) {
        Message message = found(created);
        return message.entries().stream()
                .map(entry -> entry.expiresAt().map(end -> Duration.between(message.createdAt(), end)))
                .toList();
    }

    private long number(String query) {
        return sql.sql(query).query(Long.class).single();
    }

    private Connection transaction(int isolation) throws SQLException {
        Connection connection = database.pool().getConnection();
        connection.setAutoCommit(false);
        connection.setTransactionIsolation(isolation);
        return connection;
    }

    private static void run(Connection connection, String statement) throws SQLException {
        try (Statement sql = connection.createStatement()) {
            sql.execute(statement);
        }
    }
}

package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.Exchange;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageContext;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Dead letters that go on through the dead letter exchange of their queue, as in RabbitMQ: rows 40 to 52 of what was observed there. */
@PostgresTest
class DeadLetterExchangeTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    private final DataSource pool;
    private final JdbcClient sql;
    private final Postroom postroom;
    private final PostroomKit kit;
    private final List<String> handled = new ArrayList<>();
    private Function<MessageContext, Outcome> work = context -> Outcome.reject("no");

    DeadLetterExchangeTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
        postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(Handler.process("work", Integer.class, (payload, context) -> {
                    handled.add("work");
                    return work.apply(context);
                }))
                .handler(Handler.process("next", Integer.class, (payload, context) -> {
                    handled.add("next");
                    return Outcome.reject("no");
                }))
                .start();
        kit = PostroomKit.of(postroom);
    }

    @BeforeEach
    void declare() {
        kit.reset();
        for (String table : List.of("binding", "exchange", "queue")) {
            sql.sql("DELETE FROM postroom." + table).update();
        }
        postroom.exchanges().declare(Exchange.direct("dead"));
        for (String queue : List.of("work", "next", "wait", "end")) {
            postroom.queues().declare(QueueSettings.of(queue));
            postroom.exchanges().bind(Binding.from("dead").key(queue).to(queue));
        }
    }

    @AfterEach
    void everyEntryIsInOnePlace() {
        assertThat(Conservation.check(sql)).isEmpty();
        postroom.close();
    }

    /** Neither process would poll within the time that the test waits. */
    @Test
    void consumers_here_and_elsewhere_are_woken_for_what_goes_on() {
        deadLetterExchange("work", "dead", "next");
        Queue<String> taken = new ConcurrentLinkedQueue<>();
        EngineSettings slow = new EngineSettings(
                "slow",
                EngineSettings.DEFAULT_LEASE_TIME,
                EngineSettings.DEFAULT_BEAT_INTERVAL,
                Duration.ofMinutes(1),
                true,
                true);
        postroom.queues().declare(QueueSettings.of("next").deadLetterExchange("dead", "end"));
        try (Postroom here = Postroom.on(pool)
                        .settings(slow)
                        .handler(Handler.process("work", Integer.class, (payload, context) -> Outcome.reject("no")))
                        .handler(Handler.process("next", Integer.class, (payload, context) -> {
                            taken.add("next");
                            return Outcome.reject("no");
                        }))
                        .start();
                Postroom elsewhere = Postroom.on(pool)
                        .settings(slow)
                        .handler(Handler.process("end", Integer.class, (payload, context) -> {
                            taken.add("end");
                            return Outcome.done();
                        }))
                        .start()) {
            here.queueMessages().createMessage("work", 1);
            await().atMost(Duration.ofSeconds(40)).until(() -> taken.size() == 2);
            assertThat(taken).containsExactly("next", "end");
            assertThat(elsewhere.problems()).isEmpty();
        }
    }

    @Test
    void rejected_message_goes_on_with_its_history_in_headers() {
        deadLetterExchange("work", "dead", "end");
        UUID id = postroom.queueMessages()
                .createMessage(
                        CreateMessage.to("work").payload(1).header("own", "x").timeToLive(Duration.ofDays(1)))
                .id();
        kit.drain("work");
        assertThat(state(id)).isEqualTo(MessageState.CANCELLED);
        assertThat(postroom.queueMessages().history(id).get(1).error().orElseThrow())
                .startsWith("rejected; went on through exchange \"dead\" with routing key \"end\" as message ");
        Message next = only("end");
        assertThat(next.id()).isNotEqualTo(id);
        assertThat(next.payload()).isEqualTo("1");
        assertThat(next.exchange()).contains("dead");
        assertThat(next.expiresAt()).as("its own time to live is taken off").isEmpty();
        assertThat(next.correlationId()).as("the path is found by it").contains(id.toString());
        assertThat(next.headers())
                .containsEntry("own", "x")
                .containsEntry("x-first-death-queue", "work")
                .containsEntry("x-first-death-reason", "rejected")
                .containsEntry("x-first-death-exchange", "")
                .containsEntry("x-last-death-queue", "work");
        JsonNode death = deaths(next).get(0);
        assertThat(death.get("count").asInt()).isEqualTo(1);
        assertThat(death.get("routing-key").asString()).isEqualTo("work");
        assertThat(postroom.queueMessages().find(MessageFilter.all().state(MessageState.DEAD)))
                .isEmpty();
    }

    @Test
    void spent_attempts_and_expiry_go_on_with_the_key_of_the_message() {
        deadLetterExchange("work", "dead", null);
        postroom.exchanges().declare(Exchange.topic("t"));
        postroom.exchanges().bind(Binding.from("t").key("end").to("work"));
        work = context -> Outcome.retry(Duration.ZERO, "again");
        sql.sql("UPDATE postroom.queue SET max_attempts = 1, settings_by = 'operator' WHERE name = 'work'")
                .update();
        postroom.queueMessages().createMessage(CreateMessage.via("t", "end").payload(1));
        kit.drain("work");
        assertThat(only("end").headers())
                .containsEntry("x-last-death-reason", "attempts_spent")
                .containsEntry("x-last-death-exchange", "t");

        UUID expiring = postroom.queueMessages()
                .createMessage(CreateMessage.via("t", "end").payload(2).timeToLive(SOON))
                .id();
        kit.advance(SOON.multipliedBy(2));
        kit.drain("end");
        assertThat(state(expiring)).isEqualTo(MessageState.EXPIRED);
        assertThat(postroom.queueMessages().find(MessageFilter.queue("end"))).hasSize(2);
    }

    @Test
    void dead_letter_stays_where_the_exchange_is_missing_or_reaches_no_queue() {
        deadLetterExchange("work", "missing", null);
        UUID first = create("work");
        kit.drain("work");
        assertThat(reason(first)).isEqualTo("dlx_unroutable");
        deadLetterExchange("work", "dead", "nobody");
        UUID second = create("work");
        kit.drain("work");
        assertThat(reason(second)).isEqualTo("dlx_unroutable");
        assertThat(error(second)).isEqualTo("rejected: no");
        deadLetterExchange("work", "dead", "end");
        assertThat(postroom.queueMessages().redrive(second)).isEqualTo(1);
        kit.drain("work");
        assertThat(only("end").correlationId()).contains(second.toString());
    }

    /** Row 49 and decision 3: the broker drops it silently. */
    @Test
    void ring_without_a_rejection_is_cut_at_its_first_return() {
        deadLetterExchange("wait", "dead", "wait");
        sql.sql("UPDATE postroom.queue SET time_to_live = interval '10 seconds' WHERE name = 'wait'")
                .update();
        UUID id = create("wait");
        kit.advance(SOON.multipliedBy(2));
        kit.drain("end");
        assertThat(reason(id)).isEqualTo("cycle");
        assertThat(number("SELECT count(*) FROM postroom.message")).isEqualTo(1);
    }

    /** Row 52: the retry pattern with a waiting queue. A rejection lies in the ring, so it goes round as often as the consumer wants. */
    @Test
    void rejected_message_waits_in_another_queue_and_comes_back_with_a_count() {
        deadLetterExchange("work", "dead", "wait");
        deadLetterExchange("wait", "dead", "work");
        sql.sql("UPDATE postroom.queue SET time_to_live = interval '10 seconds' WHERE name = 'wait'")
                .update();
        work = context -> deathsIn(context.headers(), "work") < 3 ? Outcome.reject("not yet") : Outcome.done();
        UUID id = create("work");
        for (int turn = 0; turn < 3; turn++) {
            kit.drain("work");
            assertThat(postroom.queues().stats("wait").orElseThrow().ready()).isEqualTo(1);
            kit.advance(SOON.multipliedBy(2));
            kit.drain("end"); // expires what is due
        }
        kit.drain("work");
        assertThat(handled).containsExactly("work", "work", "work", "work");
        List<Message> path = postroom.queueMessages().find(MessageFilter.all().correlationId(id.toString()));
        assertThat(path).as("the whole path, with one correlation id").hasSize(6);
        assertThat(path.get(0).state()).isEqualTo(MessageState.DONE);
        assertThat(deaths(path.get(0)).size())
                .as("one entry for a queue and reason")
                .isEqualTo(2);
    }

    /** Row 51: it died without a rejection since it was here. */
    @Test
    void message_that_was_rejected_into_its_own_queue_and_expires_there_is_cut() {
        deadLetterExchange("work", "dead", "work");
        work = context -> deathsIn(context.headers(), "work") < 3
                ? Outcome.reject("no")
                : Outcome.snooze(Duration.ofHours(1), "rests"); // else it would go round without end
        create("work");
        kit.drain("work");
        assertThat(handled).as("it goes round").hasSize(4);
        sql.sql("UPDATE postroom.message SET expires_at = now() - interval '1 minute' WHERE correlation_id IS NOT NULL")
                .update();
        kit.drain("end");
        assertThat(number("SELECT count(*) FROM postroom.dead_letter WHERE reason = 'cycle'"))
                .isEqualTo(1);
    }

    @Test
    void header_that_somebody_else_wrote_is_trusted_or_replaced() {
        deadLetterExchange("work", "dead", "end");
        postroom.queueMessages()
                .createMessage(CreateMessage.to("work")
                        .payload(1)
                        .header("x-death", "[{\"queue\": \"work\", \"reason\": \"rejected\", \"count\": 7}]"));
        postroom.queueMessages()
                .createMessage(CreateMessage.to("work").payload(2).header("x-death", "nonsense"));
        postroom.queueMessages()
                .createMessage(
                        CreateMessage.to("work").payload(3).header("x-death", "[1, {\"queue\": 5, \"count\": \"x\"}]"));
        kit.drain("work");
        List<Message> found = postroom.queueMessages().find(MessageFilter.queue("end"));
        assertThat(found).hasSize(3);
        assertThat(found)
                .extracting(message -> deaths(message).get(0).get("count").asInt())
                .containsExactlyInAnyOrder(8, 1, 1);
    }

    @Test
    void dead_letter_reaches_several_queues_with_an_entry_each() {
        postroom.exchanges().declare(Exchange.fanout("all"));
        postroom.exchanges().bind(Binding.from("all").to("wait"));
        postroom.exchanges().bind(Binding.from("all").to("end"));
        deadLetterExchange("work", "all", null);
        create("work");
        kit.drain("work");
        assertThat(only("end").entries()).hasSize(2);
        postroom.queues().declare(QueueSettings.of("work").noDeadLetterExchange());
        UUID stays = create("work");
        kit.drain("work");
        assertThat(reason(stays)).isEqualTo("rejected");
    }

    @Test
    void queue_is_declared_in_sql_with_its_dead_letter_exchange() {
        sql.sql(
                        "SELECT postroom.declare_queue('work', dead_letter_exchange => 'dead', dead_letter_routing_key => 'end')")
                .query()
                .singleRow();
        create("work");
        kit.drain("work");
        assertThat(only("end").headers()).containsEntry("x-first-death-queue", "work");
        assertThatThrownBy(() -> sql.sql("SELECT postroom.declare_queue('work', dead_letter_routing_key => 'end')")
                        .query()
                        .singleRow())
                .hasMessageContaining("deadLetterRoutingKey must be given only with a dead letter exchange");
        assertThatThrownBy(() -> QueueSettings.of("work").deadLetterExchange("no name"))
                .hasMessageStartingWith("deadLetterExchange must be 1 to 127");
    }

    private void deadLetterExchange(String queue, String exchange, String key) {
        QueueSettings settings = QueueSettings.of(queue);
        postroom.queues()
                .declare(
                        key == null
                                ? settings.deadLetterExchange(exchange)
                                : settings.deadLetterExchange(exchange, key));
    }

    private UUID create(String queue) {
        return postroom.queueMessages().createMessage(queue, 1).id();
    }

    private Message only(String queue) {
        List<Message> found = postroom.queueMessages().find(MessageFilter.queue(queue));
        assertThat(found).hasSize(1);
        return found.get(0);
    }

    private MessageState state(UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    private String reason(UUID id) {
        return sql.sql("SELECT reason FROM postroom.dead_letter WHERE message_id = ?")
                .param(id)
                .query(String.class)
                .single();
    }

    private String error(UUID id) {
        return sql.sql("SELECT error FROM postroom.dead_letter WHERE message_id = ?")
                .param(id)
                .query(String.class)
                .single();
    }

    private static JsonNode deaths(Message message) {
        return JsonMapper.shared().readTree(message.headers().get("x-death"));
    }

    private static int deathsIn(Map<String, String> headers, String queue) {
        int count = 0;
        for (JsonNode death : JsonMapper.shared().readTree(headers.getOrDefault("x-death", "[]"))) {
            count += death.get("queue").asString().equals(queue)
                    ? death.get("count").asInt()
                    : 0;
        }
        return count;
    }

    private long number(String query) {
        return sql.sql(query).query(Long.class).single();
    }
}

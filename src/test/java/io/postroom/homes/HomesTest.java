package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.PathStep;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.api.Reply;
import io.postroom.api.WrongTransactionException;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Two databases as homes: where messages go, and who is asked for them. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomesTest {
    private static final HomeRules RULES = HomeRules.parse("""
            # = a
            mail = b
            dead = b
            shop.# = b
            orders = a, b, a
            """);

    private final TestDatabase first;
    private final TestDatabase second = TestDatabase.create();
    private final OneThreadTransactions inFirst;
    private final OneThreadTransactions inSecond;
    private PostroomHomes homes;
    private QueueMessages messages;

    HomesTest(TestDatabase database) {
        first = database;
        inFirst = new OneThreadTransactions(first.pool());
        inSecond = new OneThreadTransactions(second.pool());
    }

    @BeforeAll
    void start() {
        homes = PostroomHomes.on(Map.of("a", first.pool(), "b", second.pool()))
                .rules(RULES)
                .transactions("a", inFirst)
                .transactions("b", inSecond)
                .queue(QueueSettings.of("orders").ordered(true))
                .handler(Handler.send("mail", String.class, (payload, context) -> {
                    context.reply("sent");
                    return Outcome.done();
                }))
                .handler(Handler.send("calls", String.class, (payload, context) -> Outcome.done()))
                .handler(Handler.send("orders", String.class, (payload, context) -> Outcome.done())
                        .id("orders"))
                .handler(Handler.send("*.pattern", String.class, (payload, context) -> Outcome.done()))
                .handler(Handler.send("dead", String.class, (payload, context) -> Outcome.reject("no")))
                .start();
        messages = homes.queueMessages();
    }

    @AfterAll
    void stop() {
        homes.close();
        second.close();
    }

    private JdbcClient sql(String home) {
        return JdbcClient.create(home.equals("a") ? first.pool() : second.pool());
    }

    private long stored(String home, UUID id) {
        return sql(home)
                .sql("SELECT count(*) FROM postroom.message WHERE id = ?")
                .param(id)
                .query(Long.class)
                .single();
    }

    private PostroomKit kit(String home) {
        return PostroomKit.of(homes.home(home));
    }

    @Test
    void some_homes_are_asked_by_name_and_each_once() {
        assertThat(homes.ask(List.of("b", "a", "b"), (home, engine) -> List.of(home))
                        .whole("ask"))
                .containsExactly("b", "a");
        assertThatThrownBy(() -> homes.ask(List.of("c"), (home, engine) -> List.of(home)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("there is no home \"c\"");
    }

    @Test
    void message_is_stored_and_handled_on_the_home_of_its_queue_alone() {
        UUID mail = messages.createMessage("mail", "x").id();
        UUID call = messages.createMessage("calls", "x").id();
        kit("b").await(mail, MessageState.DONE);
        kit("a").await(call, MessageState.DONE);
        assertThat(List.of(stored("a", mail), stored("b", mail), stored("a", call), stored("b", call)))
                .containsExactly(0L, 1L, 1L, 0L);
        assertThat(homes.home("a").queues().stats("mail"))
                .as("a handler declares its queue where that lives, nowhere else")
                .isEmpty();
        UUID onB = messages.createMessage("shop.pattern", "x").id();
        UUID onA = messages.createMessage("other.pattern", "x").id();
        kit("b").await(onB, MessageState.DONE);
        kit("a").await(onA, MessageState.DONE);
    }

    @Test
    void each_way_to_create_goes_to_the_home() throws Exception {
        Created async = messages.createMessageAsync(CreateMessage.to("mail").payload("x"))
                .get(30, TimeUnit.SECONDS);
        assertThat(stored("b", async.id())).isOne();
        assertThat(messages.sendMessageAsync(CreateMessage.to("mail").payload("x"))
                        .get(30, TimeUnit.SECONDS)
                        .state())
                .isEqualTo(MessageState.DONE);
        assertThat(messages.sendMessageSync(CreateMessage.to("mail").payload("x"))
                        .state())
                .isEqualTo(MessageState.DONE);
        Reply reply = messages.sendAndReceive(CreateMessage.to("mail").payload("x"), Duration.ofSeconds(30));
        assertThat(reply.as(String.class)).isEqualTo("\"sent\"");
        messages.wakeUp("mail", "calls", "orders");
    }

    @Test
    void messages_of_one_group_go_to_one_part_which_sql_finds_too() {
        for (int i = 0; i < 20; i++) {
            String group = "customer-" + i;
            UUID id = messages.createMessage(
                            CreateMessage.to("orders").group(group).payload("x"))
                    .id();
            QueueHome place = RULES.homeOf("orders", group);
            assertThat(kit(place.home())
                            .await(id, MessageState.DONE)
                            .entries()
                            .get(0)
                            .queue())
                    .isEqualTo(place.queue());
            assertThat(sql("a").sql(
                                    "SELECT 'orders:' || 1 + ('x' || encode(substring(sha256(convert_to(?, 'UTF8')) FROM 1 FOR 4), 'hex'))"
                                            + "::bit(32)::bigint % 3 || 'of3'")
                            .param(group)
                            .query(String.class)
                            .single())
                    .isEqualTo(place.queue());
        }
        assertThat(homes.stats().whole("count"))
                .extracting(QueueStats::queue)
                .contains("orders:1of3", "orders:2of3", "orders:3of3", "mail")
                .isSorted();
        assertThat(sql("a").sql("SELECT count(*) FROM postroom.queue WHERE name LIKE 'orders:%' AND ordered")
                        .query(Long.class)
                        .single())
                .as("each part has the settings of the queue")
                .isEqualTo(2);
        assertThat(sql("a").sql(
                                "SELECT DISTINCT handler FROM postroom.consumers WHERE queue LIKE 'orders:%' ORDER BY 1")
                        .query(String.class)
                        .list())
                .containsExactly("orders:1of3", "orders:3of3");
    }

    @Test
    void messages_of_several_homes_are_refused_at_once_and_created_by_home() {
        List<CreateMessage> both = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            both.add(CreateMessage.to("orders").correlationId("bulk").payload("x"));
        }
        both.add(CreateMessage.to("mail").correlationId("bulk").payload("x"));
        both.add(CreateMessage.to("calls").correlationId("bulk").payload("x"));
        assertThatThrownBy(() -> messages.createMessages(both))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("messages of the homes")
                .hasMessageContaining("PostroomHomes.byHome");
        assertThat(messages.path("bulk", 100)).isEmpty();

        Map<String, List<CreateMessage>> byHome = homes.byHome(both);
        assertThat(byHome).containsOnlyKeys("a", "b");
        byHome.values().forEach(messages::createMessages);
        assertThat(messages.path("bulk", 100).stream()
                        .filter(step -> step.event().equals("created")))
                .hasSize(both.size())
                .isSortedAccordingTo((one, other) -> one.at().compareTo(other.at()));
        assertThat(messages.path("bulk", 3)).hasSize(3);
        assertThat(messages.createMessages(List.of())).isEmpty();
    }

    @Test
    void message_joins_the_transaction_of_its_home_and_is_refused_in_one_of_another() throws Exception {
        List<UUID> created = new ArrayList<>();
        inSecond.inTransaction(() -> {
            created.add(messages.createMessage("mail", "x").id());
            assertThat(stored("b", created.get(0))).as("not committed yet").isZero();
            assertThatThrownBy(() -> messages.createMessage("calls", "x"))
                    .isInstanceOf(WrongTransactionException.class)
                    .hasMessageContaining("queue \"calls\" lives on home \"a\"")
                    .hasMessageContaining("is one of home \"b\"");
            assertThatThrownBy(() -> messages.createMessages(
                            List.of(CreateMessage.to("calls").payload("x"))))
                    .isInstanceOf(WrongTransactionException.class);
            assertThatThrownBy(() -> messages.createMessage(CreateMessage.via("events", "x")))
                    .isInstanceOf(WrongTransactionException.class)
                    .hasMessageContaining("exchange \"events\" lives on home \"a\"");
        });
        kit("b").await(created.get(0), MessageState.DONE);

        assertThatThrownBy(() -> inSecond.inTransaction(() -> {
                    created.add(messages.createMessage("mail", "x").id());
                    throw new IllegalStateException("rolled back");
                }))
                .hasMessage("rolled back");
        assertThat(stored("b", created.get(1))).isZero();
    }

    @Test
    void connection_of_the_caller_must_lead_to_the_home() throws Exception {
        CreateMessage mail = CreateMessage.to("mail").payload("x");
        try (Connection right = second.connect();
                Connection wrong = first.connect();
                TestDatabase none = TestDatabase.createEmpty();
                Connection noHome = none.connect()) {
            right.setAutoCommit(false);
            UUID id = messages.createMessage(mail, right).id();
            assertThat(stored("b", id)).isZero();
            right.commit();
            assertThat(stored("b", id)).isOne();
            assertThatThrownBy(() -> messages.createMessage(mail, wrong))
                    .isInstanceOf(WrongTransactionException.class)
                    .hasMessageContaining("queue \"mail\" lives on home \"b\", and the connection leads to home \"a\"");
            noHome.setAutoCommit(false);
            assertThatThrownBy(() -> messages.createMessage(mail, noHome))
                    .isInstanceOf(WrongTransactionException.class)
                    .hasMessageContaining("leads to a database that is no home");
            assertThat(noHome.createStatement().execute("SELECT 1"))
                    .as("the caller's transaction goes on")
                    .isTrue();
        }
    }

    @Test
    void message_of_a_single_home_commits_with_the_connection_that_is_given() throws Exception {
        try (TestDatabase database = TestDatabase.create();
                PostroomHomes single = PostroomHomes.on(Map.of("only", database.pool()))
                        .schema(SchemaMode.NONE)
                        .each((home, engine) -> engine.workers(false))
                        .start();
                Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            UUID dropped =
                    single.queueMessages().createMessage(mail(), connection).id();
            connection.rollback();
            UUID kept = single.queueMessages().createMessage(mail(), connection).id();
            connection.commit();
            assertThat(single.queueMessages().find(dropped)).isEmpty();
            assertThat(single.queueMessages().find(kept)).isPresent();
        }
    }

    private static CreateMessage mail() {
        return CreateMessage.to("mail").json("\"x\"");
    }

    @Test
    void message_is_found_explained_and_moved_wherever_it_is() {
        UUID mail = messages.createMessage("dead", "x").id();
        kit("b").await(mail, MessageState.DEAD);
        assertThat(messages.find(mail)).map(Message::id).contains(mail);
        assertThat(messages.history(mail)).isNotEmpty();
        assertThat(messages.explain(mail)).first().asString().startsWith("dead");
        assertThat(messages.redrive(mail)).isOne();
        kit("b").await(mail, MessageState.DEAD);

        UUID waiting = messages.createMessage(
                        CreateMessage.to("calls").delay(Duration.ofHours(1)).payload("x"))
                .id();
        assertThat(messages.reschedule(waiting, Instant.now().plusSeconds(7200)))
                .isOne();
        assertThat(messages.cancelRunning(waiting)).isZero();
        assertThat(messages.cancel(waiting)).isOne();
        assertThat(messages.cancel(waiting)).isZero();

        UUID unknown = io.postroom.api.MessageIds.next();
        assertThat(messages.find(unknown)).isEmpty();
        assertThat(messages.history(unknown)).isEmpty();
        assertThat(messages.cancel(unknown)).isZero();
        assertThat(messages.explain(unknown)).isNotEmpty();
    }

    @Test
    void lists_are_merged_in_their_order() {
        List<UUID> created = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            for (String queue : List.of("later.on.a", "shop.later")) {
                created.add(messages.createMessage(CreateMessage.to(queue)
                                .correlationId("merged")
                                .delay(Duration.ofHours(1))
                                .payload("x"))
                        .id());
            }
        }
        List<UUID> newestFirst = new ArrayList<>(created);
        newestFirst.sort((one, other) -> other.compareTo(one));
        MessageFilter filter = MessageFilter.all().correlationId("merged");
        assertThat(messages.find(filter)).extracting(Message::id).containsExactlyElementsOf(newestFirst);
        assertThat(messages.find(filter.limit(3)))
                .extracting(Message::id)
                .containsExactlyElementsOf(newestFirst.subList(0, 3));
        assertThat(messages.find(filter.limit(3).before(newestFirst.get(2))))
                .as("the next page")
                .extracting(Message::id)
                .containsExactlyElementsOf(newestFirst.subList(3, 6));
        assertThat(messages.find(filter.withQueue("shop.later"))).hasSize(4);
        assertThat(messages.getMessagesQueueForDelete(filter)).isEmpty();
        assertThat(messages.getMessagesQueue(MessageFilter.queue("later.on.a"))).isEmpty();

        List<UUID> ofParts = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            ofParts.add(messages.createMessage(CreateMessage.to("orders")
                            .group("g" + i)
                            .correlationId("of parts")
                            .delay(Duration.ofHours(1))
                            .payload("x"))
                    .id());
        }
        assertThat(messages.find(MessageFilter.queue("orders").correlationId("of parts")))
                .as("a queue with parts is asked part by part")
                .extracting(Message::id)
                .containsExactlyInAnyOrderElementsOf(ofParts);
    }

    @Test
    void more_questions_at_once_than_a_home_has_threads_are_all_answered() {
        UUID mail = messages.createMessage("mail", "x").id();
        List<CompletableFuture<Boolean>> asked = new ArrayList<>();
        ExecutorService callers = Executors.newFixedThreadPool(60);
        try {
            for (int i = 0; i < 300; i++) {
                asked.add(
                        CompletableFuture.supplyAsync(() -> messages.find(mail).isPresent(), callers));
            }
            assertThat(asked).allSatisfy(found -> assertThat(found.get()).isTrue());
        } finally {
            callers.shutdown();
        }
    }

    @Test
    void redrive_of_many_belongs_to_one_home() {
        assertThatThrownBy(() -> messages.redrive(MessageFilter.all().state(MessageState.DEAD), 10))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("queue must be given");
        assertThatThrownBy(() -> messages.redrive(MessageFilter.queue("orders"), 10))
                .hasMessageContaining("queues of their own");
        assertThat(messages.redrive(MessageFilter.queue("mail"), 10).planned()).isZero();
    }

    @Test
    void one_home_is_there_as_a_whole_engine() {
        assertThat(homes.names()).containsExactly("a", "b");
        assertThat(homes.rules()).isEqualTo(RULES);
        assertThat(homes.home("b").queues().stats("mail")).isPresent();
        assertThatThrownBy(() -> homes.home("c"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no home \"c\" among [a, b]");
        assertThat(homes.states())
                .extracting(HomeStatus::home, HomeStatus::isUp, HomeStatus::problems)
                .containsExactly(tuple("a", true, List.of()), tuple("b", true, List.of()));
        assertThat(homes.problems()).isEmpty();
        List<PathStep> none = messages.path("nothing has this", 10);
        assertThat(none).isEmpty();
    }
}

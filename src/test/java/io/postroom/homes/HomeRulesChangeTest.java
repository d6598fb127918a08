package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueSettings;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.homes.RulesChange.MovedQueue;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.internal.storage.HomeStore.ChangeLock;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Queues get another home while processes with the old rules run. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomeRulesChangeTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final Duration SHORT = Duration.ofMillis(200);
    private static final HomeRules OLD = HomeRules.allOn("a").parts("parted", "a", "b");
    private static final HomeRules NEW = OLD.queue("orders", "b");

    private final TestDatabase first;
    private final TestDatabase second = TestDatabase.create();

    HomeRulesChangeTest(TestDatabase database) {
        first = database;
    }

    @BeforeEach
    void begin() {
        for (TestDatabase database : List.of(first, second)) {
            sql(database, "DELETE FROM postroom.home");
            sql(database, "DELETE FROM postroom.home_rules");
            sql(database, "DELETE FROM postroom.home_past_rules");
            sql(database, "UPDATE postroom.queue SET moved_to = NULL, deleted_at = NULL");
        }
        homes(OLD).start().close();
    }

    @AfterAll
    void drop() {
        second.close();
    }

    private static void sql(TestDatabase database, String text) {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute(text);
        } catch (SQLException failed) {
            throw new IllegalStateException(failed.getMessage(), failed);
        }
    }

    private PostroomHomes.Builder homes(HomeRules rules) {
        return PostroomHomes.on(Map.of("a", first.pool(), "b", second.pool()))
                .rules(rules)
                .each((home, builder) -> builder.workers(false));
    }

    private PostroomHomes.Builder workers(HomeRules rules) {
        return PostroomHomes.on(Map.of("a", first.newPool(12), "b", second.newPool(12)))
                .rules(rules)
                .handler(Handler.send("orders", String.class, (payload, context) -> Outcome.done()))
                .handler(Handler.send("other", String.class, (payload, context) -> Outcome.done()));
    }

    private boolean isClosed() {
        return JdbcClient.create(first.pool())
                .sql("SELECT EXISTS (SELECT FROM postroom.queue WHERE name = 'orders' AND deleted_at = 'infinity')")
                .query(Boolean.class)
                .single();
    }

    private static UUID id(Statement statement) throws Exception {
        try (var row = statement.executeQuery("SELECT id FROM postroom.create_message('orders', '\"x\"')")) {
            row.next();
            return row.getObject(1, UUID.class);
        }
    }

    @Test
    void queue_moves_under_producers_and_no_message_is_left_behind() throws Exception {
        ConcurrentLinkedQueue<UUID> created = new ConcurrentLinkedQueue<>();
        AtomicBoolean mayEnd = new AtomicBoolean();
        try (PostroomHomes old = workers(OLD).start()) {
            CompletableFuture<StoreException> producer = CompletableFuture.supplyAsync(() -> {
                while (!mayEnd.get()) {
                    try {
                        created.add(
                                old.queueMessages().createMessage("orders", "x").id());
                    } catch (StoreException refused) {
                        return refused;
                    }
                }
                throw new AssertionError("the producer with the old rules was never refused");
            });
            await().atMost(LONG).until(() -> created.size() > 50);
            RulesChange change = homes(NEW).changeRules(LONG);
            assertThat(change.version()).isEqualTo(2);
            assertThat(change.moved()).containsExactly(new MovedQueue("orders", "a", "home \"b\""));
            StoreException refused = producer.orTimeout(60, TimeUnit.SECONDS).get();
            mayEnd.set(true);
            assertThat(refused)
                    .hasMessageContaining("queue \"orders\" has moved to home \"b\"; nothing was written")
                    .extracting(StoreException::kind)
                    .isEqualTo(StoreException.Kind.REFUSED);
            for (UUID id : created) {
                assertThat(old.queueMessages().find(id).orElseThrow().state()).isEqualTo(MessageState.DONE);
            }
            UUID other = old.queueMessages().createMessage("other", "x").id();
            PostroomKit.of(old.home("a")).await(other, MessageState.DONE);

            assertThatThrownBy(() -> homes(OLD).start())
                    .hasMessageContaining("\"orders\" is missing here and \"b\" there");
            try (PostroomHomes next = workers(NEW).start()) {
                UUID id = next.queueMessages().createMessage("orders", "x").id();
                PostroomKit.of(next.home("b")).await(id, MessageState.DONE);
            }
        }
        assertThatThrownBy(() -> sql(first, "SELECT postroom.declare_queue('orders')"))
                .as("a client of SQL")
                .hasMessageContaining("queue \"orders\" has moved to home \"b\"");
    }

    /**
     * The race of a change with transactions that are open: one has created a message and commits later; one under REPEATABLE READ has an
     * old snapshot, and creates its message when the queue is closed already.
     */
    @Test
    void message_of_a_transaction_that_was_open_is_waited_for() throws Exception {
        try (PostroomHomes old = workers(OLD).start();
                Connection early = first.connect();
                Connection late = first.connect();
                Statement inEarly = early.createStatement();
                Statement inLate = late.createStatement()) {
            early.setAutoCommit(false);
            late.setAutoCommit(false);
            late.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            UUID ofEarly = id(inEarly);
            inLate.executeQuery("SELECT count(*) FROM postroom.queue").close();

            CompletableFuture<RulesChange> change =
                    CompletableFuture.supplyAsync(() -> homes(NEW).changeRules(LONG));
            await().atMost(LONG).until(this::isClosed);
            assertThatThrownBy(() -> sql(first, "SELECT postroom.create_message('orders')"))
                    .hasMessageContaining("has moved to home \"b\"");
            UUID ofLate = id(inLate);
            assertThat(change).isNotDone();
            early.commit();
            PostroomKit.of(old.home("a")).await(ofEarly, MessageState.DONE);
            assertThat(change).isNotDone();
            assertThat(new PostgresHome(first.pool()).read().orElseThrow().version())
                    .as("nothing is changed before both have ended")
                    .isEqualTo(1);
            late.commit();
            assertThat(change.get().moved()).hasSize(1);
            PostroomKit.of(old.home("a")).await(ofLate, MessageState.DONE);
        }
    }

    @Test
    void transaction_that_stays_open_is_named_and_nothing_is_changed() throws Exception {
        sql(first, "SELECT postroom.declare_queue('orders')");
        try (Connection open = first.connect();
                Statement statement = open.createStatement()) {
            open.setAutoCommit(false);
            statement.executeQuery("SELECT 1").close();
            assertThatThrownBy(() -> homes(NEW).changeRules(SHORT))
                    .isInstanceOf(PostroomException.class)
                    .hasMessageContaining("transactions that began before the queues were closed are still open")
                    .hasMessageContaining("of session ");
        }
        assertUnchanged();
    }

    private void assertUnchanged() {
        assertThat(isClosed()).isFalse();
        assertThat(new PostgresHome(first.pool()).read().orElseThrow().rules()).isEqualTo(OLD.toString());
        homes(OLD).start().close();
    }

    @Test
    void queue_with_messages_is_refused_and_open_again() {
        UUID id;
        try (PostroomHomes old = homes(OLD).start()) {
            id = old.queueMessages().createMessage("orders", "x").id();
            assertThatThrownBy(() -> homes(NEW).changeRules(SHORT))
                    .hasMessageContaining("queue \"orders\" on home \"a\" has 1 waiting, 0 in progress and 0 dead");
            assertUnchanged();
            assertThat(old.queueMessages().createMessage("orders", "y").isNew()).isTrue();
            old.home("a").queues().purge("orders");
        }
        assertThat(homes(NEW).changeRules(LONG).moved()).hasSize(1);
        assertThat(id).isNotNull();
    }

    @Test
    void number_of_parts_changes_only_while_no_part_has_a_message() {
        HomeRules more = HomeRules.allOn("a").parts("parted", "a", "b", "a");
        try (PostroomHomes old = homes(OLD).queue(QueueSettings.of("parted")).start()) {
            CreateMessage message = CreateMessage.to("parted").payload("x");
            UUID id = old.queueMessages().createMessage(message.group("g")).id();
            assertThatThrownBy(() -> homes(more).changeRules(SHORT)).hasMessageContaining("has 1 waiting");
            assertThat(old.queueMessages().cancel(id)).isOne();
            assertThat(homes(more).changeRules(LONG).moved())
                    .containsExactly(
                            new MovedQueue("parted:1of2", "a", "the parts of queue \"parted\""),
                            new MovedQueue("parted:2of2", "b", "the parts of queue \"parted\""));
            assertThatThrownBy(() -> old.queueMessages().createMessage(message.group("g")))
                    .as("a process that counts on the old number")
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("has moved to the parts of queue \"parted\"");
        }
        try (PostroomHomes next = homes(more).start()) {
            next.queueMessages()
                    .createMessage(CreateMessage.to("parted").group("g").payload("x"));
        }
    }

    @Test
    void dead_letters_bindings_and_schedules_are_in_the_way() {
        try (Postroom one = Postroom.on(first.pool())
                .handler(Handler.send("orders", String.class, (payload, context) -> Outcome.reject("no")))
                .start()) {
            UUID id = one.queueMessages().createMessage("orders", "x").id();
            PostroomKit.of(one).await(id, MessageState.DEAD);
            assertThatThrownBy(() -> homes(NEW).changeRules(SHORT)).hasMessageContaining("0 in progress and 1 dead");
            one.deadLetters().discard(id, Reason.of("test"));
        }
        sql(first, "SELECT postroom.declare_exchange('shop', 'fanout')");
        sql(first, "SELECT postroom.bind('shop', 'orders')");
        assertThatThrownBy(() -> homes(NEW).changeRules(SHORT))
                .hasMessageContaining("home \"a\": queue \"orders\" is bound to exchange \"shop\": unbind it first");
        sql(first, "SELECT postroom.unbind('shop', 'orders')");
        homes(NEW).changeRules(LONG);
    }

    @Test
    void batch_whose_completion_queue_has_moved_says_so_and_holds_up_no_other() {
        sql(first, "SELECT postroom.declare_queue('orders')");
        try (PostroomHomes old = homes(OLD).start()) {
            Postroom home = old.home("a");
            UUID stuck = home.batches().create(CreateBatch.named("stuck").onCompletion(CreateMessage.to("orders")));
            UUID other = home.batches().create(CreateBatch.named("other").onCompletion(CreateMessage.to("other")));
            homes(NEW).changeRules(LONG);
            home.batches().seal(stuck);
            home.batches().seal(other);
            PostroomKit.of(home).drain("other");
            assertThat(home.batches().find(stuck).orElseThrow().problem().orElseThrow())
                    .contains("queue \"orders\" has moved to home \"b\"");
            assertThat(home.batches().find(other).orElseThrow().completedAt()).isPresent();
            home.queues().purge("other");
        }
    }

    @Test
    void one_change_at_a_time() {
        try (ChangeLock held = new PostgresHome(first.pool()).lock()) {
            assertThatThrownBy(() -> homes(NEW).changeRules(SHORT))
                    .hasMessageContaining("another process is changing the rules of the homes");
            assertThat(held.pid()).isPositive();
        }
        homes(NEW).changeRules(LONG);
    }

    @Test
    void change_that_ended_half_way_lets_nobody_start_until_it_is_repeated() {
        sql(first, "SELECT postroom.declare_queue('orders')");
        PostgresHome half = new PostgresHome(first.pool());
        half.close(Map.of("orders", "home \"b\""));
        half.change(Set.of("a", "b"), NEW.toString(), 2, Set.of());
        assertThatThrownBy(() -> homes(OLD).start()).hasMessageContaining("home \"a\" has other rules");
        assertThatThrownBy(() -> homes(NEW).start()).hasMessageContaining("home \"b\" has other rules");
        RulesChange repeated = homes(NEW).changeRules(LONG);
        assertThat(repeated.version()).isEqualTo(3);
        assertThat(repeated.moved()).containsExactly(new MovedQueue("orders", "a", "home \"b\""));
        assertThat(isClosed()).as("it is deleted").isFalse();
        homes(NEW).start().close();
        assertThat(homes(NEW).changeRules(LONG).moved()).as("once more").isEmpty();
    }

    @Test
    void queue_comes_back_to_a_home_that_it_had_left() {
        sql(first, "SELECT postroom.declare_queue('orders')");
        homes(NEW).changeRules(LONG);
        assertThatThrownBy(() -> sql(first, "SELECT postroom.declare_queue('orders')"))
                .hasMessageContaining("has moved");
        homes(OLD).changeRules(LONG);
        try (PostroomHomes homes = homes(OLD).start()) {
            assertThat(homes.queueMessages().createMessage("orders", "x").isNew())
                    .isTrue();
            homes.home("a").queues().purge("orders");
        }
    }

    @Test
    void home_is_added_and_left_out_once_no_queue_lives_there() {
        try (TestDatabase third = TestDatabase.create()) {
            Map<String, DataSource> three = Map.of("a", first.pool(), "b", second.pool(), "c", third.pool());
            HomeRules withThird = NEW.queue("files", "c");
            PostroomHomes.on(three).rules(withThird).changeRules(LONG);
            PostroomHomes.on(three)
                    .rules(withThird)
                    .each((home, builder) -> builder.workers(false))
                    .start()
                    .close();
            assertThatThrownBy(() -> homes(NEW).changeRules(LONG))
                    .hasMessageContaining("queues live on [c] by the rules so far");
            PostroomHomes.on(three).rules(NEW).changeRules(LONG);
            homes(NEW).changeRules(LONG);
            homes(NEW).start().close();
        }
    }
}

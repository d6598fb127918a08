package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.internal.storage.HomeStore.ChangeLock;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/** No message is stored on a home that its queue has left, also where the queue has no row there or a change fails. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomeMovedQueuesTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final Duration SHORT = Duration.ofMillis(200);
    private static final HomeRules OLD = HomeRules.allOn("a").queue("tenant.eu.#", "b");
    private static final HomeRules NEW = OLD.queue("orders", "b").queue("shop.#", "b");

    private final TestDatabase first;
    private final TestDatabase second = TestDatabase.create();

    HomeMovedQueuesTest(TestDatabase database) {
        first = database;
    }

    /** Each test begins with the old rules and without queues. */
    @BeforeEach
    void begin() {
        for (TestDatabase database : List.of(first, second)) {
            sql(database, "DELETE FROM postroom.home");
            sql(database, "DELETE FROM postroom.home_rules");
            sql(database, "DELETE FROM postroom.home_past_rules");
            sql(database, "TRUNCATE postroom.ready, postroom.message, postroom.consumer, postroom.queue CASCADE");
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

    private static void create(TestDatabase database, String queue) {
        sql(database, "SELECT postroom.create_message('" + queue + "')");
    }

    private static void assertMoved(TestDatabase database, String queue, String to) {
        assertThatThrownBy(() -> create(database, queue))
                .hasMessageContaining("queue \"" + queue + "\" has moved to " + to + "; nothing was written");
    }

    private CompletableFuture<RulesChange> changing(HomeRules rules) {
        CompletableFuture<RulesChange> change =
                CompletableFuture.supplyAsync(() -> homes(rules).changeRules(LONG));
        await().atMost(LONG).until(() -> isAnnounced(first));
        return change;
    }

    private static boolean isAnnounced(TestDatabase database) {
        return JdbcClient.create(database.pool())
                .sql("SELECT next_rules IS NOT NULL FROM postroom.home_rules")
                .query(Boolean.class)
                .single();
    }

    // ---- names without a row

    @Test
    void queue_that_was_never_used_on_the_home_that_it_left_is_refused_there() {
        try (PostroomHomes old = homes(OLD).start()) {
            homes(NEW).changeRules(LONG);
            for (String queue : List.of("orders", "shop.new", "shop")) {
                assertThatThrownBy(() -> old.queueMessages().createMessage(queue, "x"))
                        .as("a process with the old rules")
                        .isInstanceOf(StoreException.class)
                        .hasMessageContaining("queue \"" + queue + "\" has moved to home \"b\"");
                assertMoved(first, queue, "home \"b\"");
                create(second, queue);
            }
            assertThatThrownBy(() -> sql(first, "SELECT postroom.declare_queue('orders')"))
                    .hasMessageContaining("has moved");
            old.queueMessages().createMessage("mail", "x");
        }
        create(first, "tenant.eu.own"); // has never lived here by any rules: a queue of this home alone
        sql(second, "SELECT postroom.cancel(id) FROM postroom.message");
        homes(OLD).changeRules(LONG);
        create(first, "orders");
        assertMoved(second, "shop.newer", "home \"a\"");
        assertMoved(second, "shop.new", "home \"a\"");
    }

    @Test
    void queue_that_was_deleted_before_the_change_does_not_come_back() {
        sql(first, "SELECT postroom.declare_queue('orders')");
        sql(first, "SELECT postroom.delete_queue('orders')");
        homes(NEW).changeRules(LONG);
        assertMoved(first, "orders", "home \"b\"");
        assertThatThrownBy(() -> sql(first, "SELECT postroom.declare_queue('orders')"))
                .hasMessageContaining("has moved to home \"b\"");
    }

    @Test
    void reply_queue_of_a_process_stays_possible_on_each_home() {
        homes(HomeRules.allOn("b")).changeRules(LONG);
        sql(first, "INSERT INTO postroom.queue (name, kind, owner) VALUES ('reply', 'exclusive', gen_random_uuid())");
    }

    /**
     * The race of a change with a transaction that makes a queue: it began before the new rules were announced, so nothing stops it, and
     * the queue is in no list that was read before it committed.
     */
    @Test
    void queue_that_an_open_transaction_makes_is_closed_and_emptied_too() throws Exception {
        try (Connection early = first.connect();
                Statement statement = early.createStatement()) {
            early.setAutoCommit(false);
            statement.execute("SELECT postroom.create_message('shop.late')");
            CompletableFuture<RulesChange> change = changing(NEW);
            assertMoved(first, "shop.other", "home \"b\"");
            assertThat(change).isNotDone();
            early.commit();
            await().atMost(LONG).until(() -> isClosed("shop.late"));
            assertThat(change).as("its message is left").isNotDone();
            sql(first, "SELECT postroom.cancel(id) FROM postroom.message");
            assertThat(change.get(60, TimeUnit.SECONDS).moved())
                    .containsExactly(new RulesChange.MovedQueue("shop.late", "a", "home \"b\""));
        }
        assertMoved(first, "shop.late", "home \"b\"");
    }

    private boolean isClosed(String queue) {
        return JdbcClient.create(first.pool())
                .sql("SELECT EXISTS (SELECT FROM postroom.queue WHERE name = ? AND deleted_at = 'infinity')")
                .param(queue)
                .query(Boolean.class)
                .single();
    }

    // ---- changes that fail, are repeated or follow

    @Test
    void repeat_that_fails_leaves_closed_what_has_left_by_stored_rules() throws Exception {
        sql(first, "SELECT postroom.declare_queue('orders')");
        PostgresHome half = new PostgresHome(first.pool());
        half.close(Map.of("orders", "home \"b\""));
        half.change(Set.of("a", "b"), NEW.toString(), 2, Set.of());
        try (Connection open = first.connect();
                Statement statement = open.createStatement()) {
            open.setAutoCommit(false);
            statement.executeQuery("SELECT 1").close();
            assertThatThrownBy(() -> homes(NEW).changeRules(SHORT)).hasMessageContaining("are still open");
        }
        assertMoved(first, "orders", "home \"b\"");
        assertThat(homes(NEW).changeRules(LONG).moved())
                .containsExactly(new RulesChange.MovedQueue("orders", "a", "home \"b\""));
        assertMoved(first, "orders", "home \"b\"");
    }

    @Test
    void old_part_stays_closed_through_all_later_changes() {
        HomeRules two = OLD.parts("parted", "a", "b");
        HomeRules three = OLD.parts("parted", "a", "b", "a");
        homes(two).changeRules(LONG);
        create(first, "parted:1of2");
        sql(first, "SELECT postroom.cancel(id) FROM postroom.message");
        homes(three).changeRules(LONG);
        String parts = "the parts of queue \"parted\"";
        assertMoved(first, "parted:1of2", parts);
        assertMoved(second, "parted:2of2", parts);
        homes(three.queue("x", "b")).changeRules(LONG);
        assertMoved(first, "parted:1of2", parts);
        homes(OLD).changeRules(LONG);
        assertMoved(first, "parted:1of2", parts);
        assertMoved(first, "parted:3of3", parts);
        create(first, "parted");
        sql(first, "SELECT postroom.cancel(id) FROM postroom.message");
        homes(two).changeRules(LONG);
        create(first, "parted:1of2");
        create(second, "parted:2of2");
    }

    @Test
    void change_that_fails_announces_nothing_any_more() {
        create(first, "orders");
        assertThatThrownBy(() -> homes(NEW).changeRules(SHORT)).hasMessageContaining("has 1 waiting");
        create(first, "shop.new");
        create(first, "orders");
    }

    // ---- locks and waiting

    @Test
    void change_with_other_homes_is_excluded_too() {
        try (TestDatabase zero = TestDatabase.create();
                ChangeLock held = new PostgresHome(second.pool()).lock()) {
            Map<String, DataSource> more = Map.of("0", zero.pool(), "a", first.pool(), "b", second.pool());
            assertThatThrownBy(() -> PostroomHomes.on(more).rules(NEW).changeRules(SHORT))
                    .hasMessageContaining("another process is changing the rules of the homes");
            held.require();
        }
        homes(NEW).changeRules(LONG);
    }

    @Test
    void change_that_loses_its_lock_ends_and_opens_the_queues_again() {
        create(first, "orders");
        CompletableFuture<RulesChange> change = changing(NEW);
        sql(
                first,
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'"
                        + " AND classid = 1349481333 AND objid = 4294967295 AND granted AND database ="
                        + " (SELECT oid FROM pg_database WHERE datname = current_database())");
        assertThat(change)
                .failsWithin(60, TimeUnit.SECONDS)
                .withThrowableOfType(Exception.class)
                .withMessageContaining("hold the lock of the rules of the homes");
        create(first, "orders");
        assertThat(isAnnounced(first)).isFalse();
    }

    @Test
    void transaction_that_holds_the_row_of_a_queue_holds_up_no_change_beyond_its_time() throws Exception {
        sql(first, "SELECT postroom.declare_queue('orders')");
        try (Connection open = first.connect();
                Statement statement = open.createStatement()) {
            open.setAutoCommit(false);
            statement.execute("SELECT postroom.declare_queue('orders', max_attempts => 3)");
            assertThat(CompletableFuture.supplyAsync(() -> homes(NEW).changeRules(SHORT)))
                    .failsWithin(60, TimeUnit.SECONDS)
                    .withThrowableOfType(Exception.class)
                    .withMessageContaining("have changed queues that move, {a=[orders]}")
                    .withMessageContaining("of session ");
            open.commit();
        }
        create(first, "orders");
    }

    /** The race of a change that adds a database with a first start there: the start has adopted it when the change comes to it. */
    @Test
    void database_that_got_other_rules_meanwhile_ends_the_change_before_anything_is_stored() {
        try (TestDatabase third = TestDatabase.create()) {
            create(first, "orders");
            Map<String, DataSource> more = Map.of("a", first.pool(), "b", second.pool(), "c", third.pool());
            CompletableFuture<RulesChange> change = CompletableFuture.supplyAsync(
                    () -> PostroomHomes.on(more).rules(NEW).changeRules(LONG));
            await().atMost(LONG).until(() -> isAnnounced(first));
            new PostgresHome(third.pool()).adopt("c", Set.of("c"), "# = c");
            sql(first, "SELECT postroom.cancel(id) FROM postroom.message");
            assertThat(change)
                    .failsWithin(60, TimeUnit.SECONDS)
                    .withThrowableOfType(Exception.class)
                    .withMessageContaining("home \"c\" has got other rules meanwhile");
        }
        homes(OLD).start().close();
        create(first, "orders");
    }

    // ---- the rules in SQL

    @Test
    void database_reads_the_rules_as_java_does() {
        HomeRules rules = HomeRules.allOn("rest")
                .queue("tenant.*.mail", "x")
                .queue("#.log", "y")
                .queue("a.b", "z")
                .parts("parted", "p", "q");
        for (String queue : List.of(
                "a.b",
                "a.c",
                "log",
                "a.log",
                "tenant.1.mail",
                "tenant.mail",
                "parted",
                "parted:1of2",
                "parted:2of2",
                "parted:3of2",
                "parted:1of3",
                "parted:01of2",
                "a.b:1of2",
                "x:1of1:1of2")) {
            for (HomeRules one : List.of(rules, HomeRules.none().queue("a.#", "x"), rules.queue("x:1of1", "z"))) {
                assertThat(inSql(one, queue)).as("%s by %s", queue, one).isEqualTo(inJava(one, queue));
            }
        }
    }

    private static List<String> inJava(HomeRules rules, String queue) {
        try {
            return rules.homesOf(queue).stream().map(QueueHome::home).toList();
        } catch (InvalidMessageException none) {
            return List.of();
        }
    }

    private List<String> inSql(HomeRules rules, String queue) {
        return JdbcClient.create(first.pool())
                .sql("SELECT unnest(homes) FROM postroom.homes_by_rules(?, ?)")
                .param(rules.toString())
                .param(queue)
                .query(String.class)
                .list();
    }
}

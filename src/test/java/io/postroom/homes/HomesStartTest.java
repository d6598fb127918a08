package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.SchemaMode;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What a start makes of homes that are not what it was given. Each test begins with two databases that are no homes yet. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomesStartTest {
    private static final HomeRules RULES = HomeRules.allOn("a").queue("mail", "b");

    private final TestDatabase first;
    private final TestDatabase second = TestDatabase.create();

    HomesStartTest(TestDatabase database) {
        first = database;
    }

    @BeforeEach
    void forget() {
        for (TestDatabase database : new TestDatabase[] {first, second}) {
            sql(database, "TRUNCATE postroom.home, postroom.home_rules");
        }
    }

    @AfterAll
    void drop() {
        second.close();
    }

    private static void sql(TestDatabase database, String text) {
        JdbcClient.create(database.pool()).sql(text).update();
    }

    private PostroomHomes.Builder homes() {
        return homes(Map.of("a", first.pool(), "b", second.pool()));
    }

    private static PostroomHomes.Builder homes(Map<String, DataSource> sources) {
        return PostroomHomes.on(sources)
                .rules(
                        sources.size() == 2
                                ? RULES
                                : HomeRules.allOn(sources.keySet().iterator().next()))
                .each((home, builder) -> builder.workers(false));
    }

    private static String ruleOn(TestDatabase database) {
        return JdbcClient.create(database.pool())
                .sql("SELECT h.name || ' ' || r.version || ' ' || replace(r.rules, E'\\n', ', ') || ' '"
                        + " || (SELECT count(id) FROM postroom.home)"
                        + " FROM postroom.home_rules r CROSS JOIN postroom.home h WHERE h.is_here")
                .query(String.class)
                .single();
    }

    @Test
    void rules_are_stored_on_each_home_and_the_next_start_finds_the_same() {
        homes().start().close();
        assertThat(ruleOn(first)).isEqualTo("a 1 # = a, mail = b 2");
        assertThat(ruleOn(second)).isEqualTo("b 1 # = a, mail = b 2");
        homes().start().close();
        assertThat(ruleOn(second)).isEqualTo("b 1 # = a, mail = b 2");
    }

    @Test
    void process_with_other_rules_is_refused_before_it_declares_a_queue() {
        homes().start().close();
        assertThatThrownBy(() -> homes().rules(
                                HomeRules.allOn("a").queue("mail", "a").queue("sms", "b"))
                        .queue(QueueSettings.of("never.declared"))
                        .start())
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining("home \"a\" has other rules than this process (version 1, changed by ")
                .hasMessageContaining("\"mail\" is \"a\" here and \"b\" there; \"sms\" is \"b\" here and missing there")
                .hasMessageContaining("home \"b\" has other rules")
                .hasMessageContaining("docs/scale.md");
        assertThat(JdbcClient.create(first.pool())
                        .sql("SELECT count(*) FROM postroom.queue WHERE name = 'never.declared'")
                        .query(Long.class)
                        .single())
                .isZero();
        assertThatThrownBy(() -> homes(Map.of("a", first.pool())).start())
                .hasMessageContaining("home \"a\" knows the homes [a, b], and this process has [a]");
    }

    @Test
    void rule_with_an_unknown_home_and_a_home_given_twice_are_refused_without_a_connection() {
        assertThatThrownBy(() -> homes().rules(HomeRules.allOn("c")))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessage("rules must be of the homes [a, b], got \"c\"");
        assertThatThrownBy(() -> homes(Map.of("a", first.pool(), "b", first.pool())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("homes \"a\" and \"b\" have the same data source");
        assertThatThrownBy(() -> homes(Map.of("a b", first.pool())))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("home must be 1 to 127 of");
        assertThatThrownBy(() -> homes(Map.of())).hasMessageContaining("homes must be 1 to 1000");
        assertThatThrownBy(() -> PostroomHomes.on(Map.of("a", first.pool(), "b", second.pool()))
                        .start())
                .hasMessageContaining("rules must be given where there are several homes");
        assertThatThrownBy(() -> homes().timeLimit(Duration.ZERO))
                .hasMessageContaining("timeLimit must be 1 ms to 1 h");
        assertThatThrownBy(() -> homes().rules(HomeRules.none())
                        .handler(Handler.send("mail", String.class, (payload, context) -> Outcome.done()))
                        .start())
                .as("a handler without a home")
                .hasMessageContaining("a name that the rules of the homes give a home, got \"mail\"");
    }

    @Test
    void two_names_for_one_database_are_refused() {
        assertThatThrownBy(() ->
                        homes(Map.of("a", first.pool(), "b", first.newPool(4))).start())
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining("homes \"a\" and \"b\" are the same database");
    }

    @Test
    void another_home_under_the_name_is_refused() {
        homes().start().close();
        assertThatThrownBy(() ->
                        homes(Map.of("a", second.pool(), "b", first.pool())).start())
                .hasMessageContaining("the data source of home \"a\" leads to the database of home \"b\"")
                .hasMessageContaining("the data source of home \"b\" leads to the database of home \"a\"");
    }

    @Test
    void database_that_took_the_place_of_a_home_is_refused() {
        homes().start().close();
        sql(second, "TRUNCATE postroom.home, postroom.home_rules");
        assertThatThrownBy(() -> homes().start())
                .hasMessageContaining(
                        "the database of home \"b\" has no rules, and the other homes know another database");
        homes(Map.of("b", second.pool())).start().close();
        sql(second, "INSERT INTO postroom.home (name) VALUES ('a')");
        sql(second, "UPDATE postroom.home_rules SET rules = E'# = a\\nmail = b'");
        assertThatThrownBy(() -> homes().start())
                .hasMessageContaining("the database of home \"b\" (")
                .hasMessageContaining(") is another one than the other homes know by that name (");
    }

    @Test
    void home_with_an_older_schema_is_named() {
        try (TestDatabase empty = TestDatabase.createEmpty()) {
            assertThatThrownBy(() -> homes(Map.of("a", first.pool(), "b", empty.pool()))
                            .schema(SchemaMode.VALIDATE)
                            .start())
                    .isInstanceOf(PostroomException.class)
                    .hasMessageStartingWith("home \"b\" cannot be used: ")
                    .hasMessageContaining("schema");
        }
    }

    @Test
    @NotThroughPooler("a session that the pooler keeps has the settings of its own start")
    void home_that_can_only_be_read_is_left_out_until_it_can_be_written() {
        homes().start().close();
        sql(second, "ALTER DATABASE \"" + second.name() + "\" SET default_transaction_read_only = on");
        DataSource readOnly = second.newPool(6);
        try (PostroomHomes homes = homes(Map.of("a", first.pool(), "b", readOnly))
                .queue(QueueSettings.of("mail"))
                .start()) {
            homes.queueMessages().createMessage("on.a", "x");
            if (!homes.states().get(1).isUp()) { // the queue is there already in a second run
                assertThat(homes.states().get(1).problems().toString()).contains("read-only");
            }
            assertThatThrownBy(() -> homes.queueMessages().createMessage("mail", "x"))
                    .isInstanceOf(HomeDownException.class)
                    .hasMessageStartingWith("home \"b\" is down: ")
                    .hasMessageContaining("read-only");
        } finally {
            sql(
                    second,
                    "SET default_transaction_read_only = off; ALTER DATABASE \"" + second.name()
                            + "\" RESET default_transaction_read_only");
        }
    }

    @Test
    void first_start_needs_all_homes_and_a_later_one_goes_on_without_those_that_are_down() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(second.host(), second.port());
                TestDatabase through = second.through(proxy);
                HikariDataSource pool = impatient(through)) {
            proxy.refuseNew();
            Map<String, DataSource> sources = Map.of("a", first.pool(), "b", pool);
            assertThatThrownBy(() -> homes(sources).start())
                    .isInstanceOf(HomeDownException.class)
                    .hasMessageContaining("start on homes that have no rules yet, which needs all of them")
                    .hasMessageContaining("home \"b\" is down");
            assertThat(new PostgresHome(first.pool()).read())
                    .as("nothing is written half-way")
                    .isEmpty();
            homes().start().close();

            try (PostroomHomes homes = homes(sources).start()) {
                homes.queueMessages().createMessage("on.a", "x");
                assertThatThrownBy(() -> homes.queueMessages().createMessage("mail", "x"))
                        .isInstanceOf(HomeDownException.class)
                        .hasMessageStartingWith("home \"b\" is down: ");
                assertThatThrownBy(() -> homes.home("b")).isInstanceOf(HomeDownException.class);
                assertThat(homes.states().get(1).isUp()).isFalse();
                assertThat(homes.problems())
                        .singleElement()
                        .asString()
                        .startsWith("home \"b\": ")
                        .doesNotContain("is down");

                proxy.resume();
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> homes.states().get(1).isUp());
                homes.queueMessages().createMessage("mail", "x");
                assertThat(homes.problems()).isEmpty();
            }
        }
    }

    @Test
    void home_that_comes_back_with_other_rules_is_not_used() throws Exception {
        homes().start().close();
        try (TcpProxy proxy = TcpProxy.to(second.host(), second.port());
                TestDatabase through = second.through(proxy);
                HikariDataSource pool = impatient(through)) {
            proxy.refuseNew();
            try (PostroomHomes homes =
                    homes(Map.of("a", first.pool(), "b", pool)).start()) {
                sql(second, "UPDATE postroom.home_rules SET rules = '# = b', version = 2");
                proxy.resume();
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> homes.problems().toString().contains("home \"b\" has other rules"));
                assertThatThrownBy(() -> homes.queueMessages().createMessage("mail", "x"))
                        .isInstanceOf(HomeDownException.class)
                        .hasMessageContaining("\"mail\" is \"b\" here and missing there");
            }
        }
    }

    @Test
    void no_home_can_be_reached() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(first.host(), first.port());
                TestDatabase one = first.through(proxy);
                TestDatabase two = second.through(proxy);
                HikariDataSource a = impatient(one);
                HikariDataSource b = impatient(two)) {
            proxy.refuseNew();
            assertThatThrownBy(() -> homes(Map.of("a", a, "b", b)).start())
                    .isInstanceOf(HomeDownException.class)
                    .hasMessageContaining("could not start on any home: home \"a\" is down: ")
                    .extracting(failed -> ((HomeDownException) failed).homes())
                    .isEqualTo(List.of("a", "b"));
        }
    }

    @Test
    void home_that_is_slow_at_the_start_holds_up_nobody_for_longer_than_the_time_limit() throws Exception {
        homes().start().close();
        try (TcpProxy proxy = TcpProxy.to(second.host(), second.port());
                TestDatabase through = second.through(proxy);
                HikariDataSource pool = impatient(through)) {
            proxy.swallow();
            try (PostroomHomes homes = homes(Map.of("a", first.pool(), "b", pool))
                    .timeLimit(Duration.ofSeconds(3))
                    .start()) {
                assertThat(homes.states().get(1).isUp()).isFalse();
                homes.queueMessages().createMessage("on.a", "x");
                assertThatThrownBy(() -> homes.queueMessages().createMessage("mail", "x"))
                        .isInstanceOf(HomeDownException.class)
                        .hasMessageContaining("home \"b\" is down: ");
                proxy.cutAll();
                proxy.resume();
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> homes.states().get(1).isUp());
            }
        }
    }

    /**
     * The race of two first starts with different rules: each makes home after home in one order, so the first home decides. Here the other
     * process has begun: it has made the first home, and has not committed.
     */
    @Test
    void of_two_first_starts_with_different_rules_one_goes_on() throws Exception {
        HomeRules others = HomeRules.allOn("b");
        try (Connection other = first.connect();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("INSERT INTO postroom.home_rules (rules) VALUES ('" + others + "')");
            statement.execute(
                    "INSERT INTO postroom.home (name, id, is_here) VALUES ('a', gen_random_uuid(), true), ('b', NULL, false)");
            CompletableFuture<PostroomHomes> ours = CompletableFuture.supplyAsync(() -> homes().start());
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> JdbcClient.create(first.pool())
                            .sql("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
                                    + " AND wait_event_type = 'Lock' AND query LIKE '%adopt_home%'")
                            .query(Boolean.class)
                            .single());
            other.commit();
            assertThatThrownBy(ours::get)
                    .hasMessageContaining("home \"a\" has other rules than this process")
                    .hasMessageContaining("\"#\" is \"a\" here and \"b\" there");
        }
        assertThat(new PostgresHome(second.pool()).read())
                .as("the second home is left to the other process")
                .isEmpty();
        homes().rules(others).start().close();
        assertThat(ruleOn(second)).isEqualTo("b 1 # = b 2");
    }

    @Test
    void start_that_ended_half_way_goes_on() {
        new PostgresHome(first.pool()).adopt("a", Set.of("a", "b"), RULES.toString());
        homes().start().close();
        assertThat(ruleOn(first)).isEqualTo("a 1 # = a, mail = b 2");
        assertThat(ruleOn(second)).isEqualTo("b 1 # = a, mail = b 2");
    }

    @Test
    void who_only_looks_makes_no_home_and_notes_no_ids() {
        new PostgresHome(first.pool()).adopt("a", Set.of("a", "b"), RULES.toString());
        assertThatThrownBy(() -> homes().prepareToLook())
                .hasMessageContaining("the database of home \"b\" is no home yet");
        assertThat(new PostgresHome(second.pool()).read()).isEmpty();
        new PostgresHome(second.pool()).adopt("b", Set.of("a", "b"), RULES.toString());
        homes().prepareToLook().close();
        assertThat(ruleOn(second)).as("it knows its own id alone").isEqualTo("b 1 # = a, mail = b 1");
    }

    @Test
    void no_schema_is_made_in_a_database_that_is_not_the_home() {
        homes().start().close();
        try (TestDatabase empty = TestDatabase.createEmpty()) {
            assertThatThrownBy(() ->
                            homes(Map.of("a", first.pool(), "b", empty.pool())).start())
                    .hasMessageContaining("the database of home \"b\" has no rules");
            assertThat(JdbcClient.create(empty.pool())
                            .sql("SELECT to_regnamespace('postroom') IS NULL")
                            .query(Boolean.class)
                            .single())
                    .isTrue();
        }
    }

    @Test
    void one_home_needs_no_rules() {
        Map<String, DataSource> one = new HashMap<>(Map.of("only", first.pool()));
        try (PostroomHomes homes = PostroomHomes.on(one)
                .each((home, builder) -> builder.workers(false))
                .start()) {
            assertThat(homes.queueMessages().createMessage("any", "x").isNew()).isTrue();
            assertThat(homes.rules()).hasToString("# = only");
        }
    }

    /** A pool that gives up soon, as long as the home is away. It opens at its first use. */
    static HikariDataSource impatient(TestDatabase database) {
        HikariDataSource pool = new HikariDataSource();
        pool.setJdbcUrl(database.url());
        pool.setUsername(database.user());
        pool.setPassword(database.password());
        pool.setMaximumPoolSize(6);
        pool.setMinimumIdle(0);
        pool.setConnectionTimeout(1_500);
        return pool;
    }
}

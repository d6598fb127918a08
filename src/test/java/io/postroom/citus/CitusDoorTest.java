package io.postroom.citus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.homes.HomeRules;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The functions of {@code db/citus/door.sql} on one plain PostgreSQL: which home they choose, and what they refuse. What only Citus does is
 * left out of the file here; {@link CitusTest} runs it whole.
 */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CitusDoorTest {
    private static final HomeRules RULES = HomeRules.parse("""
            main.# = main
            mail = west
            orders = main, west, main
            """);

    private final DataSource pool;
    private final JdbcClient jdbc;

    CitusDoorTest(TestDatabase database) {
        pool = database.pool();
        jdbc = JdbcClient.create(pool);
    }

    @BeforeAll
    void install() throws IOException {
        String door = Files.readString(Path.of("db/citus/door.sql"))
                .replaceAll("(?m)^\\\\.*$", "")
                .replaceAll("(?ms)^SELECT (create_|home, node)[^;]*;$", "");
        assertThat(door).contains("FUNCTION postroom_citus.create_message").doesNotContain("create_reference_table");
        jdbc.sql(door).update();
        jdbc.sql("INSERT INTO postroom.home_rules (rules) VALUES (?)")
                .param(RULES.toString())
                .update();
        jdbc.sql("INSERT INTO postroom.home (name, id, is_here)"
                        + " VALUES ('main', gen_random_uuid(), true), ('west', NULL, false)")
                .update();
        jdbc.sql("INSERT INTO postroom_citus.home_slot VALUES ('main', 1), ('west', 2)")
                .update();
    }

    @AfterAll
    void dropRole() {
        jdbc.sql("DROP OWNED BY postroom_citus; DROP ROLE postroom_citus")
                .update(); // a database of this class has it alone
    }

    private String create(String arguments) {
        return jdbc.sql("SELECT queues[1] FROM postroom_citus.create_message(" + arguments + ")")
                .query(String.class)
                .single();
    }

    /** The home that was chosen; the database is main, so that a message for another one is refused with its name. */
    private String homeOf(String arguments) {
        try {
            create(arguments);
            return "main";
        } catch (RuntimeException refused) {
            assertThat(refused).hasMessageContaining("came to home \"main\"; nothing was written");
            return refused.getMessage().replaceAll("(?s).*the call for home \"(\\w+)\".*", "$1");
        }
    }

    @Test
    void it_has_the_arguments_and_the_result_of_create_message() {
        List<String> signatures = jdbc.sql("""
                        SELECT pg_get_function_arguments(p.oid) || ' ' || pg_get_function_result(p.oid)
                        FROM pg_proc p
                        WHERE p.proname = 'create_message'
                        """).query(String.class).list();
        assertThat(signatures).hasSize(2);
        assertThat(signatures.get(0)).isEqualTo(signatures.get(1));
    }

    @Test
    void the_statements_of_the_page_run() throws IOException, SQLException {
        jdbc.sql("CREATE TABLE invoice (id int PRIMARY KEY, state text)").update();
        List<String> statements = Pattern.compile("```sql\n(.*?)```", Pattern.DOTALL)
                .matcher(Files.readString(Path.of("docs/citus.md")))
                .results()
                .map(block -> block.group(1).replace("'mail'", "'main.mail'"))
                .toList();
        assertThat(statements).hasSize(2);
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
        assertThat(jdbc.sql("SELECT count(*) FROM postroom.ready r JOIN postroom.queue q ON q.id = r.queue_id"
                                + " WHERE q.name = 'main.mail'")
                        .query(Long.class)
                        .single())
                .isEqualTo(1);
    }

    @Test
    void functions_are_as_those_of_schema_postroom() {
        assertThat(jdbc.sql("""
                        SELECT p.proname
                        FROM pg_proc p
                        WHERE p.pronamespace = 'postroom_citus'::regnamespace
                          AND (has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
                               OR p.proconfig[1] IS DISTINCT FROM 'search_path=pg_catalog, pg_temp')
                        """).query(String.class).list())
                .as("open to PUBLIC, or without a search path")
                .isEmpty();
        assertThat(jdbc.sql("""
                        SELECT count(*)
                        FROM pg_proc p
                        WHERE p.pronamespace = 'postroom_citus'::regnamespace AND obj_description(p.oid) IS NOT NULL
                        """).query(Long.class).single()).isEqualTo(6);
    }

    @Test
    void a_member_of_the_role_creates_messages_and_nobody_else_may() throws SQLException {
        assertThat(jdbc.sql("SELECT postroom_citus.prepare_node()")
                        .query(String.class)
                        .single())
                .isEqualTo("main");
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("SET LOCAL ROLE postroom_citus");
            statement.execute("SELECT id FROM postroom_citus.create_message('main.by-role', '1')");
            statement.execute("SELECT postroom_citus.commit_together()");
            statement.execute("SAVEPOINT before");
            assertThatThrownBy(() -> statement.execute("SELECT postroom_citus.find_homes()"))
                    .hasMessageContaining("permission denied");
            statement.execute("ROLLBACK TO SAVEPOINT before");
            assertThatThrownBy(() -> statement.execute("SELECT FROM postroom.message"))
                    .hasMessageContaining("permission denied");
            connection.rollback();
            statement.execute("SET LOCAL ROLE pg_monitor");
            assertThatThrownBy(() -> statement.execute("SELECT postroom_citus.commit_together()"))
                    .hasMessageContaining("permission denied");
            connection.rollback();
        }
    }

    @Test
    void each_argument_reaches_create_message() {
        String id =
                jdbc.sql("SELECT postroom.new_id()::text").query(String.class).single();
        jdbc.sql("""
                SELECT id FROM postroom_citus.create_message(
                    queue => 'main.all', body => 'abc', content_type => 'text/plain', type => 'kind', type_version => 3,
                    message_id => ?::uuid, delay => interval '1 hour', time_to_live => interval '2 hours', priority => 7,
                    deduplication_key => 'key', correlation_id => 'order-1', headers => '{"a": "b"}', direction => 'INCOMING',
                    group_key => 'g', deduplicate_until => 'end', on_duplicate => 'keep')
                """).param(id).query().singleRow();
        assertThat(jdbc.sql("""
                        SELECT concat_ws(' ', m.type, m.type_version, m.priority, m.direction, m.correlation_id, m.group_key,
                                         m.content_type, m.headers, convert_from(m.body, 'UTF8'), d.due_at > now(), m.expires_at > now())
                        FROM postroom.message m
                        JOIN postroom.delayed d ON d.message_id = m.id
                        WHERE m.id = ?::uuid
                        """).param(id).query(String.class).single())
                .isEqualTo("kind 3 7 1 order-1 g text/plain {\"a\": \"b\"} abc t t");
        assertThat(jdbc.sql("""
                        SELECT c.is_new || ' ' || (c.id = ?::uuid)
                        FROM postroom_citus.create_message('main.all', '1', deduplication_key => 'key', deduplicate_until => 'end',
                                                           on_duplicate => 'keep') c
                        """).param(id).query(String.class).single()).isEqualTo("false true");
    }

    @Test
    void each_argument_of_a_message_through_an_exchange_reaches_create_message() {
        jdbc.sql("SELECT postroom.declare_exchange('main.topic', 'topic')")
                .query()
                .listOfRows();
        jdbc.sql("SELECT postroom.declare_queue('main.bound')").query().listOfRows();
        jdbc.sql("SELECT postroom.bind('main.topic', 'main.bound', 'order.*')")
                .query()
                .listOfRows();
        String batch = jdbc.sql("SELECT postroom.create_batch('door')::text")
                .query(String.class)
                .single();
        String id = jdbc.sql("""
                        SELECT id::text
                        FROM postroom_citus.create_message(exchange => 'main.topic', routing_key => 'order.paid', payload => '1',
                                                           at => '2027-01-31T08:00:00Z', batch => ?::uuid)
                        """).param(batch).query(String.class).single();
        assertThat(jdbc.sql("""
                        SELECT q.name || ' ' || (m.headers ->> 'postroom-batch' = :batch) || ' ' || (d.due_at = '2027-01-31T08:00:00Z')
                        FROM postroom.message m
                        JOIN postroom.queue q ON q.id = m.queue_id
                        JOIN postroom.delayed d ON d.message_id = m.id
                        WHERE m.id = :id::uuid
                        """)
                        .param("batch", batch)
                        .param("id", id)
                        .query(String.class)
                        .single())
                .isEqualTo("main.bound true true");
        assertThat(jdbc.sql("""
                        SELECT cardinality(c.queues)
                        FROM postroom_citus.create_message(exchange => 'main.topic', routing_key => 'none', mandatory => false) c
                        """).query(Integer.class).single()).isZero();
    }

    @Test
    void the_home_of_a_queue_is_that_of_the_rules() {
        assertThat(homeOf("'main.a', '1'")).isEqualTo("main");
        assertThat(homeOf("'mail', '1'")).isEqualTo("west");
        assertThat(homeOf("exchange => '', routing_key => 'mail'")).isEqualTo("west");
        assertThat(homeOf("exchange => 'mail', routing_key => 'main.a'")).isEqualTo("west");
    }

    @Test
    void the_part_of_a_key_is_that_of_the_rules_in_java() {
        IntStream.range(0, 30).forEach(number -> {
            String key = "käse-" + number;
            for (String argument : List.of("group_key", "deduplication_key")) {
                assertThat(homeOf("'orders', '1', " + argument + " => '" + key + "'"))
                        .isEqualTo(RULES.homeOf("orders", key).home());
            }
        });
        assertThat(create("'orders', '1', group_key => 'b'"))
                .isEqualTo(RULES.homeOf("orders", "b").queue());
        String id =
                jdbc.sql("SELECT postroom.new_id()::text").query(String.class).single();
        assertThat(homeOf("'orders', '1', message_id => '" + id + "'"))
                .isEqualTo(
                        RULES.homeOf("orders", UUID.fromString(id).toString()).home());
    }

    @Test
    void a_message_without_a_key_goes_to_any_part() {
        assertThat(IntStream.range(0, 60).mapToObj(number -> homeOf("'orders', '1'")))
                .contains("main", "west");
    }

    @Test
    void what_has_no_home_is_refused() {
        assertThatThrownBy(() -> create("'stray', '1'"))
                .hasMessageContaining("queue must be a name that the rules of the homes give a home, got \"stray\"");
        assertThatThrownBy(() -> create("NULL, '1'")).hasMessageContaining("queue must be 1 to 127 of");
        assertThatThrownBy(() -> create("exchange => 'orders', routing_key => 'x'"))
                .hasMessageContaining("queue must be one without parts here, got \"orders\"");
    }

    @Test
    void a_home_that_citus_does_not_know_is_refused() {
        jdbc.sql("DELETE FROM postroom_citus.home_slot WHERE home = 'west'").update();
        try {
            assertThatThrownBy(() -> create("'mail', '1'"))
                    .hasMessageContaining("the node of home \"west\" is not known; nothing was written")
                    .hasMessageContaining("find_homes()");
        } finally {
            jdbc.sql("INSERT INTO postroom_citus.home_slot VALUES ('west', 2)").update();
        }
        jdbc.sql("UPDATE postroom.home SET is_here = false").update();
        try {
            assertThatThrownBy(() -> create("'main.a', '1'"))
                    .hasMessageContaining("this node is no home that Citus knows");
        } finally {
            jdbc.sql("UPDATE postroom.home SET is_here = true WHERE name = 'main'")
                    .update();
        }
    }
}

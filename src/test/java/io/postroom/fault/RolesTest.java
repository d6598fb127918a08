package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Outcome;
import io.postroom.cli.CliRun;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.admin.PostgresAccessTokens;
import io.postroom.internal.storage.AccessTokenStore;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.SqlFile;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The scripts in {@code db/roles}: each role can do its part, also where PUBLIC may execute nothing, and no more than that. */
@PostgresTest
class RolesTest {
    private static final List<String> ROLES = List.of("producer", "worker", "operator", "reader");

    private static TestDatabase database;
    private static JdbcClient admin;

    /** Roles belong to the server, so each gets a name of its own here; and a login that is a member of it, as on the page. */
    @BeforeAll
    static void roles(TestDatabase given) throws IOException {
        database = given;
        admin = JdbcClient.create(given.pool());
        for (String role : ROLES) {
            String script = Files.readString(Path.of("db/roles/" + role + ".sql"));
            admin.sql(script.replace("postroom_" + role, group(role))).update();
            admin.sql("CREATE ROLE " + login(role) + " LOGIN PASSWORD 'x' IN ROLE " + group(role))
                    .update();
        }
    }

    @AfterAll
    static void drop() {
        String groups = String.join(", ", ROLES.stream().map(RolesTest::group).toList());
        admin.sql("DROP OWNED BY " + groups).update();
        for (String role : ROLES) {
            admin.sql("DROP ROLE " + login(role) + ", " + group(role)).update();
        }
    }

    private static void takeExecuteFromPublic() {
        admin.sql("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom FROM PUBLIC")
                .update();
    }

    /** A database where everybody may call what runs with the caller's rights: these alone must keep a role from the tables. */
    private static void giveExecuteToPublic() {
        admin.sql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO PUBLIC").update();
        admin.sql("REVOKE EXECUTE ON FUNCTION postroom.create_message, postroom.create_messages, postroom.create_batch,"
                        + " postroom.seal_batch, postroom.cancel_batch, postroom.create_access_token,"
                        + " postroom.revoke_access_token FROM PUBLIC")
                .update();
    }

    @Test
    void producer_creates_messages_and_triggers_of_its_tables_do() {
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("producer")) {
            JdbcClient producer = JdbcClient.create(pool);
            producer.sql("SELECT id FROM postroom.create_message('shop', '1', message_id => postroom.new_id())")
                    .query(UUID.class)
                    .single();
            producer.sql("SELECT id FROM postroom.create_messages('[{\"queue\": \"shop\"}, {\"queue\": \"shop\"}]')")
                    .query(UUID.class)
                    .list();
            producer.sql("CREATE TEMP TABLE ticket (number int, closed boolean DEFAULT false)")
                    .update();
            producer.sql("""
                    CREATE FUNCTION pg_temp.tell_of_closed_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        PERFORM postroom.create_message('shop', to_jsonb(NEW), 'ticket.closed');
                        RETURN NULL;
                    END
                    $$;
                    CREATE TRIGGER ticket_closed AFTER UPDATE OF closed ON ticket
                        FOR EACH ROW WHEN (NEW.closed AND NOT OLD.closed) EXECUTE FUNCTION pg_temp.tell_of_closed_ticket();
                    INSERT INTO ticket VALUES (7), (8);
                    UPDATE ticket SET closed = true WHERE number = 7;
                    """).update();
        }
        assertThat(admin.sql("SELECT m.payload ->> 'number' FROM postroom.message m WHERE m.type = 'ticket.closed'")
                        .query(String.class)
                        .list())
                .containsExactly("7");
        assertThat(admin.sql(
                                "SELECT DISTINCT m.created_by FROM postroom.message m JOIN postroom.queue q ON q.id = m.queue_id"
                                        + " WHERE q.name = 'shop'")
                        .query(String.class)
                        .list())
                .containsExactly(login("producer"));
    }

    /** A kill signal is a message; who sent it stands in created_by, which no argument sets. */
    @Test
    void producer_cannot_stop_consumers_by_a_message_that_is_a_kill_signal() {
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("producer")) {
            UUID signal = JdbcClient.create(pool)
                    .sql("SELECT id FROM postroom.create_message('killed', '{\"howMany\": 1}', 'postroom.kill')")
                    .query(UUID.class)
                    .single();
            assertThat(admin.sql(
                                    "SELECT k.answer || ': ' || k.reason FROM postroom.message m"
                                            + " CROSS JOIN LATERAL postroom.obey_kill_signal(m.id, m.queue_id, 'killed') k WHERE m.id = ?")
                            .param(signal)
                            .query(String.class)
                            .single())
                    .startsWith("refused: ")
                    .contains(login("producer"));
        }
    }

    /** Whoever may create in a queue is told which message has the key, and where it is. Content is compared, and never told. */
    @Test
    void producer_is_told_of_another_message_with_its_key_no_more_than_id_and_state() {
        takeExecuteFromPublic();
        UUID others = admin.sql(
                        "SELECT id FROM postroom.create_message('keys', '\"secret\"', deduplication_key => 'order-1')")
                .query(UUID.class)
                .single();
        try (HikariDataSource pool = pool("producer")) {
            JdbcClient producer = JdbcClient.create(pool);
            assertThat(producer.sql(
                                    "SELECT id FROM postroom.create_message('keys', '\"secret\"', deduplication_key => 'order-1')")
                            .query(UUID.class)
                            .single())
                    .isEqualTo(others);
            assertThatThrownBy(() -> producer.sql(
                                    "SELECT id FROM postroom.create_message('keys', '1', deduplication_key => 'order-1')")
                            .query(UUID.class)
                            .single())
                    .hasMessageContaining(others.toString())
                    .hasMessageContaining("READY")
                    .hasMessageNotContaining("secret");
        }
    }

    /** All names are qualified, and pg_temp is searched last: what a caller makes there is never used with the owner's rights. */
    @Test
    void producer_cannot_put_objects_of_its_own_before_those_of_the_door() {
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("producer")) {
            pool.setMaximumPoolSize(1);
            JdbcClient producer = JdbcClient.create(pool);
            producer.sql("""
                    CREATE TEMP TABLE message (LIKE pg_catalog.pg_class);
                    CREATE TEMP TABLE queue (id int, name text);
                    CREATE DOMAIN pg_temp.jsonb AS text CHECK (false);
                    CREATE DOMAIN pg_temp.uuid AS text CHECK (false);
                    CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
                    CREATE FUNCTION pg_temp.new_id() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
                    SET search_path = pg_temp, postroom, pg_catalog;
                    """).update();
            assertThat(producer.sql("SELECT is_new FROM postroom.create_message('door', '1', deduplication_key => 'k')")
                            .query(Boolean.class)
                            .single())
                    .isTrue();
        }
    }

    @Test
    void producer_reads_claims_changes_and_declares_nothing() {
        assertThat(rightsOnTables("producer")).isEmpty();
        refused(
                "producer",
                "SELECT count(*) FROM postroom.message",
                "SELECT count(*) FROM postroom.message_content",
                "SELECT count(*) FROM postroom.queue_messages",
                "SELECT postroom.cancel_message(gen_random_uuid())",
                "SELECT postroom.redrive(gen_random_uuid())",
                "SELECT postroom.declare_queue('mine')",
                "SELECT postroom.declare_exchange('mine')",
                "SELECT postroom.delete_queue('shop')",
                "SELECT postroom.kill_signal('shop')",
                "SELECT postroom.stop_consumers('shop')",
                "SELECT count(*) FROM postroom.route('', 'shop')",
                "SELECT count(*) FROM postroom.explain(gen_random_uuid())",
                "SELECT postroom.cancel_batch(gen_random_uuid())",
                "SELECT postroom.create_access_token('mine', 'operator')",
                "SELECT count(*) FROM postroom.access_tokens",
                "INSERT INTO postroom.lease DEFAULT VALUES",
                "DELETE FROM postroom.ready",
                "SELECT nextval('postroom.ready_seq')",
                "CREATE TABLE postroom.mine ()");
    }

    @Test
    void worker_runs_and_changes_neither_schema_nor_ledger() {
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("worker");
                Postroom postroom = Postroom.on(pool)
                        .schema(SchemaMode.VALIDATE)
                        .handler(Handler.send("roles", String.class, (payload, context) -> Outcome.done()))
                        .start()) {
            UUID id = postroom.queueMessages()
                    .createMessage(CreateMessage.to("roles").payload("x"))
                    .id();
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(postroom.problems()).isEmpty();
        }
        refused(
                "worker",
                "CREATE TABLE postroom.mine ()",
                "DROP TABLE postroom.ready",
                "ALTER TABLE postroom.ready DISABLE TRIGGER ALL",
                "TRUNCATE postroom.message",
                "DELETE FROM postroom.schema_history",
                "DELETE FROM postroom.purge_ledger",
                "UPDATE postroom.access_token SET revoked_at = NULL, revoked_by = NULL",
                "INSERT INTO postroom.access_token (name, hash, role) VALUES ('mine', sha256('x'), 'operator')",
                "UPDATE postroom.access_token_version SET version = 0",
                "CREATE OR REPLACE FUNCTION postroom.new_id() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'");
    }

    @Test
    void operator_works_from_a_terminal_without_a_server() {
        admin.sql("SELECT postroom.declare_queue('terminal')")
                .query((row, number) -> true)
                .list();
        for (String command : List.of(
                "status",
                "queues",
                "dead-letters",
                "pause terminal",
                "resume terminal",
                "operations",
                "ledger",
                "consumers terminal",
                "redrive --queue terminal --reason none --yes",
                "discard --queue terminal --reason none --yes")) {
            List<String> words = new ArrayList<>(List.of(command.split(" ")));
            words.addAll(List.of("--db", database.url(), "--db-user", login("operator")));
            CliRun run = CliRun.of(Map.of("PGPASSWORD", "x"), words);
            assertThat(run.exitCode()).as("%s: %s", command, run).isZero();
        }
    }

    @Test
    void operator_looks_and_operates() {
        UUID waiting = created("operated");
        UUID moved = created("operated");
        admin.sql("SELECT postroom.create_access_token('of.operator', 'reader')")
                .query(String.class)
                .single();
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("operator")) {
            JdbcClient operator = JdbcClient.create(pool);
            for (String sql : List.of(
                    "SELECT postroom.reschedule('" + moved + "', now() + interval '1 hour') = 1",
                    "SELECT postroom.cancel('" + moved + "') = 1",
                    "SELECT postroom.cancel_message('" + waiting + "') = 1",
                    "SELECT postroom.cancel_running('" + waiting + "') = 0",
                    "SELECT postroom.redrive('" + waiting + "') = 0",
                    "SELECT postroom.discard('" + waiting + "', 'no use') = 0",
                    "SELECT postroom.preview_dead_letters('{\"type\": \"x\"}') ->> 'count' = '0'",
                    "SELECT postroom.stop_operation(postroom.redrive_dead_letters('{\"all\": true}', 'x'), 'x') IS NOT NULL",
                    "SELECT postroom.discard_dead_letters('{\"type\": \"x\"}', 'x') IS NOT NULL",
                    "SELECT count(*) > 0 FROM postroom.operations",
                    "SELECT problem IS NULL FROM postroom.check_ledger()",
                    "SELECT count(*) > 0 FROM postroom.explain('" + waiting + "')",
                    "SELECT postroom.declare_queue('made')",
                    "SELECT postroom.declare_queue('short', max_length => 5, expires_after => '1 day')",
                    "SELECT NOT postroom.declare_queue('short', max_length => 6, expires_after => '2 days')",
                    "SELECT NOT postroom.declare_queue('short', single_active_consumer => true)",
                    "SELECT NOT postroom.declare_queue('short', single_active_consumer => false)",
                    "SELECT NOT postroom.declare_queue('short', single_active_consumer => true)",
                    "SELECT postroom.set_ordered('made', true) IS NOT NULL",
                    "SELECT postroom.declare_exchange('made', 'topic')",
                    "SELECT postroom.bind('made', 'made', '#')",
                    "SELECT count(*) = 1 FROM postroom.route('made', 'k')",
                    "SELECT postroom.unbind('made', 'made', '#')",
                    "SELECT postroom.stop_consumers('made') = 0",
                    "SELECT postroom.start_consumers('made') IS NOT NULL",
                    "SELECT postroom.kill_signal('made') IS NOT NULL",
                    "SELECT postroom.delete_queue('made') IS NOT NULL",
                    "SELECT postroom.delete_exchange('made')",
                    "SELECT postroom.revoke_access_token('of.operator')",
                    "SELECT count(*) > 0 FROM postroom.access_tokens",
                    "SELECT count(*) >= 0 FROM postroom.queue_messages",
                    "SELECT count(*) > 0 FROM postroom.operator_log WHERE actor = session_user")) {
                assertThat(operator.sql(sql).query(Boolean.class).single())
                        .as(sql)
                        .isTrue();
            }
        }
    }

    /** The function runs with the rights of its owner: the ledger has the login of who called it all the same. */
    @Test
    void login_of_who_revokes_a_token_is_in_the_ledger_whatever_actor_says() {
        admin.sql("SELECT postroom.create_access_token('to.revoke', 'reader')")
                .query(String.class)
                .single();
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("operator")) {
            JdbcClient operator = JdbcClient.create(pool);
            assertThat(operator.sql("SELECT postroom.revoke_access_token('to.revoke', actor => 'ann')")
                            .query(Boolean.class)
                            .single())
                    .isTrue();
            operator.sql("INSERT INTO postroom.operator_action (action, db_user) VALUES ('pause', 'ann')")
                    .update();
        }
        assertThat(admin.sql(
                                "SELECT o.db_user FROM postroom.operator_log o WHERE o.actor = 'ann' AND o.action = 'revoke_token'"
                                        + " OR o.action = 'pause' AND o.filter IS NULL AND o.queue IS NULL")
                        .query(String.class)
                        .list())
                .containsExactly(login("operator"), login("operator"));
    }

    /** A worker that has a server makes and ends tokens for its operators, and notes their use. */
    @Test
    void worker_creates_revokes_and_follows_tokens() {
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("worker")) {
            PostgresAccessTokens tokens = new PostgresAccessTokens(pool);
            tokens.create(NewAccessToken.reader("of.worker"));
            long version = tokens.version();
            assertThat(tokens.inUse()).extracting(AccessTokenStore.Known::name).contains("of.worker");
            tokens.noteUse(Map.of("of.worker", Duration.ZERO));
            assertThat(tokens.list("of.worke", 1).get(0).lastUsedAt()).isPresent();
            assertThat(tokens.revoke("of.worker")).isTrue();
            assertThat(tokens.version()).isGreaterThan(version);
        }
    }

    @Test
    void operator_reads_no_payload_and_claims_nothing() {
        refused(
                "operator",
                "SELECT payload FROM postroom.message",
                "SELECT body FROM postroom.message",
                "SELECT headers FROM postroom.message",
                "SELECT * FROM postroom.message_content",
                "SELECT payload FROM postroom.queue_messages",
                "SELECT headers FROM postroom.dead_letters",
                "SELECT postroom.create_access_token('mine', 'operator')",
                "SELECT hash FROM postroom.access_token",
                "UPDATE postroom.access_token SET role = 'operator'",
                "UPDATE postroom.access_token SET revoked_at = NULL, revoked_by = NULL",
                "UPDATE postroom.access_token SET revoked_by = 'ann' WHERE revoked_at IS NOT NULL",
                "INSERT INTO postroom.access_token (name, hash, role) VALUES ('mine', sha256('x'), 'operator')",
                "UPDATE postroom.access_token_version SET version = 0",
                "DELETE FROM postroom.access_token_version",
                "INSERT INTO postroom.message (id) VALUES (postroom.new_id())",
                "DELETE FROM postroom.message",
                "DELETE FROM postroom.attempt",
                "INSERT INTO postroom.lease DEFAULT VALUES",
                "UPDATE postroom.operator_action SET actor = 'somebody else'",
                "DELETE FROM postroom.operator_action",
                "TRUNCATE postroom.ready",
                "CREATE TABLE postroom.mine ()");
    }

    @Test
    void reader_reads_the_views_without_payloads_and_changes_nothing() {
        takeExecuteFromPublic();
        assertThat(rightsOnTables("reader"))
                .hasSize(21)
                .allMatch(right -> right.startsWith("SELECT on v "), "SELECT on views alone");
        try (HikariDataSource pool = pool("reader")) {
            JdbcClient reader = JdbcClient.create(pool);
            assertThat(reader.sql("SELECT count(*) FROM postroom.queue_messages")
                            .query(Long.class)
                            .single())
                    .isNotNegative();
            assertThat(reader.sql("SELECT problem IS NULL FROM postroom.check_ledger()")
                            .query(Boolean.class)
                            .single())
                    .isTrue();
        }
        refused(
                "reader",
                "SELECT * FROM postroom.message_content",
                "SELECT payload FROM postroom.queue_messages",
                "SELECT body FROM postroom.queue_messages",
                "SELECT headers FROM postroom.queue_messages",
                "SELECT payload FROM postroom.dead_letters",
                "SELECT headers FROM postroom.dead_letters",
                "SELECT * FROM postroom.message",
                "SELECT id FROM postroom.create_message('shop')",
                "SELECT id FROM postroom.create_messages('[]')",
                "SELECT postroom.cancel(gen_random_uuid())",
                "SELECT postroom.revoke_access_token('x')",
                "SELECT hash FROM postroom.access_token",
                "UPDATE postroom.queue SET paused_at = now()",
                "CREATE TABLE postroom.mine ()");
    }

    /** One message for each part of explain that reads a table of its own. */
    @Test
    void reader_is_told_why_a_message_is_not_running_and_sees_no_content() {
        admin.sql("SELECT postroom.declare_queue('explained', single_active_consumer => true)")
                .query()
                .listOfRows();
        admin.sql("SELECT postroom.declare_queue('explained.groups', ordered => true)")
                .query()
                .listOfRows();
        UUID ready = explained("'explained'");
        UUID delayed = explained("'explained', delay => '1 hour'");
        UUID holder = explained("'explained.groups', group_key => 'g'");
        UUID behind = explained("'explained.groups', group_key => 'g'");
        UUID dead = explained("'explained.dead'");
        admin.sql("""
                WITH gone AS (DELETE FROM postroom.ready WHERE message_id = '%s' RETURNING *)
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error)
                SELECT queue_id, priority, 1, 0, 1, message_id, 'rejected', 'no use' FROM gone;
                INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch)
                SELECT queue_id, 'g', id, 0, 1 FROM postroom.message WHERE id = '%s';
                """.formatted(dead, holder)).update();
        takeExecuteFromPublic();
        try (HikariDataSource pool = pool("reader")) {
            Map<UUID, String> parts = Map.of(
                    ready, "single_active: only one process consumes queue \"explained\" at a time, now none",
                    delayed, "due_later: it is due at",
                    holder, "next: nothing is ahead of it",
                    behind, "group: message " + holder + " holds group \"g\"",
                    dead, "(rejected, 1 failures, 0 crashes): no use");
            parts.forEach((id, part) -> assertThat(JdbcClient.create(pool)
                            .sql("SELECT postroom.explain(?)")
                            .param(id)
                            .query(String.class)
                            .list())
                    .as(part)
                    .anyMatch(line -> line.contains(part))
                    .noneMatch(line -> line.contains("secret")));
        }
        refused("operator", "SELECT postroom.preview_dead_letters('{\"headers\": {\"a\": \"b\"}}')");
        refused("reader", "SELECT payload FROM postroom.message", "SELECT headers FROM postroom.message");
    }

    private static UUID explained(String arguments) {
        return admin.sql("SELECT id FROM postroom.create_message(" + arguments
                        + ", payload => '\"secret\"', headers => '{\"a\": \"secret\"}')")
                .query(UUID.class)
                .single();
    }

    @Test
    void reader_and_operator_read_all_columns_but_those_with_content() {
        for (String role : List.of("reader", "operator")) {
            assertThat(admin.sql("""
                            SELECT a.attname
                            FROM pg_attribute a
                            WHERE a.attrelid IN ('postroom.queue_messages'::regclass, 'postroom.dead_letters'::regclass)
                              AND a.attnum > 0
                              AND NOT has_column_privilege(?, a.attrelid, a.attnum, 'SELECT')
                            """).param(login(role)).query(String.class).set())
                    .as(role)
                    .containsExactlyInAnyOrder("payload", "body", "headers");
        }
    }

    @Test
    void operator_runs_the_audit_queries_without_content() throws IOException {
        Map<String, String> values = Map.of("since", "1 day", "longer_than", "1 minute", "actor", "%");
        try (HikariDataSource pool = pool("operator");
                Stream<Path> files = Files.list(Path.of("db/audit"))) {
            List<SqlFile> queries = files.map(SqlFile::read)
                    .filter(query -> !query.text().contains("message_content"))
                    .toList();
            assertThat(queries).hasSizeGreaterThan(7);
            for (SqlFile query : queries) {
                assertThatCode(() -> JdbcClient.create(pool)
                                .sql(query.statement(values))
                                .query()
                                .listOfRows())
                        .as("%s", query.path())
                        .doesNotThrowAnyException();
            }
        }
    }

    /** Views call functions with the rights of who reads them, so a page that grants views alone must be tried. */
    @Test
    void auditor_of_the_page_reads_all_views_that_the_page_gives() throws IOException {
        takeExecuteFromPublic();
        String page = Files.readString(Path.of("docs/operations.md"));
        int begin = page.indexOf("CREATE ROLE auditor LOGIN;");
        String auditor = "auditor_of_" + database.name();
        admin.sql(page.substring(begin, page.indexOf("```", begin)).replace("auditor", auditor))
                .update();
        try (HikariDataSource pool = pool("reader")) {
            pool.setUsername(auditor);
            admin.sql("ALTER ROLE " + auditor + " PASSWORD 'x'").update();
            List<String> views =
                    admin.sql("""
                            SELECT c.relname::text FROM pg_class c
                            WHERE c.relnamespace = 'postroom'::regnamespace AND c.relkind = 'v'
                              AND has_table_privilege(?, c.oid, 'SELECT')
                            """).param(auditor).query(String.class).list();
            assertThat(views).hasSizeGreaterThan(10);
            for (String view : views) {
                JdbcClient.create(pool)
                        .sql("SELECT * FROM postroom." + view + " LIMIT 1")
                        .query()
                        .listOfRows();
            }
        } finally {
            admin.sql("DROP OWNED BY " + auditor).update();
            admin.sql("DROP ROLE " + auditor).update();
        }
    }

    // ---- roles

    private static String group(String role) {
        return role + "s_of_" + database.name();
    }

    private static String login(String role) {
        return role + "_of_" + database.name();
    }

    private static HikariDataSource pool(String role) {
        HikariDataSource pool = new HikariDataSource();
        pool.setJdbcUrl(database.url());
        pool.setUsername(login(role));
        pool.setPassword("x");
        pool.setMinimumIdle(0);
        return pool;
    }

    private static UUID created(String queue) {
        return admin.sql("SELECT id FROM postroom.create_message(?)")
                .param(queue)
                .query(UUID.class)
                .single();
    }

    private static List<String> rightsOnTables(String role) {
        return admin.sql("""
                        SELECT r.name || ' on ' || c.relkind::text || ' ' || c.relname::text
                        FROM pg_class c
                        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) r (name)
                        WHERE c.relnamespace = 'postroom'::regnamespace
                          AND c.relkind IN ('r', 'p', 'v')
                          AND has_table_privilege(?, c.oid, r.name)
                        """).param(login(role)).query(String.class).list();
    }

    private static void refused(String role, String... statements) {
        giveExecuteToPublic();
        try (HikariDataSource pool = pool(role)) {
            JdbcClient client = JdbcClient.create(pool);
            for (String sql : statements) {
                assertThatThrownBy(() -> {
                            if (sql.startsWith("SELECT")) {
                                client.sql(sql).query().listOfRows();
                            } else {
                                client.sql(sql).update();
                            }
                        })
                        .as(sql)
                        .isInstanceOf(DataAccessException.class)
                        .rootCause()
                        .extracting("SQLState")
                        .isEqualTo("42501");
            }
        }
    }
}

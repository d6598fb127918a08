package io.postroom.migration;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** {@code db/function} against what the migrations install: nothing may differ, in either direction. See {@code db/README.md}. */
@PostgresTest
class FunctionFilesTest {
    private static final Path FOLDER = Path.of("db/function");
    private static final Set<String> FOR_USERS = Set.of(
            "bind",
            "cancel",
            "cancel_batch",
            "cancel_message",
            "cancel_running",
            "check_ledger",
            "create_access_token",
            "create_batch",
            "create_message",
            "create_messages",
            "create_schedule",
            "declare_exchange",
            "declare_queue",
            "declare_settings",
            "delete_exchange",
            "delete_queue",
            "delete_schedule",
            "delete_settings",
            "discard",
            "discard_dead_letters",
            "explain",
            "instant_of",
            "kill_signal",
            "limited_groups",
            "limiters",
            "lowest_id",
            "new_id",
            "pause_queue",
            "pause_schedule",
            "preview_dead_letters",
            "preview_purge",
            "purge_queue",
            "redrive",
            "redrive_dead_letters",
            "remove_limiter",
            "reschedule",
            "resume_queue",
            "resume_schedule",
            "revoke_access_token",
            "route",
            "run_schedule",
            "seal_batch",
            "set_destination",
            "set_fair",
            "set_group_weight",
            "set_limiter",
            "set_ordered",
            "set_settings",
            "start_consumers",
            "stop_consumers",
            "stop_operation",
            "takes",
            "unbind",
            "unpark");

    private final DataSource pool;

    FunctionFilesTest(DataSource pool) {
        this.pool = pool;
    }

    @Test
    void installed_functions_are_those_of_the_files() throws Exception {
        assertThat(installed().byName()).hasSizeGreaterThan(40);
        assertThat(installed().differencesFrom(ofFiles())).isEmpty();
    }

    /** A migration that creates a function takes EXECUTE on it from PUBLIC, which PostgreSQL gives. */
    @Test
    void no_function_is_for_everybody() {
        assertThat(JdbcClient.create(pool).sql("""
                        SELECT p.oid::regprocedure::text
                        FROM pg_proc p
                        WHERE p.pronamespace = 'postroom'::regnamespace
                          AND has_function_privilege('public', p.oid, 'EXECUTE')
                        """).query(String.class).list()).isEmpty();
    }

    /**
     * What is searched last is pg_temp, where every caller can make tables and types. The three that set nothing are inlined into
     * statements, which a setting would prevent; they name no table.
     */
    @Test
    void each_function_looks_for_names_in_the_catalogue_alone() {
        assertThat(JdbcClient.create(pool).sql("""
                        SELECT p.oid::regprocedure::text || ': ' || coalesce(array_to_string(p.proconfig, ', '), 'nothing is set')
                        FROM pg_proc p
                        WHERE p.pronamespace = 'postroom'::regnamespace
                          AND p.proname NOT IN ('day_partition', 'dead_letter_matches', 'lowest_id')
                          AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, ARRAY['']))
                        """).query(String.class).list()).isEmpty();
    }

    /** Each of these is a door: it does what its caller could not do, so it must check all that is given, and know who calls. */
    @Test
    void functions_that_run_with_the_rights_of_their_owner_are_known_by_name() {
        assertThat(JdbcClient.create(pool).sql("""
                        SELECT p.proname
                        FROM pg_proc p
                        WHERE p.pronamespace = 'postroom'::regnamespace AND p.prosecdef
                        ORDER BY 1
                        """).query(String.class).list())
                .containsExactly(
                        "cancel_batch",
                        "create_access_token",
                        "create_batch",
                        "create_message",
                        "create_messages",
                        "refuse_moved",
                        "require_not_moved",
                        "revoke_access_token",
                        "seal_batch");
    }

    /** A parameter with a dot in its name can be set by everybody in a session, but in a function by a superuser only. */
    @Test
    void function_sets_no_parameter_that_only_a_superuser_could_give_it() {
        assertThat(JdbcClient.create(pool).sql("""
                        SELECT p.proname || ': ' || c.setting
                        FROM pg_proc p
                        CROSS JOIN unnest(p.proconfig) c (setting)
                        WHERE p.pronamespace = 'postroom'::regnamespace
                          AND split_part(c.setting, '=', 1) LIKE '%.%'
                        """).query(String.class).list()).isEmpty();
    }

    @Test
    void a_changed_body_argument_setting_or_comment_is_named() throws Exception {
        InstalledFunctions files = ofFiles();
        assertThat(installedAfter("""
                CREATE OR REPLACE FUNCTION postroom.lowest_id(at timestamptz) RETURNS uuid
                LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT gen_random_uuid() $$
                """).differencesFrom(files))
                .singleElement()
                .asString()
                .contains("postroom.lowest_id differs", "gen_random_uuid");
        assertThat(installedAfter("ALTER FUNCTION postroom.claim SET enable_seqscan = on")
                        .differencesFrom(files))
                .singleElement()
                .asString()
                .contains("postroom.claim differs", "enable_seqscan");
        assertThat(installedAfter("ALTER FUNCTION postroom.cancel IMMUTABLE").differencesFrom(files))
                .singleElement()
                .asString()
                .contains("postroom.cancel differs");
        assertThat(installedAfter("COMMENT ON FUNCTION postroom.poll IS 'x'").differencesFrom(files))
                .singleElement()
                .asString()
                .contains("postroom.poll differs");
        assertThat(installedAfter(
                                "CREATE FUNCTION postroom.cancel(p_message text) RETURNS int LANGUAGE sql AS 'SELECT 1'")
                        .differencesFrom(files))
                .singleElement()
                .asString()
                .contains("postroom.cancel differs");
    }

    @Test
    void a_function_without_a_file_and_a_file_without_a_function_are_named() throws Exception {
        InstalledFunctions files = ofFiles();
        assertThat(installedAfter("CREATE FUNCTION postroom.stray() RETURNS int LANGUAGE sql AS 'SELECT 1'")
                        .differencesFrom(files))
                .containsExactly("postroom.stray is installed, and no file in db/function defines it");
        assertThat(installedAfter("DROP FUNCTION postroom.claim").differencesFrom(files))
                .containsExactly("postroom.claim is in db/function, and no migration creates it");
    }

    @Test
    void each_function_has_a_comment_for_users_or_says_that_it_is_internal() {
        JdbcClient sql = JdbcClient.create(pool);
        Set<String> forUsers = new TreeSet<>();
        Map<String, String> functions = installed().byName();
        for (String name : functions.keySet()) {
            String comment = sql.sql(
                            "SELECT coalesce(obj_description(to_regproc('postroom.' || ?)::oid, 'pg_proc'), '')")
                    .param(name)
                    .query(String.class)
                    .single();
            assertThat(comment).as("COMMENT of postroom.%s", name).isNotBlank();
            if (!comment.startsWith("Internal: ")) {
                forUsers.add(name);
                assertThat(comment).as("how to call postroom.%s", name).contains("postroom." + name + "(", "SELECT ");
            }
        }
        assertThat(forUsers).isEqualTo(new TreeSet<>(FOR_USERS));
    }

    private InstalledFunctions installed() {
        return InstalledFunctions.of(JdbcClient.create(pool));
    }

    private InstalledFunctions installedAfter(String change) throws Exception {
        return inTransaction(List.of(change));
    }

    /** What the files alone make: all functions go first, so that none is left over. */
    private InstalledFunctions ofFiles() throws Exception {
        Stream.Builder<String> statements = Stream.builder();
        statements.add("SET LOCAL check_function_bodies = off"); // the files need no order then
        statements.add("""
                DO $$
                DECLARE
                    function regprocedure;
                BEGIN
                    FOR function IN SELECT f.oid FROM pg_proc f WHERE f.pronamespace = 'postroom'::regnamespace LOOP
                        EXECUTE 'DROP FUNCTION IF EXISTS ' || function || ' CASCADE';
                    END LOOP;
                END
                $$
                """);
        try (Stream<Path> files = Files.list(FOLDER)) {
            files.sorted().map(FunctionFilesTest::read).forEach(statements);
        }
        return inTransaction(statements.build().toList());
    }

    private InstalledFunctions inTransaction(List<String> statements) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                for (String text : statements) {
                    statement.execute(text);
                }
                return InstalledFunctions.of(JdbcClient.create(new SingleConnectionDataSource(connection, true)));
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}

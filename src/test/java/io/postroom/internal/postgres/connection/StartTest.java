package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.PostgresWorkerStore;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pools, migrations, the look at the database before anything runs, and the line that listens. */
@PostgresTest(migrated = false)
class StartTest {
    private final TestDatabase database;

    StartTest(TestDatabase database) throws SQLException {
        this.database = database;
        execute("DROP SCHEMA IF EXISTS postroom CASCADE");
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private HikariConfig config() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMinimumIdle(0);
        return config;
    }

    @Test
    void migrate_creates_the_schema_and_may_be_repeated() {
        Migrations.migrate(database.pool());
        Migrations.migrate(database.pool());
        Migrations.validate(database.pool());
    }

    /** Also fails when Flyway computes its checksums in another way: then each start pays for it again. */
    @Test
    void a_complete_history_needs_no_flyway_and_any_other_does() throws SQLException {
        assertThat(Migrations.haveRun(database.pool())).isFalse();
        Migrations.migrate(database.pool());
        assertThat(Migrations.haveRun(database.pool()))
                .as("SchemaHistory.NEWEST is the number of the last file in db/migration, and no number is missing")
                .isTrue();

        refuseAfter("UPDATE postroom.schema_history SET success = false WHERE version = '003'");
        refuseAfter("UPDATE postroom.schema_history SET checksum = checksum + 1 WHERE version = '003'");
        refuseAfter("UPDATE postroom.schema_history SET script = 'V003__other.sql' WHERE version = '003'");
        refuseAfter("UPDATE postroom.schema_history SET type = 'BASELINE' WHERE version = '003'");
        refuseAfter(
                "DELETE FROM postroom.schema_history WHERE installed_rank = (SELECT max(installed_rank) FROM postroom.schema_history)");
        refuseAfter(
                "INSERT INTO postroom.schema_history SELECT 999, '999', 'later', type, 'V999__later.sql', checksum, installed_by,"
                        + " installed_on, execution_time, success FROM postroom.schema_history WHERE version = '003'");
        refuseAfter("DROP TABLE postroom.schema_history");
    }

    private void refuseAfter(String change) throws SQLException {
        execute("CREATE SCHEMA kept; CREATE TABLE kept.history AS TABLE postroom.schema_history");
        execute(change);
        assertThat(Migrations.haveRun(database.pool())).as(change).isFalse();
        execute("CREATE TABLE IF NOT EXISTS postroom.schema_history (LIKE kept.history);"
                + " TRUNCATE postroom.schema_history; INSERT INTO postroom.schema_history TABLE kept.history;"
                + " DROP SCHEMA kept CASCADE");
        assertThat(Migrations.haveRun(database.pool())).isTrue();
    }

    @Test
    void a_missing_migration_is_named() throws SQLException {
        assertThatThrownBy(() -> Migrations.validate(database.pool()))
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining("V001 (create queue tables) is pending")
                .hasMessageContaining("Run the migrations");
    }

    @Test
    void a_role_without_rights_on_objects_can_validate() throws SQLException {
        Migrations.migrate(database.pool());
        String role = "reader_" + database.name();
        execute("CREATE ROLE " + role + " LOGIN PASSWORD 'x'");
        try (HikariDataSource pool = new HikariDataSource()) {
            pool.setJdbcUrl(database.url());
            pool.setUsername(role);
            pool.setPassword("x");
            pool.setMinimumIdle(0);
            assertThatThrownBy(() -> Migrations.validate(pool)).hasMessageContaining("USAGE on schema postroom");
            execute("GRANT USAGE ON SCHEMA postroom TO " + role);
            execute("GRANT SELECT ON postroom.schema_history TO " + role);
            Migrations.validate(pool);
        } finally {
            execute("DROP OWNED BY " + role);
            execute("DROP ROLE " + role);
        }
    }

    @Test
    void a_cached_sequence_is_refused() throws SQLException {
        Migrations.migrate(database.pool());
        StartCheck.of(database.pool());
        execute("ALTER SEQUENCE postroom.ready_seq CACHE 10");
        assertThatThrownBy(() -> StartCheck.of(database.pool()))
                .hasMessageContaining("ALTER SEQUENCE postroom.ready_seq CACHE 1");
    }

    /** The catalog of Citus has a row for each table that it has taken; {@code CitusTest} asks a real one. */
    @Test
    void tables_that_citus_distributes_are_refused() throws SQLException {
        Migrations.migrate(database.pool());
        try {
            execute("SET allow_system_table_mods = on;"
                    + " CREATE TABLE pg_catalog.pg_dist_partition AS SELECT 'pg_class'::regclass AS logicalrelid");
            StartCheck.of(database.pool());
            execute("INSERT INTO pg_catalog.pg_dist_partition VALUES ('postroom.ready'), ('postroom.lease')");
            assertThatThrownBy(() -> StartCheck.of(database.pool()))
                    .hasMessageContaining("postroom.lease, postroom.ready")
                    .hasMessageContaining("citus_schema_undistribute('postroom')");
        } finally {
            execute("SET allow_system_table_mods = on; DROP TABLE IF EXISTS pg_catalog.pg_dist_partition");
        }
    }

    @Test
    void a_migration_that_citus_would_send_to_other_nodes_is_refused() throws SQLException {
        try (HikariDataSource pool = new HikariDataSource()) {
            pool.setJdbcUrl(database.url() + "?prepareThreshold=0&options=-c%20citus.enable_ddl_propagation=on");
            pool.setUsername(database.user());
            pool.setPassword(database.password());
            pool.setMinimumIdle(0);
            execute("SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_node ()");
            assertThatThrownBy(() -> Migrations.migrate(pool))
                    .hasMessageContaining("need a direct connection on a node of Citus");
        } finally {
            execute("SET allow_system_table_mods = on; DROP TABLE IF EXISTS pg_catalog.pg_dist_node");
        }
        Migrations.migrate(database.pool());
    }

    @Test
    void weak_durability_is_warned_of() throws SQLException {
        execute("ALTER DATABASE " + database.name() + " SET synchronous_commit = off");
        try (HikariDataSource pool = database.newPool(1)) {
            assertThat(StartCheck.of(pool).warnings())
                    .anyMatch(warning -> warning.startsWith("synchronous_commit is off"));
        } finally {
            execute("ALTER DATABASE " + database.name() + " RESET synchronous_commit");
        }
    }

    @Test
    void simple_query_mode_is_refused() {
        try (HikariDataSource pool = new HikariDataSource()) {
            pool.setJdbcUrl(database.url() + "?preferQueryMode=simple");
            pool.setUsername(database.user());
            pool.setPassword(database.password());
            pool.setMinimumIdle(0);
            assertThatThrownBy(() -> StartCheck.of(pool)).hasMessageContaining("preferQueryMode=simple");
        }
    }

    /** The lock of the migrations waits in a transaction of its own while each migration runs. */
    @Test
    @Timeout(60)
    @NotThroughPooler("a session that the pooler keeps has the settings of its own start")
    void a_role_that_may_idle_in_a_transaction_for_a_moment_only_can_migrate() throws SQLException {
        // Longer than the limits. They hold for the statement that lifts them, too, which takes a while on a busy
        // machine.
        onCreateTable(
                "PERFORM pg_sleep(0.6) FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'postroom.place'");
        execute("ALTER DATABASE " + database.name() + " SET idle_in_transaction_session_timeout = '500ms'");
        execute("ALTER DATABASE " + database.name() + " SET idle_session_timeout = '500ms'");
        execute("ALTER DATABASE " + database.name() + " SET statement_timeout = '500ms'");
        try (HikariDataSource host = new HikariDataSource(config())) {
            SchemaMode.MIGRATE.prepare(host);
            try (Connection connection = host.getConnection()) {
                assertThat(text(connection, "SHOW statement_timeout"))
                        .as("the host's own connections stay as they are")
                        .isEqualTo("500ms");
            }
        } finally {
            for (String setting :
                    List.of("idle_in_transaction_session_timeout", "idle_session_timeout", "statement_timeout")) {
                execute("ALTER DATABASE " + database.name() + " RESET " + setting);
            }
            execute("DROP EVENT TRIGGER on_create_table");
        }
    }

    @Test
    void a_connection_that_is_cut_during_the_start_is_named_and_not_taken_for_a_missing_right() throws SQLException {
        onCreateTable("PERFORM pg_terminate_backend(pg_backend_pid())");
        try (HikariDataSource host = new HikariDataSource(config())) {
            assertThatThrownBy(() -> SchemaMode.MIGRATE.prepare(host))
                    .isInstanceOf(PostroomException.class)
                    .hasMessageMatching("(?s).*(57P01.*ended the connection|08006.*connection was cut).*")
                    .hasMessageNotContaining("role that may create");
        } finally {
            execute("DROP EVENT TRIGGER on_create_table");
        }
    }

    /** Runs a statement whenever a table of the schema is made; migrations of a large schema take their time. */
    private void onCreateTable(String statement) throws SQLException {
        execute(
                "CREATE OR REPLACE FUNCTION public.on_create_table() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
                        + statement + "; END $$");
        execute("CREATE EVENT TRIGGER on_create_table ON ddl_command_end WHEN TAG IN ('CREATE VIEW')"
                + " EXECUTE FUNCTION public.on_create_table()");
    }

    @Test
    void a_pool_of_one_connection_can_start() {
        HikariConfig config = config();
        config.setMaximumPoolSize(1);
        config.setConnectionTimeout(5_000);
        try (HikariDataSource host = new HikariDataSource(config);
                Postroom postroom = Postroom.on(host)
                        .handler(Handler.process("one", String.class, (payload, context) -> Outcome.done()))
                        .start()) {
            UUID id = postroom.queueMessages().createMessage("one", "x").id();
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> postroom.queueMessages()
                            .find(id)
                            .filter(message -> message.state() == MessageState.DONE)
                            .isPresent());
        }
    }

    @Test
    void an_engine_data_source_of_one_connection_is_refused_with_the_number_that_is_needed() throws SQLException {
        Migrations.migrate(database.pool());
        HikariConfig config = config();
        config.setMaximumPoolSize(1);
        config.setConnectionTimeout(250);
        try (HikariDataSource small = new HikariDataSource(config)) {
            TestDatabase.openAll(small);
            assertThatThrownBy(() -> Postroom.on(database.pool())
                            .schema(SchemaMode.NONE)
                            .engineDataSource(small)
                            .start()
                            .close())
                    .isInstanceOf(PostroomException.class)
                    .hasMessageContaining("gave 1 connection(s) at a time, and Postroom needs 3");
        }
    }

    @Test
    void a_connection_that_listens_outlasts_idle_session_timeout() throws SQLException {
        execute("ALTER DATABASE " + database.name() + " SET idle_session_timeout = '300ms'");
        try (HikariDataSource host = new HikariDataSource(config());
                EnginePool copied = EnginePool.of(host, null);
                EnginePool given = EnginePool.of(host, host);
                PostgresNotificationListener first = new PostgresNotificationListener(copied.listenDataSource());
                PostgresNotificationListener second = new PostgresNotificationListener(given.listenDataSource())) {
            assertThat(first.await(Duration.ofMillis(900))).isEmpty();
            assertThat(second.await(Duration.ofMillis(900))).isEmpty();
        } finally {
            execute("ALTER DATABASE " + database.name() + " RESET idle_session_timeout");
        }
    }

    @Test
    void a_borrowed_connection_is_given_back_with_the_settings_it_came_with() throws SQLException {
        try (HikariDataSource host = database.newPool(1)) {
            try (Connection connection = host.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("SET idle_session_timeout = '7min'");
            }
            try (Connection settled =
                    SettledDataSource.whileOpen(host, SessionSettings.NEEDED).getConnection()) {
                assertThat(text(settled, "SHOW idle_session_timeout")).isEqualTo("0");
            }
            try (Connection connection = host.getConnection()) {
                assertThat(text(connection, "SHOW idle_session_timeout")).isEqualTo("7min");
            }
        }
    }

    @Test
    void the_engine_gets_a_small_pool_of_its_own_with_limits() throws SQLException {
        HikariConfig config = config();
        config.setAutoCommit(false);
        config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ");
        HikariDataSource host = new HikariDataSource(config);
        try (host;
                EnginePool pool = EnginePool.of(host, null)) {
            assertThat(pool.dataSource()).isNotSameAs(host);
            try (Connection connection = pool.dataSource().getConnection()) {
                assertThat(connection.getAutoCommit()).isTrue();
                assertThat(connection.getTransactionIsolation()).isEqualTo(Connection.TRANSACTION_READ_COMMITTED);
                assertThat(text(connection, "SHOW statement_timeout")).isEqualTo("10s");
                assertThat(text(connection, "SHOW lock_timeout")).isEqualTo("2s");
                assertThat(text(connection, "SHOW max_parallel_workers_per_gather"))
                        .isEqualTo("0");
                assertThat(text(connection, "SHOW jit")).isEqualTo("off");
                assertThat(text(connection, "SHOW idle_in_transaction_session_timeout"))
                        .isEqualTo("1min");
            }
            assertThat(host.getDataSourceProperties()).doesNotContainKey("socketTimeout");
            pool.close();
            assertThat(host.isClosed()).isFalse();
        }
    }

    @Test
    void a_host_that_leaks_all_its_connections_does_not_stop_the_heartbeat() throws SQLException {
        Migrations.migrate(database.pool());
        HikariConfig config = config();
        config.setMaximumPoolSize(2);
        config.setConnectionTimeout(250);
        HikariDataSource host = new HikariDataSource(config);
        TestDatabase.openAll(host);
        DataSource opaque = new org.springframework.jdbc.datasource.AbstractDataSource() {
            @Override
            public Connection getConnection() throws SQLException {
                return host.getConnection();
            }

            @Override
            public Connection getConnection(String username, String password) throws SQLException {
                return host.getConnection();
            }

            @Override
            public boolean isWrapperFor(Class<?> type) {
                return false;
            }
        };
        try (host;
                EnginePool pool = EnginePool.of(opaque, null)) {
            PostgresWorkerStore beats = new PostgresWorkerStore(pool.heartbeatDataSource());
            UUID instance = UUID.randomUUID();
            int worker = beats.register(instance, "leaky", "1");
            Connection leaked = host.getConnection();
            assertThatThrownBy(() -> new PostgresWorkerStore(opaque).beat(worker, instance))
                    .isInstanceOfSatisfying(
                            StoreException.class, e -> assertThat(e.kind()).isEqualTo(StoreException.Kind.UNAVAILABLE));
            assertThat(beats.beat(worker, instance)).isTrue();
            leaked.close();
        }
    }

    @Test
    void a_kept_connection_that_broke_is_replaced() throws Exception {
        Migrations.migrate(database.pool());
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                TestDatabase view = database.through(proxy);
                ReservedConnection kept = new ReservedConnection(view.newPool(2))) {
            PostgresWorkerStore beats = new PostgresWorkerStore(kept);
            UUID instance = UUID.randomUUID();
            int worker = beats.register(instance, "far", "1");
            proxy.cutAll();
            assertThatThrownBy(() -> beats.beat(worker, instance))
                    .isInstanceOfSatisfying(
                            StoreException.class, e -> assertThat(e.kind()).isEqualTo(StoreException.Kind.UNAVAILABLE));
            assertThat(beats.beat(worker, instance)).isTrue();
        }
    }

    @Test
    void word_of_arrivals_reaches_another_process_also_after_a_cut_line() throws Exception {
        Migrations.migrate(database.pool());
        PostgresWorkerStore store = new PostgresWorkerStore(database.pool());
        List<Arrival> arrivals = new ArrayList<>();
        for (int queue = 1; queue <= 1000; queue++) {
            arrivals.add(new Arrival(new Lane(queue, queue % 10), 1_000_000_000L + queue, queue));
        }
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                TestDatabase view = database.through(proxy);
                PostgresNotificationListener feed = new PostgresNotificationListener(view.newPool(2))) {
            assertThat(feed.await(Duration.ofMillis(1))).isEmpty();
            store.notifyOthers(arrivals);
            assertThat(received(feed, arrivals.size())).isEqualTo(arrivals);
            proxy.cutAll();
            assertThatThrownBy(() -> feed.await(Duration.ofSeconds(5))).isInstanceOf(StoreException.class);
            assertThat(feed.await(Duration.ofMillis(1))).isEmpty();
            store.notifyOthers(arrivals.subList(0, 1));
            assertThat(received(feed, 1)).isEqualTo(arrivals.subList(0, 1));
        }
    }

    @Test
    @Timeout(60)
    void a_wait_is_ended_by_a_notification_that_names_no_arrival() throws Exception {
        PostgresWorkerStore store = new PostgresWorkerStore(database.pool());
        try (PostgresNotificationListener feed = new PostgresNotificationListener(database.newPool(1))) {
            assertThat(feed.await(Duration.ofMillis(1))).isEmpty();
            store.endWaits();
            long began = System.nanoTime();
            assertThat(feed.await(Duration.ofSeconds(30))).isEmpty();
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(30));
        }
    }

    @Test
    void a_closed_feed_gives_its_connection_back_and_that_listens_no_more() throws SQLException {
        HikariDataSource pool = database.newPool(1);
        PostgresNotificationListener feed = new PostgresNotificationListener(pool);
        feed.await(Duration.ofMillis(1));
        feed.close();
        assertThat(feed.await(Duration.ofSeconds(60))).isEmpty();
        try (Connection connection = pool.getConnection()) {
            assertThat(text(connection, "SELECT count(*) FROM pg_listening_channels()"))
                    .isEqualTo("0");
        }
    }

    /** The driver's own sockets keep it back for a millisecond, to see whether more comes. */
    @Test
    @Timeout(60)
    void word_is_handed_out_as_soon_as_it_comes() {
        Migrations.migrate(database.pool());
        PostgresWorkerStore store = new PostgresWorkerStore(database.pool());
        try (HikariDataSource host = new HikariDataSource(config());
                EnginePool pool = EnginePool.of(host, null);
                PostgresNotificationListener prompt = new PostgresNotificationListener(pool.listenDataSource());
                PostgresNotificationListener drivers = new PostgresNotificationListener(host)) {
            prompt.await(Duration.ofMillis(1));
            drivers.await(Duration.ofMillis(1));
            long[] sooner = new long[51];
            for (int i = 0; i < sooner.length; i++) {
                sooner[i] = delayNanos(drivers, store) - delayNanos(prompt, store);
            }
            Arrays.sort(sooner);
            assertThat(sooner[sooner.length / 2]).isGreaterThan(500_000);
        }
    }

    private static long delayNanos(PostgresNotificationListener feed, PostgresWorkerStore store) {
        long sent = System.nanoTime();
        store.notifyOthers(List.of(new Arrival(new Lane(1, 4), sent, 1)));
        for (List<Arrival> word = List.of();
                word.isEmpty() || word.get(word.size() - 1).lowestSeq() != sent; ) {
            word = feed.await(Duration.ofSeconds(5));
        }
        return System.nanoTime() - sent;
    }

    @Test
    void only_the_pool_that_listens_has_sockets_of_its_own_kind() {
        try (HikariDataSource host = new HikariDataSource(config());
                EnginePool pool = EnginePool.of(host, null)) {
            assertThat(socketFactory(pool.listenDataSource())).isEqualTo(PromptSocketFactory.class.getName());
            assertThat(socketFactory(pool.dataSource())).isNull();
        }
    }

    @Test
    void a_socket_factory_that_the_host_chose_is_kept() {
        HikariConfig config = config();
        config.addDataSourceProperty("socketFactory", "com.example.HostsSockets");
        config.setInitializationFailTimeout(-1); // nothing needs to connect
        try (HikariDataSource host = new HikariDataSource(config);
                EnginePool pool = EnginePool.of(host, null)) {
            assertThat(socketFactory(pool.listenDataSource())).isEqualTo("com.example.HostsSockets");
        }
    }

    /** The driver reads the URL last: here it fails by the name it found there. */
    @Test
    void a_socket_factory_in_the_hosts_url_wins() {
        HikariConfig config = config();
        String separator = database.url().contains("?") ? "&" : "?";
        config.setJdbcUrl(database.url() + separator + "socketFactory=com.example.HostsSockets");
        config.setInitializationFailTimeout(-1);
        try (HikariDataSource host = new HikariDataSource(config);
                EnginePool pool = EnginePool.of(host, null)) {
            ((HikariDataSource) pool.listenDataSource()).setConnectionTimeout(250); // it repeats the failure until then
            assertThatThrownBy(() -> pool.listenDataSource().getConnection())
                    .hasStackTraceContaining("com.example.HostsSockets");
        }
    }

    private static @Nullable String socketFactory(DataSource pool) {
        return ((HikariDataSource) pool).getDataSourceProperties().getProperty("socketFactory");
    }

    private static List<Arrival> received(PostgresNotificationListener feed, int count) {
        List<Arrival> received = new ArrayList<>();
        for (int i = 0; i < 20 && received.size() < count; i++) {
            received.addAll(feed.await(Duration.ofSeconds(5)));
        }
        return received;
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }
}

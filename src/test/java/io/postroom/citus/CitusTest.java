package io.postroom.citus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.homes.HomeRules;
import io.postroom.homes.PostroomHomes;
import io.postroom.homes.QueueHome;
import io.postroom.testing.Conservation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.util.PSQLException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A real cluster of three nodes, each a home, and messages that commit with rows of other nodes. */
@Tag("reliability")
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CitusTest {
    private static final HomeRules RULES = HomeRules.parse("""
            # = main
            mail = west
            bills = east
            tenant.# = west
            orders = main, east, west
            """);
    private static final Map<String, String> QUEUE_OF = Map.of("main", "other", "east", "bills", "west", "mail");
    private static final String CREATE = "SELECT id FROM postroom_citus.create_message(?, to_jsonb(?::int))";

    private final Set<Integer> handled = ConcurrentHashMap.newKeySet();
    private final AtomicInteger numbers = new AtomicInteger(1_000);
    private CitusCluster cluster;
    private PostroomHomes homes;

    @BeforeAll
    void startCluster() throws Exception {
        assumeThat(CitusCluster.missing())
                .as("missing here: PostgreSQL 15 with Citus 13, see docs/citus.md")
                .isNull();
        cluster = CitusCluster.start();
        PostroomHomes.Builder builder = cluster.homes(RULES);
        for (String queue : List.of("mail", "bills", "other", "orders")) {
            builder.handler(Handler.process(queue, Integer.class, (number, context) -> {
                handled.add(number);
                return Outcome.done();
            }));
        }
        homes = builder.start();
        cluster.installDoor();
        cluster.installDoor(); // may be repeated
        cluster.on("main").sql("CREATE TABLE business (id int PRIMARY KEY)").update();
        cluster.on("main")
                .sql("SELECT create_distributed_table('business', 'id', shard_count => 6)")
                .query()
                .singleRow();
        cluster.onEachNode("CREATE TABLE plain (id int PRIMARY KEY); CREATE TABLE skew (id int PRIMARY KEY, value int);"
                + " INSERT INTO skew VALUES (1, 0), (2, 0)");
    }

    @AfterAll
    void stopCluster() throws IOException {
        if (homes != null) {
            homes.close();
        }
        if (cluster != null) {
            cluster.close();
        }
    }

    // ---- where a message goes

    @Test
    void from_each_node_a_message_goes_to_the_home_of_its_queue_and_is_handled_there() {
        for (String caller : CitusCluster.HOMES) {
            for (String home : CitusCluster.HOMES) {
                int number = numbers.incrementAndGet();
                create(caller, QUEUE_OF.get(home), number);
                assertThat(storedOn(number)).as("from %s", caller).containsExactly(home);
                await().atMost(Duration.ofSeconds(20)).until(() -> handled.contains(number));
            }
        }
    }

    @Test
    void several_messages_of_one_transaction_go_to_their_homes_and_a_savepoint_takes_some_back() throws SQLException {
        int number = numbers.addAndGet(10);
        try (Connection connection = cluster.connect("east");
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            int next = number;
            for (String queue : List.of("mail", "other", "bills", "mail")) {
                statement.execute("SELECT id FROM postroom_citus.create_message('" + queue + "', '" + next++ + "')");
            }
            statement.execute("SAVEPOINT before");
            statement.execute("SELECT id FROM postroom_citus.create_message('mail', '" + next + "')");
            statement.execute("ROLLBACK TO SAVEPOINT before");
            connection.commit();
        }
        assertThat(List.of(
                        storedOn(number),
                        storedOn(number + 1),
                        storedOn(number + 2),
                        storedOn(number + 3),
                        storedOn(number + 4)))
                .containsExactly(List.of("west"), List.of("main"), List.of("east"), List.of("west"), List.of());
    }

    /** What docs/citus.md says of a home on another node. */
    @Test
    void a_call_for_another_node_hands_on_less() throws SQLException {
        try (Connection connection = cluster.connect("east");
                Statement statement = connection.createStatement()) {
            assertThatThrownBy(() -> statement.execute(
                            "SELECT id FROM postroom_citus.create_message('mail', '1', priority => 10)"))
                    .isInstanceOfSatisfying(PSQLException.class, refused -> {
                        assertThat(refused.getSQLState()).isEqualTo("22023");
                        assertThat(refused.getServerErrorMessage().getColumn()).isNull();
                    });
            connection.setAutoCommit(false);
            statement.execute("SELECT id FROM postroom_citus.create_message('mail', '1')");
            assertThatThrownBy(() -> statement.execute("PREPARE TRANSACTION 'mine'"))
                    .hasMessageContaining("2PC");
            connection.rollback();
        }
    }

    private void create(String caller, String queue, int number) {
        cluster.on(caller).sql(CREATE).params(queue, number).query().singleRow();
    }

    @Test
    void a_message_of_a_group_goes_to_the_part_that_java_names() {
        for (int customer = 0; customer < 12; customer++) {
            int number = numbers.incrementAndGet();
            QueueHome place = RULES.homeOf("orders", "customer-" + customer);
            String queue = cluster.on("east")
                    .sql(
                            "SELECT queues[1] FROM postroom_citus.create_message('orders', to_jsonb(?::int), group_key => ?)")
                    .params(number, "customer-" + customer)
                    .query(String.class)
                    .single();
            assertThat(queue).isEqualTo(place.queue());
            assertThat(storedOn(number)).containsExactly(place.home());
        }
    }

    /** Citus sends a call to another node only when it stands alone; with a WHERE it runs where the statement does. */
    @Test
    void a_call_that_citus_does_not_send_is_refused() {
        int slot = cluster.on("main")
                .sql("SELECT slot FROM postroom_citus.home_slot WHERE home = 'west'")
                .query(Integer.class)
                .single();
        String call = "SELECT id FROM postroom_citus.create_on_home(" + slot
                + ", 'west', 'mail', '1', NULL, 1, NULL, NULL, NULL, NULL, 4, NULL, NULL, NULL, 'OUTGOING', NULL, NULL, NULL, NULL,"
                + " NULL, true, 'purged', 'refuse', NULL)";
        cluster.on("main").sql(call).query().singleRow();
        assertThatThrownBy(() ->
                        cluster.on("main").sql(call + " WHERE is_new").query().singleRow())
                .hasMessageContaining("the call for home \"west\" came to home \"main\"; nothing was written");
    }

    @Test
    void after_a_shard_has_moved_messages_are_refused_until_the_homes_are_found_again() {
        for (String moved : List.of("west", "main")) { // the home of the queue, and that of the caller
            cluster.on("main")
                    .sql("INSERT INTO postroom_citus.home_slot VALUES (?, 1)")
                    .param("gone")
                    .update();
            moveShard(moved, moved.equals("west") ? "east" : "west");
            int refused = numbers.incrementAndGet();
            assertThatThrownBy(() -> create("main", "mail", refused))
                    .hasMessageContaining("the call for home \"" + moved + "\" came to home");
            assertThat(storedOn(refused)).isEmpty();

            assertThat(cluster.on("main")
                            .sql("SELECT home FROM postroom_citus.find_homes()")
                            .query(String.class)
                            .list())
                    .containsExactly("east", "main", "west");
            assertThat(cluster.on("east")
                            .sql("SELECT count(*) FROM postroom_citus.home_slot")
                            .query(Long.class)
                            .single())
                    .as("a home that is gone is forgotten")
                    .isEqualTo(3);
            int number = numbers.incrementAndGet();
            create("main", "mail", number);
            assertThat(storedOn(number)).containsExactly("west");
        }
        assertThat(cluster.on("main")
                        .sql("SELECT shouldhaveshards FROM pg_dist_node WHERE groupid = 0")
                        .query(Boolean.class)
                        .single())
                .as("the property of the coordinator is as before")
                .isFalse();
    }

    private void moveShard(String from, String to) {
        for (long shard : cluster.on("main")
                .sql("SELECT shardid FROM pg_dist_shard_placement WHERE nodeport = ?"
                        + " AND shardid IN (SELECT shardid FROM pg_dist_shard"
                        + " WHERE logicalrelid = 'postroom_citus.slot'::regclass)")
                .param(cluster.port(from))
                .query(Long.class)
                .list()) {
            cluster.on("main")
                    .sql("SELECT citus_move_shard_placement(?, '127.0.0.1', ?, '127.0.0.1', ?, 'block_writes')")
                    .params(shard, cluster.port(from), cluster.port(to))
                    .query()
                    .singleRow();
        }
    }

    /** As after an upgrade of Postroom whose create_message has more arguments than the one before. */
    @Test
    void the_script_replaces_functions_with_other_arguments() throws Exception {
        cluster.on("main")
                .sql(
                        "CREATE FUNCTION postroom_citus.create_message(queue text, payload jsonb) RETURNS int LANGUAGE sql AS 'SELECT 1';"
                                + " CREATE FUNCTION postroom_citus.create_on_home(p_slot int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
                .update();
        cluster.installDoor();
        int number = numbers.incrementAndGet();
        create("east", "mail", number);
        assertThat(storedOn(number)).containsExactly("west");
    }

    @Test
    void a_role_needs_postroom_citus_and_nothing_else() throws SQLException {
        cluster.on("main")
                .sql("CREATE ROLE shop LOGIN; CREATE ROLE stranger LOGIN; GRANT postroom_citus TO shop")
                .update();
        for (String queue : List.of("tenant.a", "mail", "bills")) {
            int number = numbers.incrementAndGet();
            assertThatThrownBy(() -> createAs("stranger", queue, number)).hasMessageContaining("permission denied");
            createAs("shop", queue, number);
            assertThat(storedOn(number)).hasSize(1);
        }
    }

    private void createAs(String role, String queue, int number) throws SQLException {
        try (Connection connection = DriverManager.getConnection(
                        cluster.server("east").url().replace("user=postgres", "user=" + role));
                PreparedStatement create = connection.prepareStatement(CREATE)) {
            create.setString(1, queue);
            create.setInt(2, number);
            create.execute();
        }
    }

    // ---- all or nothing

    /** The commit fails on the node of the caller, the last moment in which anything can. */
    @Test
    void a_commit_that_fails_leaves_neither_row_nor_message_whichever_nodes_they_are_on() throws SQLException {
        assertThat(halves("postroom_citus.create_message")).isEmpty();
    }

    /** Why the guards are there. When this fails, Citus has changed, and they may go. */
    @Test
    void without_the_guards_citus_commits_one_node_and_not_the_other() throws Exception {
        String door = Files.readString(Path.of("db/citus/door.sql"))
                .replace("SCHEMA IF NOT EXISTS postroom_citus", "SCHEMA IF NOT EXISTS unguarded")
                .replace("postroom_citus.", "unguarded.")
                .replace("'postroom_citus'::regnamespace", "'unguarded'::regnamespace")
                .replace("ON SCHEMA postroom_citus", "ON SCHEMA unguarded");
        String unguarded = door.replace("    DELETE FROM unguarded.slot s WHERE s.slot = p_slot;", "");
        assertThat(unguarded).isNotEqualTo(door);
        Path file = Files.writeString(Files.createTempFile("unguarded", ".sql"), unguarded);
        try {
            cluster.run(file);
            List<String> halves = halves("unguarded.create_message");
            note("citus, without guards       %d of 27 commits that failed left one of row and message"
                    .formatted(halves.size()));
            assertThat(halves).isNotEmpty();
        } finally {
            Files.delete(file);
            cluster.on("main").sql("DROP SCHEMA unguarded CASCADE").update();
        }
    }

    /** What a host writes by itself, as QueueMessages does, on the home of the queue. */
    @Test
    void a_plain_message_commits_together_with_rows_of_other_nodes_once_the_transaction_says_so() throws SQLException {
        assertThat(commitThatFails("postroom.create_message", "west", "mail", "east", numberFor("east")))
                .as("Citus does not know that the message is written")
                .isEqualTo(new Outcomes(1, 0));
        assertThat(commitThatFails(
                        "postroom_citus.commit_together(), postroom.create_message",
                        "west",
                        "mail",
                        "east",
                        numberFor("east")))
                .isEqualTo(new Outcomes(0, 0));
    }

    private List<String> halves(String function) throws SQLException {
        List<String> halves = new ArrayList<>();
        for (String caller : CitusCluster.HOMES) {
            for (String home : CitusCluster.HOMES) {
                for (String rowOn : List.of("plain", "east", "west")) {
                    Outcomes left = commitThatFails(function, caller, QUEUE_OF.get(home), rowOn, numberFor(rowOn));
                    if (left.rows() + left.messages() > 0) {
                        halves.add("caller " + caller + ", queue on " + home + ", row on " + rowOn + ": " + left);
                    }
                }
            }
        }
        return halves;
    }

    record Outcomes(long rows, long messages) {}

    /** A number for a row of that node in the distributed table; or for the plain table of the caller's node. */
    private int numberFor(String rowOn) {
        int number = numbers.incrementAndGet();
        while (!rowOn.equals("plain") && !cluster.homeOf("business", number).equals(rowOn)) {
            number = numbers.incrementAndGet();
        }
        return number;
    }

    /** Two serializable transactions of one node read what the other one writes, and the second one to commit cannot. */
    private Outcomes commitThatFails(String function, String caller, String queue, String rowOn, int number)
            throws SQLException {
        String table = tableOf(rowOn);
        try (Connection first = serializable(caller);
                Connection second = serializable(caller);
                Statement inFirst = first.createStatement();
                Statement inSecond = second.createStatement()) {
            inFirst.execute("SELECT value FROM skew WHERE id = 1");
            inSecond.execute("SELECT value FROM skew WHERE id = 2");
            inFirst.execute("UPDATE skew SET value = value + 1 WHERE id = 2");
            inFirst.execute("INSERT INTO " + table + " VALUES (" + number + ")");
            inFirst.execute("SELECT * FROM " + function + "('" + queue + "', '" + number + "')");
            inSecond.execute("UPDATE skew SET value = value + 1 WHERE id = 1");
            second.commit();
            assertThatThrownBy(first::commit)
                    .isInstanceOfSatisfying(
                            PSQLException.class,
                            e -> assertThat(e.getSQLState()).isEqualTo("40001"));
        }
        return new Outcomes(rows(caller, table, number), storedOn(number).size());
    }

    private Connection serializable(String home) throws SQLException {
        Connection connection = cluster.connect(home);
        connection.setAutoCommit(false);
        connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        return connection;
    }

    private static String text(Statement statement, String sql) throws SQLException {
        try (ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private static String tableOf(String rowOn) {
        return rowOn.equals("plain") ? "plain" : "business";
    }

    private void awaitNothingPrepared() {
        for (String home : CitusCluster.HOMES) {
            await().atMost(Duration.ofSeconds(60))
                    .ignoreExceptions()
                    .until(() -> cluster.on(home)
                                    .sql("SELECT count(*) FROM pg_prepared_xacts")
                                    .query(Long.class)
                                    .single()
                            == 0);
        }
    }

    private static void note(String line) throws IOException {
        Files.writeString(
                Path.of("target/reliability.txt"), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private long rows(String home, String table, int number) {
        return cluster.on(home)
                .sql("SELECT count(*) FROM " + table + " WHERE id = ?")
                .param(number)
                .query(Long.class)
                .single();
    }

    private List<String> storedOn(int number) {
        return CitusCluster.HOMES.stream()
                .filter(home -> cluster.on(home)
                        .sql("SELECT EXISTS (SELECT FROM postroom.message WHERE payload = to_jsonb(?::int))")
                        .param(number)
                        .query(Boolean.class)
                        .single())
                .toList();
    }

    /**
     * The node of the caller has written its commit when it ends, and has told nobody: the commit waits for a standby that does not exist.
     * The other nodes are told after the restart.
     */
    @Test
    void a_caller_that_crashes_in_its_commit_leaves_both() throws Exception {
        for (String rowOn : List.of("plain", "west")) {
            int number = numberFor(rowOn);
            crashInCommit("east", "east", "mail", rowOn, number);
            await().atMost(Duration.ofSeconds(60))
                    .ignoreExceptions()
                    .until(() -> storedOn(number).equals(List.of("west")));
            assertThat(rows("east", tableOf(rowOn), number)).isEqualTo(1);
        }
    }

    /** The node of the queue has prepared when it ends, and has told nobody: the caller cannot commit. */
    @Test
    void a_home_that_crashes_while_it_prepares_leaves_neither() throws Exception {
        for (String rowOn : List.of("plain", "east")) {
            int number = numberFor(rowOn);
            crashInCommit("west", "east", "mail", rowOn, number);
            awaitNothingPrepared();
            assertThat(storedOn(number)).isEmpty();
            assertThat(rows("east", tableOf(rowOn), number)).isZero();
        }
    }

    private void crashInCommit(String victim, String caller, String queue, String rowOn, int number) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Connection operator = cluster.connect(victim);
                Statement asOperator = operator.createStatement()) {
            // Before the setting: what the engines of the node write would wait for the standby, too.
            Connection connection = cluster.connect(caller);
            connection.setAutoCommit(false);
            String pid;
            try (Statement statement = connection.createStatement()) {
                pid = text(statement, "SELECT pg_backend_pid()");
                statement.execute("INSERT INTO " + tableOf(rowOn) + " VALUES (" + number + ")");
                statement.execute("SELECT id FROM postroom_citus.create_message('" + queue + "', '" + number + "')");
            }
            asOperator.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
            asOperator.execute("SELECT pg_reload_conf()");
            await().until(() -> "nobody".equals(text(asOperator, "SHOW synchronous_standby_names")));
            Future<?> commit = thread.submit(() -> {
                connection.commit();
                return null;
            });
            String waiting = victim.equals(caller) ? "pid = " + pid : "query LIKE 'PREPARE TRANSACTION%'";
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> !"0"
                            .equals(text(
                                    asOperator,
                                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
                                            + waiting)));
            asOperator.execute("ALTER SYSTEM RESET synchronous_standby_names");
            cluster.server(victim).crash();
            assertThatThrownBy(() -> commit.get(60, TimeUnit.SECONDS)).hasRootCauseInstanceOf(Exception.class);
            connection.close();
        } finally {
            thread.shutdown();
        }
        cluster.server(victim).start();
    }

    /** Nodes end in the middle of commits; what was prepared there is ended as it was decided. */
    @Test
    void rows_and_messages_are_there_together_after_nodes_have_crashed() throws Exception {
        Set<Integer> tried = new ConcurrentSkipListSet<>();
        Set<Integer> acknowledged = ConcurrentHashMap.newKeySet();
        AtomicBoolean stop = new AtomicBoolean();
        ExecutorService callers = Executors.newFixedThreadPool(4);
        List<Future<?>> running = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            String caller = thread % 2 == 0 ? "main" : "east";
            String queue = thread < 2 ? "mail" : "bills";
            running.add(callers.submit(() -> {
                while (!stop.get()) {
                    int number = numbers.incrementAndGet();
                    tried.add(number);
                    try (Connection connection = cluster.connect(caller);
                            Statement statement = connection.createStatement()) {
                        connection.setAutoCommit(false);
                        statement.execute("INSERT INTO business VALUES (" + number + ")");
                        statement.execute(
                                "SELECT id FROM postroom_citus.create_message('" + queue + "', '" + number + "')");
                        connection.commit();
                        acknowledged.add(number);
                    } catch (SQLException down) {
                        TimeUnit.MILLISECONDS.sleep(20); // a node that is down answers at once
                    }
                }
                return null;
            }));
        }
        for (String victim : List.of("west", "east", "west", "main")) {
            int before = acknowledged.size();
            await().atMost(Duration.ofSeconds(60)).until(() -> acknowledged.size() > before + 100);
            cluster.server(victim).crash();
            cluster.server(victim).start();
        }
        int before = acknowledged.size();
        await().atMost(Duration.ofSeconds(60)).until(() -> acknowledged.size() > before + 100);
        stop.set(true);
        for (Future<?> thread : running) {
            thread.get(60, TimeUnit.SECONDS);
        }
        callers.shutdown();

        awaitNothingPrepared();
        Set<Integer> rows = new ConcurrentSkipListSet<>(cluster.on("main")
                .sql("SELECT id FROM business")
                .query(Integer.class)
                .list());
        rows.retainAll(tried);
        List<Integer> messages = new ArrayList<>();
        for (String home : CitusCluster.HOMES) {
            messages.addAll(cluster.on(home)
                    .sql("SELECT (payload #>> '{}')::int FROM postroom.message")
                    .query(Integer.class)
                    .list());
        }
        messages.retainAll(tried);
        assertThat(rows).as("each row with its message").containsExactlyInAnyOrderElementsOf(messages);
        assertThat(rows).containsAll(acknowledged);
        await().atMost(Duration.ofSeconds(120)).until(() -> handled.containsAll(messages));
        for (String home : CitusCluster.HOMES) {
            await().atMost(Duration.ofSeconds(60))
                    .untilAsserted(() ->
                            assertThat(Conservation.check(cluster.on(home))).isEmpty());
        }
        note("citus, crashes of nodes     %d tried, %d acknowledged, %d rows, %d messages"
                .formatted(tried.size(), acknowledged.size(), rows.size(), messages.size()));
    }

    // ---- what is refused

    @Test
    void a_table_that_citus_has_taken_is_refused_at_start() throws InterruptedException {
        cluster.on("main").sql("CREATE DATABASE spread").update();
        String url = cluster.server("main").url().replace("/postgres?", "/spread?");
        PGSimpleDataSource spread = new PGSimpleDataSource();
        spread.setUrl(url);
        JdbcClient client = JdbcClient.create(spread);
        client.sql("CREATE EXTENSION citus").update();
        client.sql("SELECT citus_set_coordinator_host('127.0.0.1', ?)")
                .param(cluster.port("main"))
                .query()
                .singleRow();
        client.sql("SELECT citus_set_node_property('127.0.0.1', ?, 'shouldhaveshards', true)")
                .param(cluster.port("main"))
                .query()
                .singleRow();
        PGSimpleDataSource pooled = new PGSimpleDataSource();
        pooled.setUrl(url + "&prepareThreshold=0");
        assertThatThrownBy(() -> SchemaMode.MIGRATE.prepare(pooled))
                .hasMessageContaining("need a direct connection on a node of Citus");
        SchemaMode.MIGRATE.prepare(spread);
        assertThatThrownBy(() -> client.sql("SELECT citus_schema_distribute('postroom')")
                        .query()
                        .singleRow())
                .as("Citus refuses this itself")
                .hasMessageContaining("triggers");
        client.sql("SELECT citus_add_local_table_to_metadata('postroom.dedup')")
                .query()
                .singleRow();
        assertThatThrownBy(() -> SchemaMode.MIGRATE.prepare(spread))
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining("Citus has taken tables of schema postroom")
                .hasMessageContaining("postroom.dedup");
        client.sql("SELECT undistribute_table('postroom.dedup')").query().singleRow();
        CountDownLatch ran = new CountDownLatch(1);
        try (Postroom postroom = Postroom.on(spread)
                .handler(Handler.process("mail", String.class, (payload, context) -> {
                    ran.countDown();
                    return Outcome.done();
                }))
                .start()) {
            postroom.queueMessages().createMessage("mail", "hello");
            assertThat(ran.await(30, TimeUnit.SECONDS)).isTrue();
        }
    }
}

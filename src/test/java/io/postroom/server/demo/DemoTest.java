package io.postroom.server.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageType;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueMessages;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.TestDatabase;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Timeout(300)
class DemoTest {
    @TempDir
    Path directory;

    private final List<String> terminal = new CopyOnWriteArrayList<>();
    private TestDatabase database;
    private JdbcClient sql;

    @BeforeEach
    void create() {
        database = TestDatabase.create();
        sql = JdbcClient.create(database.pool());
    }

    @AfterEach
    void drop() {
        database.close();
    }

    @Test
    void each_event_becomes_a_mail_or_a_dead_letter_and_the_terminal_tells() throws Exception {
        // Line 500 goes to a mailbox that is down, 125 and 375 are busy twice, each 60th once; 1,234 has no address.
        Path file = write(510, shipped().get(1_233) + "\n");
        try (SpringHost host = host();
                Demo demo = host.demo(TicketFile.at(file), terminal::add)) {
            demo.run();
        }

        assertThat(countByState()).isEqualTo(Map.of("DONE", 509L, "DEAD", 2L));
        assertThat(mailCount()).isEqualTo(509);
        assertThat(deadLetters()).containsExactlyInAnyOrder("attempts_spent", "rejected");
        assertThat(doneAfter(2)).as("busy once").isEqualTo(8);
        assertThat(doneAfter(3)).as("busy twice").isEqualTo(2);
        assertThat(sql.sql("SELECT headers ->> 'customer' FROM postroom.queue_messages"
                                + " WHERE correlation_id = '334931b6-b3ca-49d9-80f4-fb6f09532cc1'")
                        .query(String.class)
                        .single())
                .isEqualTo("kaja.ito@example.org");

        assertThat(terminal)
                .anyMatch(line -> line.matches(
                        "read +\\d+/511 +sent +\\d+ +waiting +\\d+ +retrying +\\d+ +dead +\\d+ +booked +\\d+.*"))
                .anyMatch(line -> line.startsWith("Demo: finished, 511 events in "))
                .contains("    DEAD              2", "    DONE            509")
                .anyMatch(line -> line.matches("    files +\\d+ imported: \\d+ orders, 0 bad lines"))
                .anyMatch(line -> line.matches("    requests +\\d+ for \\d+ orders, at most \\d+ in any second"))
                .anyMatch(line -> line.matches("    schedule +\\d+ runs"))
                .contains("    batch        10 of 10 shows settled, 0 dead")
                .anyMatch(line -> line.contains(mails().toString()))
                .anyMatch(line -> line.contains("curl -s -X POST http://127.0.0.1:8080/api/v1/messages"))
                .anyMatch(line -> line.contains("psql postgresql://"));
        assertEachPaidOrderIsBookedAndSettledOnce(file);
    }

    /** What the table at the end says is what the events say and what the database holds. */
    private void assertEachPaidOrderIsBookedAndSettledOnce(Path file) throws Exception {
        List<TicketEvent> paid = paid(file);
        DemoBooks.Results results = new DemoBooks(database.pool()).results("events.ndjson");

        assertThat(results.files())
                .isEqualTo(paid.stream()
                        .map(event -> event.timestamp().truncatedTo(ChronoUnit.HOURS))
                        .distinct()
                        .count())
                .isEqualTo(count("postroom.file_imports WHERE state = 'DONE'"));
        assertThat(results.lines()).isEqualTo(paid.size());
        assertThat(results.badLines()).isZero();
        assertThat(results.orders()).isEqualTo(paid.size());
        assertThat(results.requests())
                .isEqualTo(count("postroom_demo.booking_request"))
                .isGreaterThanOrEqualTo(paid.size());
        assertThat(results.mostInASecond()).isBetween(1L, (long) Accounting.REQUESTS_A_SECOND);
        assertThat(results.runs()).isPositive().isEqualTo(count("postroom_demo.takings"));
        assertThat(List.of(results.members(), results.done(), results.dead()))
                .isEqualTo(List.of(shows(paid), shows(paid), 0L));
        assertThat(sql.sql("SELECT amount FROM postroom_demo.settlement_total WHERE shows = " + shows(paid))
                        .query(BigDecimal.class)
                        .single())
                .isEqualByComparingTo(paid.stream().map(TicketEvent::amount).reduce(BigDecimal.ZERO, BigDecimal::add));
        assertThat(sql.sql("SELECT sum(orders) FROM postroom_demo.settlement")
                        .query(Long.class)
                        .single())
                .isEqualTo(paid.size());
    }

    private static List<TicketEvent> paid(Path file) throws Exception {
        try (TicketFile.Reader reader = TicketFile.at(file).readAfter(0)) {
            return reader.next(Integer.MAX_VALUE).stream()
                    .map(TicketFile.Line::event)
                    .filter(event -> event.operation().equals(TicketEvent.CHECKED_OUT))
                    .toList();
        }
    }

    private static long shows(List<TicketEvent> paid) {
        return paid.stream()
                .map(event -> Booking.of(event, event.timestamp()).show())
                .distinct()
                .count();
    }

    private long count(String table) {
        return sql.sql("SELECT count(*) FROM " + table).query(Long.class).single();
    }

    @Test
    void what_others_put_into_the_queue_does_not_keep_the_demo_from_its_end() throws Exception {
        try (SpringHost host = host();
                Demo demo = host.demo(first(40), terminal::add)) {
            new DemoProgress(database.pool(), "events.ndjson").begin(); // from here on it counts
            host.queueMessages()
                    .createMessage(CreateMessage.to(TicketNotifications.QUEUE).json("order.paid", 1, "{}"));
            demo.run();

            assertThat(terminal).anyMatch(line -> line.startsWith("Demo: finished, 40 events"));
            assertThat(countByState())
                    .containsEntry("DONE", 40L)
                    .isIn(Map.of("DONE", 40L, "READY", 1L), Map.of("DONE", 40L, "DELAYED", 1L));
        }
    }

    @Test
    @Tag("fault-long")
    void a_finished_demo_is_not_repeated_unless_asked() throws Exception {
        try (SpringHost host = host()) {
            try (Demo demo = host.demo(first(40), terminal::add)) {
                demo.run();
            }
            terminal.clear();
            try (Demo demo = host.demo(first(40), terminal::add)) {
                demo.run();
            }
            assertThat(terminal).anyMatch(line -> line.startsWith("Demo: finished already on "));
            assertThat(countByState()).isEqualTo(Map.of("DONE", 40L));

            terminal.clear();
            try (Demo demo = host.demo(first(40), terminal::add)) {
                TicketEvent late = paid(directory.resolve("events.ndjson")).get(0);
                host.queueMessages()
                        .createMessage(
                                CreateMessage.to(Accounting.QUEUE).payload(late).delay(Duration.ofHours(1)));
                demo.again();
                demo.run();
            }
            assertThat(count("postroom.queue_messages WHERE queue = 'accounting' AND state = 'CANCELLED'"))
                    .isEqualTo(1);
            assertThat(terminal).anyMatch(line -> line.startsWith("Demo: finished, 40 events"));
            assertThat(countByState()).isEqualTo(Map.of("DONE", 80L));
        }
    }

    @Test
    @Tag("fault-long")
    void a_demo_that_is_closed_goes_on_where_it_was() throws Exception {
        try (SpringHost host = host()) {
            Demo stopped = host.demo(first(150), terminal::add);
            stopped.start();
            await().until(() -> tableExists() && linesRead() >= SpringHost.BLOCK);
            stopped.close();
            int read = linesRead();

            try (Demo demo = host.demo(first(150), terminal::add)) {
                demo.run();
            }
            if (read < 150) {
                assertThat(terminal).anyMatch(line -> line.startsWith("Demo: goes on behind line " + read));
            }
            assertThat(messages()).isEqualTo(150);
        }
    }

    @Test
    @Tag("fault-long")
    void a_block_that_fails_at_the_last_moment_is_created_once() throws Exception {
        try (SpringHost host = host()) {
            AtomicInteger calls = new AtomicInteger();
            QueueMessages failing = (QueueMessages) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {QueueMessages.class}, (proxy, method, args) -> {
                        Object answer;
                        try {
                            answer = method.invoke(host.queueMessages(), args);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                        if (calls.incrementAndGet() == 2) {
                            assertThat((List<?>) answer)
                                    .hasSize(SpringHost.BLOCK)
                                    .allMatch(Created.class::isInstance);
                            throw new PostroomException("the line was cut before the commit");
                        }
                        return answer;
                    });
            try (Demo demo = host.demo(failing, first(120), terminal::add)) {
                demo.run();
            }
        }

        assertThat(messages()).isEqualTo(120);
        assertThat(distinctEvents()).isEqualTo(120);
    }

    @Test
    void a_malformed_line_stops_it_by_its_number_and_what_stands_before_is_kept() throws Exception {
        Path file = write(70, "not an event");
        try (SpringHost host = host();
                Demo demo = host.demo(TicketFile.at(file), terminal::add)) {
            assertThatThrownBy(demo::run)
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("events.ndjson line 71");
            assertThat(count("postroom.schedule WHERE name = '" + Takings.SCHEDULE + "' AND paused"))
                    .isEqualTo(1);
        }

        assertThat(linesRead()).isEqualTo(SpringHost.BLOCK);
        assertThat(messages()).isEqualTo(SpringHost.BLOCK);
    }

    @Test
    @Tag("fault-long")
    void killed_between_its_messages_and_its_progress_it_neither_loses_nor_doubles_an_event() throws Exception {
        Path file = write(119, shipped().get(499) + "\n"); // that one goes to a mailbox that is down
        new DemoProgress(database.pool(), "events.ndjson").begin();
        int killed = 0;
        for (int read : List.of(40, 80)) {
            try (JvmProcess process = DemoProcess.start(database, file, mails());
                    Connection connection = database.connect()) {
                connection.setAutoCommit(false);
                await().atMost(Duration.ofSeconds(60)) // a JVM starts first, on a machine that may be busy
                        .pollInterval(Duration.ofMillis(5))
                        .until(() -> linesRead() >= read || !process.isAlive());
                // Lets it lock the row and create the messages of a block, but not write its progress.
                execute(connection, "LOCK TABLE postroom_demo.demo_progress IN SHARE MODE");
                int lines = linesRead();
                if (lines < 120) {
                    await().until(this::someoneWaitsForTheProgress);
                    killed++;
                }
                process.kill();
                assertThat(messages()).isEqualTo(lines);
            }
        }
        assertThat(killed).isPositive();

        try (JvmProcess last = DemoProcess.start(database, file, mails())) {
            assertThat(last.awaitEnd()).isZero();
        }

        assertThat(messages()).isEqualTo(120);
        assertThat(distinctEvents()).isEqualTo(120);
        assertThat(countByState()).isEqualTo(Map.of("DONE", 119L, "DEAD", 1L));
        assertThat(mailCount()).isEqualTo(119);
        assertEachPaidOrderIsBookedAndSettledOnce(file);
    }

    @Test
    void what_the_terminal_proposes_to_try_can_be_tried() {
        JsonNode request = JsonMapper.shared().readTree(DemoScreen.ONE_MORE);
        TicketEvent event = JsonMapper.shared().treeToValue(request.get("payload"), TicketEvent.class);

        assertThat(request.get("queue").asString()).isEqualTo(TicketNotifications.QUEUE);
        assertThat(request.get("type").asString())
                .isEqualTo(TicketEvent.class.getAnnotation(MessageType.class).value());
        assertThat(PlannedTrouble.answer(event.email(), 0)).isEmpty();
        assertThat(DemoScreen.LOOK).contains("'" + request.get("correlationId").asString() + "'");
        assertThat(sql.sql(DemoScreen.LOOK).query().listOfRows()).isEmpty();
    }

    // ----

    /** The first lines of the shipped file. */
    private TicketFile first(int lines) throws Exception {
        return TicketFile.at(write(lines, ""));
    }

    private Path write(int lines, String more) throws Exception {
        String some = shipped().stream().limit(lines).collect(Collectors.joining("\n", "", "\n"));
        return Files.writeString(directory.resolve("events.ndjson"), some + more);
    }

    private static List<String> shipped() throws Exception {
        try (InputStream in = TicketFile.class.getResourceAsStream("ticket-events.ndjson")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }

    private SpringHost host() {
        return SpringHost.start(database.url(), database.user(), database.password(), mails());
    }

    private Path mails() {
        return directory.resolve("mails");
    }

    private long mailCount() throws Exception {
        try (Stream<Path> files = Files.list(mails())) {
            return files.filter(file -> file.toString().endsWith(".eml")).count();
        }
    }

    private Map<String, Long> countByState() {
        return new DemoProgress(database.pool(), "events.ndjson").countAllByState();
    }

    private List<String> deadLetters() {
        return sql.sql("SELECT reason FROM postroom.queue_messages WHERE state = 'DEAD'")
                .query(String.class)
                .list();
    }

    private long doneAfter(int deliveries) {
        return sql.sql("SELECT count(*) FROM postroom.queue_messages WHERE queue = 'notifications' AND state = 'DONE'"
                        + " AND deliveries = :deliveries")
                .param("deliveries", deliveries)
                .query(Long.class)
                .single();
    }

    private long messages() {
        return sql.sql("SELECT count(*) FROM postroom.queue_messages WHERE queue = 'notifications'")
                .query(Long.class)
                .single();
    }

    private long distinctEvents() {
        return sql.sql(
                        "SELECT count(DISTINCT correlation_id) FROM postroom.queue_messages WHERE queue = 'notifications'")
                .query(Long.class)
                .single();
    }

    private boolean someoneWaitsForTheProgress() {
        return sql.sql(
                        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'postroom_demo.demo_progress'::regclass AND NOT granted)")
                .query(Boolean.class)
                .single();
    }

    private static void execute(Connection connection, String statement) throws SQLException {
        try (Statement execution = connection.createStatement()) {
            execution.execute(statement);
        }
    }

    private boolean tableExists() {
        return sql.sql("SELECT to_regclass('postroom_demo.demo_progress') IS NOT NULL")
                .query(Boolean.class)
                .single();
    }

    private int linesRead() {
        return sql.sql("SELECT coalesce(max(lines_read), 0) FROM postroom_demo.demo_progress")
                .query(Integer.class)
                .single();
    }
}

package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.server.RunningServer;
import io.postroom.testing.Conservation;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.SqlFile;
import io.postroom.testing.TestDatabase;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The code of docs/ticket-workflow.md in two processes on one database. */
class TicketWorkflowTest {
    private static final Path PAGE = Path.of("docs/ticket-workflow.md");
    private static final String CUSTOMERS = "CustomerSide";
    private static final String EXPERTS = "ExpertSide";
    private static final int TICKETS = 60;

    @TempDir
    private static Path classes;

    private static final List<String> TABLES = new ArrayList<>();

    private final TestDatabase database = TestDatabase.create();
    private final JdbcClient sql = JdbcClient.create(database.pool());

    @BeforeAll
    static void compile() {
        SnippetCompiler compiler = new SnippetCompiler(classes);
        Map<String, Snippet> where = new HashMap<>();
        for (Snippet snippet : Snippet.of(PAGE)) {
            if (snippet.language().equals("sql")) {
                TABLES.add(snippet.text());
            } else if (SnippetCompiler.isFile(snippet)) {
                String name = snippet.text().contains("class " + CUSTOMERS) ? CUSTOMERS : EXPERTS;
                where.put(name, snippet);
                compiler.addFile(name, snippet);
            }
        }
        assertThat(where).containsOnlyKeys(CUSTOMERS, EXPERTS);
        compiler.compile(where);
    }

    @BeforeEach
    void tables() {
        TABLES.forEach(text -> sql.sql(text).update());
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void every_ticket_is_answered_and_reported_once() throws Exception {
        workToTheEnd();
    }

    @Test
    @Tag("fault-long")
    void every_ticket_is_answered_and_reported_once_although_both_sides_are_killed() throws Exception {
        try (JvmProcess customers = TicketProcess.start(classes, database, CUSTOMERS, TICKETS)) {
            await().atMost(Duration.ofMinutes(1)).until(() -> count("ticket") >= TICKETS / 4);
            customers.kill();
        }
        endLeaseTimes();
        long opened = count("ticket");
        assertThat(waiting("expert.tickets"))
                .as("tickets that wait while the experts are down")
                .isEqualTo(opened);

        try (JvmProcess experts = TicketProcess.start(classes, database, EXPERTS, 0)) {
            await().atMost(Duration.ofMinutes(1)).until(() -> count("ticket_report") >= 1);
            experts.kill();
        }
        endLeaseTimes();
        assertThat(waiting("customer.answers"))
                .as("answers that wait while the customers are down")
                .isPositive();
        workToTheEnd();
    }

    private void workToTheEnd() throws Exception {
        try (JvmProcess customers = TicketProcess.start(classes, database, CUSTOMERS, TICKETS);
                JvmProcess experts = TicketProcess.start(classes, database, EXPERTS, 0)) {
            await().atMost(Duration.ofMinutes(2))
                    .pollInterval(Duration.ofMillis(500))
                    .until(() -> count("ticket WHERE answer IS NOT NULL") == TICKETS
                            && count("ticket_report") == TICKETS
                            && count("postroom.queue_messages WHERE state <> 'DONE'") == 0);
            assertThat(customers.isAlive() && experts.isAlive()).isTrue();
        }
        assertThat(count("ticket")).isEqualTo(TICKETS);
        assertThat(count("ticket WHERE answers <> 1"))
                .as("tickets with another number of answers than one")
                .isZero();
        assertThat(count("postroom.queue_messages"))
                .as("three messages a ticket")
                .isEqualTo(3L * TICKETS);
        assertThat(Conservation.check(sql)).isEmpty();
        pathIsTheSameInSqlAndOverHttp("ticket-" + TICKETS);
    }

    private void pathIsTheSameInSqlAndOverHttp(String ticket) throws Exception {
        List<String> inSql = sql.sql(SqlFile.read(Path.of("db/audit/path_of_correlation.sql"))
                        .statement(Map.of("correlation_id", ticket)))
                .query((row, number) -> String.join(
                        " ",
                        Objects.requireNonNull(row.getObject("at", Timestamp.class))
                                .toInstant()
                                .toString(),
                        row.getString("queue"),
                        row.getString("event"),
                        Objects.requireNonNullElse(row.getString("who"), "-")))
                .list();
        List<String> overHttp;
        try (RunningServer server = RunningServer.on(database, "--postroom.workers.enabled=false")) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(
                            "http://127.0.0.1:" + server.port() + "/api/v1/messages?correlationId=" + ticket))
                    .build();
            String answer = HttpClient.newHttpClient()
                    .send(request, BodyHandlers.ofString())
                    .body();
            overHttp = JsonMapper.shared()
                    .readTree(answer)
                    .get("path")
                    .valueStream()
                    .map(step -> text(step, "at") + " " + text(step, "queue") + " " + text(step, "event") + " "
                            + text(step, "who"))
                    .toList();
        }
        assertThat(overHttp).isEqualTo(inSql).isSorted();
        assertThat(overHttp.get(0)).endsWith("expert.tickets created -");
        assertThat(overHttp)
                .extracting(step -> step.substring(step.indexOf(' ') + 1))
                .contains(
                        "customer.answers created -",
                        "ticket.reports created -",
                        "expert.tickets done " + EXPERTS,
                        "customer.answers done " + CUSTOMERS,
                        "ticket.reports done " + EXPERTS);
    }

    private static String text(JsonNode step, String member) {
        return step.has(member) ? step.get(member).asString() : "-";
    }

    /** Nobody has to wait until the database believes that the killed process is gone. */
    private void endLeaseTimes() {
        sql.sql("UPDATE postroom.worker SET beat_at = beat_at - interval '1 hour'")
                .update();
    }

    private long count(String table) {
        return sql.sql("SELECT count(*) FROM " + table).query(Long.class).single();
    }

    private long waiting(String queue) {
        return count("postroom.queue_messages WHERE state IN ('READY', 'IN_PROGRESS', 'DELAYED') AND queue = '" + queue
                + "'");
    }
}

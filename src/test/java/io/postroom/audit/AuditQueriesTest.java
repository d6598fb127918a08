package io.postroom.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.LedgerLines;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.SqlFile;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Each query of {@code db/audit} over the same small history. */
@PostgresTest
class AuditQueriesTest {
    private static final Path FOLDER = Path.of("db/audit");
    private static final Duration HOUR = Duration.ofHours(1);

    private final JdbcClient sql;
    private final PlacedMessages messages;

    AuditQueriesTest(DataSource pool) {
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
    }

    @BeforeEach
    void empty() {
        sql.sql("""
                        TRUNCATE postroom.message, postroom.ready, postroom.delayed, postroom.lease, postroom.dead_letter, postroom.attempt,
                            postroom.queue, postroom.worker, postroom.consumer, postroom.purge_ledger
                        """).update();
        LedgerLines.removeAll(sql);
    }

    @Test
    void what_happened_tells_state_and_cause_by_correlation_or_message_id() {
        int worker = messages.worker("node-1");
        UUID done = messages.message("mail")
                .type("ticket", 1)
                .age(HOUR)
                .correlationId("order-42")
                .attempt(worker, "done", null)
                .finished();
        UUID waits = messages.message("mail")
                .correlationId("order-42")
                .attempt(worker, "retry", "refused")
                .delayed(HOUR, "retry");
        messages.message("mail").correlationId("order-43").ready();

        List<Map<String, Object>> rows = run("what_happened", Map.of("tracking_id", "order-42"));
        assertThat(rows).extracting(row -> row.get("message_id")).containsExactly(done, waits);
        assertThat(rows).extracting(row -> row.get("state")).containsExactly("DONE", "DELAYED");
        assertThat(rows.get(1).get("error")).isEqualTo("refused");
        assertThat(rows.get(1).get("explanation").toString())
                .contains("no_consumer: ")
                .contains("\ndue_later: ");

        assertThat(run("what_happened", Map.of("tracking_id", done.toString())))
                .singleElement()
                .satisfies(row -> assertThat(row).containsEntry("message_id", done));
    }

    @Test
    void path_of_correlation_is_in_the_order_of_time() {
        int worker = messages.worker("node-1");
        UUID first = messages.message("in")
                .age(HOUR)
                .correlationId("order-42")
                .createdBy("shop")
                .attempt(worker, "retry", "busy")
                .attempt(worker, "done", null)
                .finished();
        UUID second = messages.message("out")
                .age(HOUR.minusSeconds(10))
                .correlationId("order-42")
                .createdBy("billing")
                .ready();

        List<Map<String, Object>> rows = run("path_of_correlation", Map.of("correlation_id", "order-42"));
        assertThat(rows).extracting(row -> row.get("event")).containsExactly("created", "retry", "done", "created");
        assertThat(rows).extracting(row -> row.get("message_id")).containsExactly(first, first, first, second);
        assertThat(rows).extracting(row -> row.get("who")).containsExactly("shop", "node-1", "node-1", "billing");
    }

    @Test
    void sent_to_customer_leaves_out_other_customers_and_directions_and_older_weeks() {
        int worker = messages.worker("node-1");
        UUID sent = messages.message("mail")
                .age(Duration.ofDays(6))
                .customer("ACME")
                .attempt(worker, "done", null)
                .finished();
        UUID dead = messages.message("mail")
                .customer("ACME")
                .attempt(worker, "reject", "no such address")
                .dead("rejected", "X", "no", "f");
        messages.message("mail").customer("Other").ready();
        messages.message("mail").customer("ACME").incoming().ready();
        messages.message("mail")
                .age(Duration.ofDays(7).plus(HOUR))
                .customer("ACME")
                .ready();

        List<Map<String, Object>> rows = run("sent_to_customer", Map.of("customer", "ACME"));
        assertThat(rows).extracting(row -> row.get("message_id")).containsExactly(dead, sent);
        assertThat(rows).extracting(row -> row.get("state")).containsExactly("DEAD", "DONE");
    }

    @Test
    void failures_by_cause_puts_together_what_differs_in_numbers_only() {
        int worker = messages.worker("node-1");
        for (int i = 0; i < 3; i++) {
            messages.message("mail")
                    .age(HOUR)
                    .attempt(worker, "retry", "timeout after " + i + " ms\n  at Mailer.send")
                    .ready();
        }
        messages.message("mail")
                .age(HOUR)
                .attempt(worker, "reject", "no such address")
                .dead("rejected", "X", "no", "f");
        messages.message("mail").age(HOUR).attempt(worker, "done", null).finished();
        messages.message("mail")
                .age(Duration.ofDays(2))
                .attempt(worker, "retry", "timeout after 9 ms")
                .ready();

        List<Map<String, Object>> rows = run("failures_by_cause", Map.of("since", "1 day"));
        assertThat(rows).extracting(row -> row.get("cause")).containsExactly("timeout after # ms", "no such address");
        assertThat(rows).extracting(row -> row.get("failures")).containsExactly(3L, 1L);
    }

    @Test
    void slowest_types_come_first() {
        int worker = messages.worker("node-1");
        messages.message("mail")
                .type("fast", 1)
                .age(HOUR)
                .attempt(worker, "done", null, Duration.ofMillis(10))
                .finished();
        messages.message("mail")
                .type("slow", 1)
                .age(HOUR)
                .attempt(worker, "done", null, Duration.ofSeconds(2))
                .finished();
        messages.message("mail")
                .type("slow", 1)
                .age(HOUR)
                .attempt(worker, "done", null, Duration.ofSeconds(4))
                .finished();
        messages.message("mail")
                .type("fast", 1)
                .age(HOUR)
                .attempt(worker, "crashed", "gone", HOUR)
                .ready();

        List<Map<String, Object>> rows = run("slowest_types", Map.of("since", "1 day"));
        assertThat(rows).extracting(row -> row.get("type")).containsExactly("slow", "fast");
        assertThat(rows.get(0).get("average_seconds")).isEqualTo(new BigDecimal("3.000"));
        assertThat(rows.get(0).get("longest_seconds")).isEqualTo(new BigDecimal("4.000"));
        assertThat(rows).extracting(row -> row.get("attempts")).containsExactly(2L, 1L);
    }

    @Test
    void waiting_too_long_counts_from_the_due_time_and_says_why() {
        UUID old = messages.message("mail").age(Duration.ofMinutes(10)).ready();
        UUID overdue = messages.message("mail").age(HOUR).delayed(Duration.ofMinutes(-6), "delay");
        messages.message("mail").age(HOUR).delayed(HOUR, "delay");
        messages.message("mail").age(Duration.ofMinutes(4)).ready();
        messages.message("mail").age(HOUR).leased(messages.worker("node-1"));

        List<Map<String, Object>> rows = run("waiting_too_long", Map.of("longer_than", "5 minutes"));
        assertThat(rows).extracting(row -> row.get("message_id")).containsExactly(old, overdue);
        assertThat(rows.get(0).get("cause").toString()).startsWith("no_consumer: ");
    }

    @Test
    void who_works_on_what_shows_the_silent_too() {
        int live = messages.worker("live");
        messages.consumer(live, "mail", "send", "*");
        int silent = messages.worker("silent");
        messages.consumer(silent, "mail", "send", "*");
        sql.sql("UPDATE postroom.worker SET beat_at = now() - interval '5 minutes' WHERE id = ?")
                .param(silent)
                .update();
        messages.message("mail").type("ticket", 1).leased(silent);
        messages.message("mail").type("ticket", 1).leased(live);
        messages.message("mail").type("ticket", 1).leased(live);

        List<Map<String, Object>> rows = run("who_works_on_what", Map.of());
        assertThat(rows).extracting(row -> row.get("worker")).containsExactly("silent", "live");
        assertThat(rows).extracting(row -> row.get("live")).containsExactly(false, true);
        assertThat(rows).extracting(row -> row.get("messages")).containsExactly(1L, 2L);
    }

    @Test
    void retries_per_day_count_what_was_in_vain() {
        int worker = messages.worker("node-1");
        messages.message("mail")
                .age(Duration.ofDays(3))
                .attempt(worker, "retry", "busy")
                .attempt(worker, "snooze", null)
                .attempt(worker, "crashed", "gone")
                .attempt(worker, "failed", "busy")
                .dead("attempts_spent", "X", "busy", "f");
        messages.message("mail")
                .age(Duration.ofDays(1))
                .attempt(worker, "done", null)
                .finished();
        messages.message("mail")
                .age(Duration.ofDays(1))
                .attempt(null, "cancelled", null)
                .finished();

        List<Map<String, Object>> rows = run("retries_per_day", Map.of("since", "30 days"));
        assertThat(rows).extracting(row -> row.get("attempts")).containsExactly(1L, 4L);
        assertThat(rows).extracting(row -> row.get("done")).containsExactly(1L, 0L);
        assertThat(rows).extracting(row -> row.get("retries")).containsExactly(0L, 1L);
        assertThat(rows).extracting(row -> row.get("given_up")).containsExactly(0L, 1L);
        assertThat(rows).extracting(row -> row.get("crashes")).containsExactly(0L, 1L);
        assertThat(rows).extracting(row -> row.get("put_off")).containsExactly(0L, 1L);
    }

    @Test
    void purge_ledger_sums_the_purges_of_a_day() {
        int queue = messages.queue("mail");
        for (int i = 0; i < 2; i++) {
            sql.sql("""
                            INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)
                            VALUES (?, 0, 100, ?, ?, 'delete')
                            """).params(queue, new UUID(i, 1), new UUID(i, 9)).update();
        }
        assertThat(run("purge_ledger", Map.of("since", "30 days")))
                .singleElement()
                .satisfies(row -> assertThat(row)
                        .containsEntry("messages", new BigDecimal(200))
                        .containsEntry("purges", 2L)
                        .containsEntry("outcome", "done")
                        .containsEntry("first_id", new UUID(0, 1).toString())
                        .containsEntry("last_id", new UUID(1, 9).toString()));
    }

    @Test
    void dead_letters_by_fingerprint_show_the_commonest_first() {
        messages.message("mail").dead("rejected", "X", "no such address\n  at", "aaa");
        messages.message("mail").dead("attempts_spent", "X", "timeout", "bbb");
        UUID newest = messages.message("mail").dead("attempts_spent", "X", "timeout again", "bbb");

        List<Map<String, Object>> rows = run("dead_letters_by_fingerprint", Map.of());
        assertThat(rows).extracting(row -> row.get("fingerprint")).containsExactly("bbb", "aaa");
        assertThat(rows).extracting(row -> row.get("dead_letters")).containsExactly(2L, 1L);
        assertThat(rows.get(0)).containsEntry("newest", newest).containsEntry("newest_error", "timeout again");
    }

    @Test
    void operator_actions_show_how_far_they_got() {
        int queue = messages.queue("mail");
        LedgerLines.unguarded(sql, """
                INSERT INTO postroom.operator_action (at, actor, action, queue_id, planned, done, finished_at)
                VALUES (now() - interval '1 hour', 'ann', 'redrive', %1$d, 100, 40, NULL),
                       (now(), 'ann', 'pause', %1$d, NULL, 0, now()),
                       (now(), 'bob', 'pause', %1$d, NULL, 0, now()),
                       (now() - interval '8 days', 'ann', 'pause', %1$d, NULL, 0, now())""".formatted(queue));
        List<Map<String, Object>> rows = run("operator_actions", Map.of("actor", "ann", "since", "7 days"));
        assertThat(rows).extracting(row -> row.get("action")).containsExactly("pause", "redrive");
        assertThat(rows).extracting(row -> row.get("progress")).containsExactly("0 of ?", "40 of 100");
        assertThat(rows).extracting(row -> row.get("status")).containsExactly("finished", "running");
    }

    @Test
    void throughput_counts_what_came_and_what_went_in_an_hour() {
        int worker = messages.worker("node-1");
        Duration threeHours = Duration.ofHours(3);
        messages.message("mail").age(threeHours).attempt(worker, "done", null).finished();
        messages.message("mail").age(threeHours).finishedAgo(worker, "done", Duration.ofHours(1));
        messages.message("mail")
                .age(Duration.ofDays(2))
                .attempt(worker, "done", null)
                .finished();

        List<Map<String, Object>> rows = run("throughput_per_hour", Map.of("since", "1 day"));
        assertThat(rows).hasSizeBetween(2, 3); // the second after creation may be in the next hour
        assertThat(rows.stream().mapToLong(row -> (Long) row.get("created")).sum())
                .isEqualTo(2);
        assertThat(rows.stream().mapToLong(row -> (Long) row.get("finished")).sum())
                .isEqualTo(2);
        assertThat(new BigDecimal(rows.get(0).get("median_seconds").toString()))
                .isBetween(new BigDecimal("7199"), new BigDecimal("7201"));
    }

    @Test
    void unhandled_types_are_those_no_live_consumer_takes() {
        int worker = messages.worker("node-1");
        messages.consumer(worker, "mail", "send", "ticket/1");
        messages.message("mail").type("ticket", 1).ready();
        messages.message("mail").type("ticket", 2).ready();
        messages.message("mail").type("ticket", 2).delayed(HOUR, "no_handler");
        messages.message("alone").type("ticket", 1).ready();

        List<Map<String, Object>> rows = run("unhandled_types", Map.of());
        assertThat(rows).extracting(row -> row.get("queue")).containsExactly("mail", "alone");
        assertThat(rows).extracting(row -> row.get("messages")).containsExactly(2L, 1L);
        assertThat(rows).extracting(row -> row.get("live_consumers")).containsExactly(1L, 0L);
    }

    @Test
    void oldest_transactions_shows_the_forgotten_one(TestDatabase database) throws SQLException {
        try (Connection forgotten = database.connect()) {
            forgotten.setAutoCommit(false);
            forgotten.createStatement().execute("SET application_name = 'forgetful'");
            assertThat(run("oldest_transactions", Map.of("longer_than", "0 seconds")))
                    .anySatisfy(row -> assertThat(row)
                            .containsEntry("application", "forgetful")
                            .containsEntry("state", "idle in transaction"));
            assertThat(run("oldest_transactions", Map.of("longer_than", "1 hour")))
                    .isEmpty();
        }
    }

    @Test
    void bloat_takes_partitions_together() {
        List<Map<String, Object>> rows = run("bloat", Map.of());
        assertThat(rows)
                .extracting(row -> row.get("table"))
                .contains("message", "attempt", "ready")
                .doesNotHaveDuplicates();
        assertThat(rows)
                .filteredOn(row -> "message".equals(row.get("table")))
                .singleElement()
                .satisfies(row -> assertThat((Long) row.get("partitions")).isGreaterThanOrEqualTo(10));
    }

    @Test
    void every_query_says_its_question_its_parameters_and_how_to_run_it_and_is_tested_here() throws IOException {
        List<Path> files;
        try (Stream<Path> found = Files.list(FOLDER)) {
            files = found.sorted().toList();
        }
        assertThat(files).hasSizeGreaterThanOrEqualTo(12);
        String tests = Files.readString(Path.of("src/test/java/io/postroom/audit/AuditQueriesTest.java"));
        for (Path file : files) {
            String text = Files.readString(file);
            String name = file.getFileName().toString();
            List<String> parameters = new ArrayList<>();
            Matcher matcher = Pattern.compile(":'(\\w+)'").matcher(text.substring(text.indexOf("-- Run:")));
            while (matcher.find()) {
                parameters.add(matcher.group(1));
            }
            String head = text.substring(0, text.indexOf("-- Run:"));
            String run =
                    text.substring(text.indexOf("-- Run:")).lines().findFirst().orElseThrow();
            assertThat(text).as(name).startsWith("-- Question: ").contains("\n-- Parameters: ");
            assertThat(run).as(name).contains("-f db/audit/" + name);
            assertThat(parameters).as(name).allSatisfy(parameter -> {
                assertThat(head).contains(":'" + parameter + "'");
                assertThat(run).contains("-v " + parameter + "=");
            });
            assertThat(tests).as(name).contains("run(\"" + name.replace(".sql", "") + "\"");
        }
    }

    private List<Map<String, Object>> run(String name, Map<String, String> values) {
        return sql.sql(SqlFile.read(FOLDER.resolve(name + ".sql")).statement(values))
                .query()
                .listOfRows();
    }
}

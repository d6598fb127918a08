package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.api.QueueStats;
import io.postroom.handler.Handler;
import io.postroom.homes.HomeRules;
import io.postroom.homes.PostroomHomes;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** Commands that ask two databases. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomesBackendTest {
    private static final HomeRules RULES = HomeRules.parse("""
            # = main
            mail = second
            calls = second
            paged-second = second
            orders = main, second
            parts = main, second
            idle = main, second, second
            """);

    @TempDir
    private static Path folder;

    private final TestDatabase main;
    private final TestDatabase second = TestDatabase.create();
    private Path file;
    private PostroomHomes homes;

    HomesBackendTest(TestDatabase database) {
        main = database;
    }

    @BeforeAll
    void begin() throws IOException {
        file = written(second.url());
        homes = PostroomHomes.on(Map.of("main", main.pool(), "second", second.pool()))
                .rules(RULES)
                .handler(Handler.process("bad", String.class, (payload, context) -> Outcome.reject("wrong address")))
                .handler(Handler.process("mail", String.class, (payload, context) -> Outcome.reject("wrong address")))
                .start();
    }

    private Path written(String urlOfSecond) throws IOException {
        return Files.writeString(
                Files.createTempFile(folder, "homes", ".properties"), """
                postroom.homes.main.url=%s
                postroom.homes.second.url=%s
                """.formatted(main.url(), urlOfSecond));
    }

    @AfterAll
    void end() {
        homes.close();
        second.close();
    }

    private CliRun run(Path homesFile, String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--homes-file", homesFile.toString()));
        return CliRun.of(Map.of("PGUSER", main.user(), "PGPASSWORD", main.password()), all);
    }

    private CliRun run(String... arguments) {
        return run(file, arguments);
    }

    private UUID create(String queue) {
        return homes.queueMessages().createMessage(queue, "hello").id();
    }

    private static List<String> texts(JsonNode rows, String member) {
        return StreamSupport.stream(rows.spliterator(), false)
                .map(row -> BackendCommand.text(row, member))
                .toList();
    }

    /** Counts dead letters, for a queue whose handler rejects all. */
    private void awaitDead(String home, String queue, long letters) {
        await().until(() -> homes.home(home).queues().stats().stream()
                .anyMatch(stats -> stats.queue().equals(queue) && stats.dead() == letters));
    }

    @Test
    void lists_have_the_rows_of_all_homes_and_each_says_its_own() {
        create("plain");
        create("calls");
        create("calls");
        CliRun queues = run("queues");
        assertThat(queues.exitCode()).as("%s", queues).isZero();
        assertThat(queues.out())
                .startsWith("HOME")
                .containsPattern("main +plain +1\\b")
                .containsPattern("second +calls +2\\b");
        long ready = homes.stats().whole("count").stream()
                .mapToLong(QueueStats::ready)
                .sum();
        assertThat(run("status", "--json").json().path("ready").asLong()).isEqualTo(ready);
    }

    @Test
    void messages_of_all_homes_come_the_newest_first_and_page_by_page() {
        List<String> created = new ArrayList<>();
        for (int i = 0; i < 205; i++) {
            created.add(homes.queueMessages()
                    .createMessage(CreateMessage.to(i % 3 == 0 ? "paged-main" : "paged-second")
                            .correlationId("pages")
                            .payload(i))
                    .id()
                    .toString());
        }
        Collections.reverse(created);
        JsonNode found = run("messages", "--correlation-id", "pages", "--limit", "203", "--json")
                .json();
        assertThat(texts(found.path("messages"), "id")).isEqualTo(created.subList(0, 203));
        assertThat(Set.copyOf(texts(found.path("messages"), "home"))).containsExactlyInAnyOrder("main", "second");
    }

    @Test
    void messages_of_a_queue_with_parts_come_from_each_part() {
        long onMain = 0;
        for (int i = 0; i < 8; i++) {
            CreateMessage message =
                    CreateMessage.to("parts").group("customer-" + i).payload(i);
            onMain += homes.homeOf(message).home().equals("main") ? 1 : 0;
            homes.queueMessages().createMessage(message);
        }
        List<String> found =
                texts(run("messages", "--queue", "parts", "--json").json().path("messages"), "home");
        assertThat(found)
                .hasSize(8)
                .contains("second")
                .filteredOn("main"::equals)
                .hasSize((int) onMain);
        assertThat(run("messages", "--queue", "parts:1of2", "--json").json().path("messages"))
                .hasSize((int) onMain);
    }

    @Test
    void a_message_is_found_on_whichever_home_has_it() {
        UUID message = create("paged-second");
        assertThat(run("message", message.toString()).out())
                .startsWith("home: second\n")
                .contains(message.toString());
        assertThat(run("explain", message.toString()).out()).startsWith("home second\n");
        assertThat(run("explain", create("paged-main").toString()).out()).startsWith("home main\n");
        CliRun unknown = run("message", "0191e0a0-0000-7000-8000-000000000000");
        assertThat(unknown.exitCode()).isEqualTo(CliException.REFUSED);
    }

    @Test
    void dead_letters_are_added_up_and_redriven_where_they_are() {
        UUID onMain = create("bad");
        UUID onSecond = create("mail");
        awaitDead("main", "bad", 1);
        awaitDead("second", "mail", 1);
        JsonNode letters =
                run("dead-letters", "--dead-reason", "rejected", "--json").json();
        assertThat(letters.path("count").asInt()).isEqualTo(2);
        assertThat(texts(letters.path("first"), "id"))
                .containsExactlyInAnyOrder(onMain.toString(), onSecond.toString());
        assertThat(letters.path("fingerprints").size())
                .as("the error is the same")
                .isEqualTo(1);
        assertThat(letters.path("fingerprints").get(0).path("count").asInt()).isEqualTo(2);

        assertThat(run("redrive", onSecond.toString()).out()).contains("Redrive in 1 queues");
        awaitDead("second", "mail", 1);
        CliRun everywhere = run("redrive", "--all", "--reason", "mended", "--yes");
        assertThat(everywhere.exitCode()).as("%s", everywhere).isEqualTo(CliException.USAGE);
        assertThat(everywhere.err()).contains("An operation runs on one home: give --queue with a name, or --home");
        assertThat(run("dead-letters", "--queue", "mail.#", "--json")
                        .json()
                        .path("count")
                        .asInt())
                .as("a pattern that matches on one home alone")
                .isEqualTo(1);
        assertThat(run("dead-letters", "--queue", "nowhere").err()).contains("queue \"nowhere\" does not exist");
        JsonNode begun = run("discard", "--queue", "mail", "--reason", "test", "--yes", "--json")
                .json();
        assertThat(begun.path("home").asString()).isEqualTo("second");
        String operation = begun.path("id").asString();
        assertThat(run("operations").out()).containsPattern("second +" + operation);
        assertThat(run("operations", operation, "--json").json().path("home").asString())
                .isEqualTo("second");
        assertThat(run("operations", operation, "--stop", "--reason", "test").exitCode())
                .isZero();
    }

    @Test
    void a_queue_is_paused_with_all_its_parts() {
        homes.queueMessages().createMessage(CreateMessage.to("orders:1of2").payload(1));
        homes.queueMessages().createMessage(CreateMessage.to("orders:2of2").payload(1));
        assertThat(run("pause", "orders").exitCode()).isZero();
        for (TestDatabase database : List.of(main, second)) {
            assertThat(JdbcClient.create(database.pool())
                            .sql("SELECT paused_at IS NOT NULL FROM postroom.queue WHERE name LIKE 'orders:_of2'")
                            .query(Boolean.class)
                            .single())
                    .isTrue();
        }
        assertThat(run("resume", "orders").exitCode()).isZero();
        assertThat(run("consumers", "orders", "--stop", "1").err())
                .contains("queue must be one without parts here, got \"orders\"");
        await().untilAsserted(() -> assertThat(run("consumers", "mail").out()).containsPattern("second +mail +\\S+"));
        homes.queueMessages().createMessage(CreateMessage.to("idle:2of3").payload(1));
        assertThat(run("pause", "idle").exitCode())
                .as("two parts do not exist yet")
                .isZero();
        assertThat(run("pause", "nowhere").err()).contains("queue \"nowhere\" does not exist");
    }

    @Test
    void a_message_is_created_on_the_home_of_its_queue() {
        CliRun created = run("create", "paged-second", "--payload", "\"hi\"", "--json");
        assertThat(created.exitCode()).as("%s", created).isZero();
        assertThat(created.json().path("home").asString()).isEqualTo("second");
        assertThat(homes.home("second")
                        .queueMessages()
                        .find(UUID.fromString(created.json().path("id").asString())))
                .isPresent();
    }

    @Test
    void what_belongs_to_one_database_needs_its_name() {
        for (String[] command :
                new String[][] {{"ledger"}, {"settings", "list"}, {"token", "list"}, {"export-definitions"}, {"migrate"}
                }) {
            CliRun refused = run(command);
            assertThat(refused.exitCode()).as("%s", refused).isEqualTo(CliException.USAGE);
            assertThat(refused.err()).contains("name it with --home");
        }
        CliRun ledger = run("ledger", "--home", "second");
        assertThat(ledger.exitCode()).as("%s", ledger).isZero();
        assertThat(run("queues", "--home", "main").out()).doesNotContain("HOME").doesNotContain("calls");
        assertThat(run("queues", "--home", "third").err()).contains("--home must be one of [main, second], got third");
        assertThat(run("migrate", "--home", "main").exitCode()).isZero();
        assertThat(CliRun.of(Map.of(), List.of("queues", "--home", "main")).err())
                .contains("--home needs --homes-file");
        assertThat(run("queues", "--db", main.url()).err()).contains("--homes-file says what to ask");
    }

    @Test
    void a_home_that_is_down_is_said_and_the_others_go_on() throws IOException {
        create("for-down");
        Path other = written("jdbc:postgresql://127.0.0.1:1/nowhere");
        CliRun queues = run(other, "queues");
        assertThat(queues.exitCode()).as("%s", queues).isZero();
        assertThat(queues.out()).containsPattern("main +for-down");
        assertThat(queues.err()).contains("home \"second\" is down: ");
        assertThat(run(other, "messages", "--json")
                        .json()
                        .path("down")
                        .path("second")
                        .asString())
                .startsWith("home \"second\" is down: ");
        assertThat(run(other, "status").out()).contains("! home \"second\" is down: ");
        CliRun message = run(other, "message", "0191e0a0-0000-7000-8000-000000000000");
        assertThat(message.exitCode()).as("it might be there: %s", message).isEqualTo(CliException.UNREACHABLE);
        assertThat(run(other, "doctor").out()).contains("PROBLEM home\n  home \"second\" is down: ");
        homes.queueMessages().createMessage(CreateMessage.to("orders:1of2").payload(1));
        CliRun paused = run(other, "pause", "orders");
        assertThat(paused.exitCode()).as("%s", paused).isEqualTo(CliException.UNREACHABLE);
        assertThat(paused.err()).contains("Could not pause queue orders whole", "paused: orders:1of2");
        assertThat(run("resume", "orders").exitCode()).isZero();
        CliRun unparked = run(other, "unpark", "bank");
        assertThat(unparked.exitCode()).as("%s", unparked).isEqualTo(CliException.UNREACHABLE);
        assertThat(run(other, "queues", "--home", "main").exitCode()).isZero();
    }

    /** The tests' server is not durable, which is a problem on both. */
    @Test
    void doctor_says_on_which_home_something_is_wrong() {
        CliRun doctor = run("doctor", "--all");
        assertThat(doctor.out())
                .startsWith("home main: PostgreSQL ")
                .contains("\nhome second: PostgreSQL ")
                .containsPattern("HOME +TABLE")
                .contains("  home \"main\": ", "  home \"second\": ");
        assertThat(doctor.exitCode()).isEqualTo(CliException.REFUSED);
    }
}

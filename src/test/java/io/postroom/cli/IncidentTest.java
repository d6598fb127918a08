package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/**
 * An incident: a provider is down, dead letters have two causes, one is mended. The commands are those of docs/operations.md, "The first
 * ten minutes of an incident", in their order.
 */
@PostgresTest
class IncidentTest {
    private static final Path PAGE = Path.of("docs/operations.md");

    private static volatile boolean isProviderDown = true;

    private static RunningServer server;
    private static Postroom workers;

    private final List<String> commands = new ArrayList<>();

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database, "--postroom.workers.enabled=false");
        workers = Postroom.on(database.pool())
                .handler(Handler.send("mail", String.class, (address, context) -> {
                            if (address.contains("nobody")) {
                                return Outcome.reject("no such address");
                            } else if (isProviderDown) {
                                throw new IllegalStateException("the provider is down");
                            }
                            return Outcome.done();
                        })
                        .retry(RetryPolicy.fixed(1, Duration.ofSeconds(1))))
                .start();
    }

    @AfterAll
    static void stop() {
        workers.close();
        server.close();
    }

    /** Runs a command as the page shows it; what stands in angle brackets there is given in the order of its places. */
    private CliRun run(int exitCode, String command, String... values) {
        commands.add("postroom " + command);
        String filled = command;
        for (String value : values) {
            filled = filled.replaceFirst("'<[^>]*>'", value);
        }
        List<String> words = new ArrayList<>();
        for (String part : filled.split("(?<=') | (?=')")) {
            if (part.startsWith("'")) {
                words.add(part.substring(1, part.length() - 1));
            } else {
                words.addAll(List.of(part.split(" ")));
            }
        }
        words.addAll(List.of("--url", "http://127.0.0.1:" + server.port()));
        CliRun run = CliRun.of(Map.of(), words);
        assertThat(run.exitCode()).as("%s: %s", words, run).isEqualTo(exitCode);
        return run;
    }

    private static long dead() {
        return workers.queues().stats("mail").orElseThrow().dead();
    }

    @Test
    void incident_is_worked_off_and_the_ledger_tells_it() throws IOException {
        for (int i = 0; i < 5; i++) {
            workers.queueMessages().createMessage("mail", "user" + i);
        }
        for (int i = 0; i < 3; i++) {
            workers.queueMessages().createMessage("mail", "nobody");
        }
        await().until(() -> dead() == 8);

        assertThat(run(0, "status").out()).contains("! queue mail has 8 dead letters");
        assertThat(run(1, "doctor").out()).contains("PROBLEM server_settings"); // the tests' server is not made to last
        assertThat(run(0, "queues").out()).contains("mail");
        String shown = run(0, "dead-letters").out();
        assertThat(shown).contains("8 dead letters", "the provider is down", "no such address");
        String down = fingerprint("the provider is down");
        String unknown = fingerprint("no such address");
        String letter = CliRun.of(
                        Map.of(),
                        List.of(
                                "dead-letters",
                                "--fingerprint",
                                down,
                                "--json",
                                "--url",
                                "http://127.0.0.1:" + server.port()))
                .json()
                .path("first")
                .get(0)
                .path("id")
                .asString();
        assertThat(run(0, "message '<id>'", letter).out()).contains("the provider is down");
        assertThat(run(0, "explain '<id>'", letter).out()).contains("dead");
        run(0, "pause mail");
        run(0, "resume mail");

        String redrive = "redrive --fingerprint '<fingerprint>' --canary 2 --canary-threshold 0 --reason 'it is back'"
                + " --yes --wait";
        CliRun early = run(1, redrive, down);
        assertThat(early.out()).contains("stopped_by_canary", "2 of the first 2 died again");
        commands.remove(commands.size() - 1); // the page has it once
        assertThat(dead()).isEqualTo(8);

        isProviderDown = false;
        assertThat(run(0, redrive, down).out()).contains("5 dead letters", "finished");
        run(0, "operations");
        run(0, "discard --fingerprint '<fingerprint>' --reason 'these addresses never were' --yes --wait", unknown);
        await().until(() -> dead() == 0);
        String ledger = run(0, "ledger --limit 20").out();
        assertThat(ledger.lines().skip(1).map(line -> line.split(" {2,}")[2]))
                .containsExactly(
                        "end_operation",
                        "discard",
                        "end_operation",
                        "redrive",
                        "end_operation",
                        "redrive",
                        "resume",
                        "pause");
        assertThat(ledger).contains("it is back", "these addresses never were", "finished", "stopped_by_canary");

        String page = Files.readString(PAGE);
        List<String> shownThere = section(page)
                .lines()
                .map(String::strip)
                .filter(line -> line.startsWith("$ postroom"))
                .map(line -> line.substring(2).replaceFirst(" +# .*", ""))
                .toList();
        assertThat(shownThere).isEqualTo(commands.stream().distinct().toList());
    }

    private static String section(String page) {
        String from = page.substring(page.indexOf("## The first ten minutes of an incident"));
        return from.substring(0, from.indexOf("\n## ", 3));
    }

    private static String fingerprint(String error) {
        JsonNode groups = CliRun.of(
                        Map.of(), List.of("dead-letters", "--json", "--url", "http://127.0.0.1:" + server.port()))
                .json()
                .path("fingerprints");
        return groups.valueStream()
                .filter(group -> group.path("error").asString().contains(error))
                .map(group -> group.path("fingerprint").asString())
                .findFirst()
                .orElseThrow();
    }
}

package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.postroom.rest.Problem;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What commands make of answers that a real server gives rarely: bounded counts, breaks, a body that does not end. */
class ServerAnswersTest {
    private static final String ID = "0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f";
    private static final String AWAY = "503 The database is \\u001b[31maway";
    private static final String PREVIEW = """
            {"count": 7, "more": false, "fingerprints": [],
             "first": [{"id": "%s", "queue": "mail", "deadAt": "2030-01-31T08:00:00Z", "reason": "rejected"}]}
            """.formatted(ID);

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, Queue<String>> answers = new ConcurrentHashMap<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 50);
        server.setExecutor(threads);
        server.createContext("/api/v1", this::answer);
        server.start();
    }

    @AfterEach
    void stop() {
        ended.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    /** Gives the answers of a path one by one, the last one again and again. */
    private void answers(String path, String... bodies) {
        answers.put("/api/v1" + path, new ConcurrentLinkedQueue<>(List.of(bodies)));
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.getRequestBody().readAllBytes();
            Queue<String> given = answers.get(exchange.getRequestURI().getPath());
            String text = given.size() > 1 ? given.remove() : given.element();
            boolean isAway = text.startsWith("503 ");
            byte[] body = (isAway
                            ? "{\"type\":\"" + Problem.TYPE + "unavailable\",\"detail\":\"" + text.substring(4) + "\"}"
                            : text)
                    .getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", Problem.CONTENT_TYPE);
            exchange.sendResponseHeaders(isAway ? 503 : 200, 0);
            exchange.getResponseBody().write(body);
            exchange.getResponseBody().flush();
            if (text.startsWith("{\"endless")) {
                ended.await(20, TimeUnit.SECONDS);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private List<String> asked(String... arguments) {
        return CliRun.joined(
                List.of("--url", "http://127.0.0.1:" + server.getAddress().getPort()), arguments);
    }

    private CliRun run(String... arguments) {
        return CliRun.of(Map.of(), asked(arguments));
    }

    @Test
    void count_that_stopped_at_its_bound_has_a_plus() {
        answers("/queues", """
                {"queues": [{"queue": "mail", "ready": 10000, "delayed": 10001, "inProgress": 3, "dead": 10002, "consumers": 0,
                             "readyMore": true, "delayedMore": true, "deadMore": true},
                            {"queue": "idle", "ready": 1, "delayed": 0, "inProgress": 0, "dead": 0, "consumers": 1}]}
                """);
        answers("/operations", "{\"operations\": []}");
        assertThat(run("queues").out())
                .contains(" 10000+  ", " 10001+  ", " 10002+  ")
                .contains("idle        1");
        assertThat(run("status").out())
                .contains("ready               10001+", "delayed             10001+", "dead                10002+")
                .contains("in progress         3\n", "has 10000+ READY messages", "has 10002+ dead letters");
        assertThat(run("status", "--json").out())
                .contains("\"deadMore\":true", "\"delayedMore\":true", "\"readyMore\":true");
    }

    @Test
    void watching_shows_a_failure_without_obeying_it() throws InterruptedException {
        answers("/operations", AWAY);
        StringWriter err = new StringWriter();
        Terminal terminal = new Terminal(
                new PrintWriter(new StringWriter()),
                new PrintWriter(err),
                java.io.InputStream.nullInputStream(),
                false,
                name -> null);
        Thread watching = new Thread(() -> PostroomCli.commandLine(terminal)
                .execute(asked("operations", "--watch=3600").toArray(String[]::new)));
        watching.start();
        await().until(() -> err.toString().contains("away\n"));
        watching.interrupt();
        watching.join(10_000);
        assertThat(err.toString()).isEqualTo("The database is \\u001b[31maway\n");
    }

    @Test
    void waiting_names_the_operation_first_and_outlasts_a_server_that_is_away() {
        answers("/dead-letters/preview", PREVIEW);
        answers("/dead-letters/redrive", operation("running"));
        answers("/operations/" + ID, AWAY, AWAY, operation("running"), operation("finished"));
        CliRun run = run("redrive", "--all", "--reason", "x", "--yes", "--wait", "--json");
        assertThat(run.exitCode()).as("%s", run).isZero();
        assertThat(run.json().path("state").asString()).isEqualTo("finished");
        assertThat(run.err()).isEqualTo("Operation " + ID + " has begun\nThe database is \\u001b[31maway\n");

        answers("/operations/" + ID, "{}");
        CliRun shown = run("redrive", "--all", "--reason", "x", "--yes", "--wait");
        assertThat(shown.out()).contains("Operation " + ID + " has begun\n");
    }

    private static String operation(String state) {
        return "{\"id\": \"" + ID + "\", \"verb\": \"redrive\", \"state\": \"" + state + "\"}";
    }

    @Test
    void who_is_asked_sees_the_dead_letters_with_json_too() {
        answers("/dead-letters/preview", PREVIEW);
        CliRun no = CliRun.of(Map.of(), "no\n", true, asked("discard", "--all", "--reason", "x", "--json"));
        assertThat(no.err()).containsSubsequence("7 dead letters", ID, "Discard 7 dead letters? Type yes:");
        assertThat(no.out()).isEmpty();
        assertThat(no.exitCode()).isEqualTo(1);
    }

    /** A shell has opened the file; the disk is full. */
    private static final class FullDisk extends Writer {
        @Override
        public void write(char[] chars, int from, int length) throws IOException {
            throw new IOException("No space left on device");
        }

        @Override
        public void flush() {
            // what was written before is there
        }

        @Override
        public void close() {
            // nothing is open
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "export-definitions",
                "queues",
                "queues --json",
                "queues --watch=3600",
                "token create --name ci --role reader",
                "redrive --all --reason x --yes",
                "completion",
            })
    void answer_that_cannot_be_written_whole_is_a_failure(String command) {
        answers("/definitions", "{\"queues\": []}");
        answers("/queues", "{\"queues\": []}");
        answers("/tokens", "{\"token\": \"postroom_x\"}");
        answers("/dead-letters/preview", PREVIEW);
        StringWriter err = new StringWriter();
        Terminal terminal = new Terminal(
                new PrintWriter(new FullDisk()),
                new PrintWriter(err),
                java.io.InputStream.nullInputStream(),
                false,
                name -> null);
        List<String> arguments = command.equals("completion") ? List.of(command) : asked(command.split(" "));

        int code = PostroomCli.commandLine(terminal).execute(arguments.toArray(String[]::new));

        assertThat(code).isEqualTo(1);
        assertThat(err.toString()).startsWith("postroom: The answer could not be written whole to the standard output");
        if (command.startsWith("token")) {
            assertThat(err.toString()).contains("the token \"ci\": revoke it");
        }
    }

    @Test
    void body_that_does_not_end_is_given_up_after_the_timeout() {
        answers("/queues", "{\"endless\":1}");
        CliRun run = run("queues", "--timeout", "1");
        assertThat(run.exitCode()).as("%s", run).isEqualTo(3);
        assertThat(run.err()).contains("cannot be reached: the answer did not end within --timeout");
    }
}

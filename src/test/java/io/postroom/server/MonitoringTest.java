package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.handler.MessageContext;
import io.postroom.handler.SendMessage;
import io.postroom.handler.SendMessageHandler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a Prometheus reads from a running server, and that the dashboard and the alert rules in docs ask for nothing else. */
@PostgresTest
class MonitoringTest {
    private static final Path DASHBOARD = Path.of("docs/grafana/postroom.json");
    /** A label of gauges where there are several homes; this server has one database. HomesStarterTest looks for it. */
    private static final String HOME = "home";

    private static final Path ALERTS = Path.of("docs/prometheus/postroom-alerts.yml");
    private static final Path ALERT_TESTS = Path.of("src/test/resources/prometheus/postroom-alerts-test.yml");
    private static final String TOKEN = "0123456789abcdef";
    private static final List<String> SOME_OF_EACH = List.of(
            "postroom_messages_total{outcome=\"done\"",
            "postroom_queues ",
            "postroom_queue_messages{",
            "postroom_queue_oldest_age_seconds{",
            "postroom_queue_consumers{",
            "postroom_database_horizon_age_seconds{",
            "postroom_database_horizon_transactions{",
            "postroom_send_seconds_count{",
            "postroom_process_seconds_count{");
    private static final Pattern SAMPLE = Pattern.compile("^([a-z_:][a-z0-9_:]*)(?:\\{(.*)})? ");
    private static final Pattern LABEL = Pattern.compile("([a-z_]+)=\"(?:[^\"\\\\]|\\\\.)*\"");
    private static final Pattern ASKED = Pattern.compile("(postroom_[a-z0-9_]+)(?:\\{([^}]*)})?");
    private static final Pattern MATCHER = Pattern.compile("([a-z_]+) *(?:=~|!~|!=|=) *\"");
    private static final Pattern GROUPED = Pattern.compile("\\bby *\\(([^)]*)\\)");
    private static final Pattern SHOWN = Pattern.compile("\\{\\{ *(?:\\$labels\\.)?([a-z_]+) *}}");

    private static RunningServer server;
    private static Connection report;
    /** The labels of each metric that was read. */
    private static Map<String, Set<String>> metrics;

    @SendMessage("work")
    static class Worker implements SendMessageHandler<String> {
        @Override
        public Outcome send(String text, MessageContext context) {
            return Outcome.done();
        }
    }

    @BeforeAll
    static void start(TestDatabase database) throws Exception {
        String url = database.url() + (database.url().contains("?") ? "&" : "?") + "ApplicationName=report";
        report = DriverManager.getConnection(url, database.user(), database.password());
        report.setAutoCommit(false);
        report.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        report.createStatement().execute("SELECT count(*) FROM postroom.queue"); // holds the horizon
        server = RunningServer.on(
                database, "--postroom.token=" + TOKEN, "--spring.main.sources=" + Worker.class.getName());
        server.bean(QueueMessages.class).createMessage(CreateMessage.to("work").json("\"x\""));
        metrics = parsed(await().until(
                        () -> get("/actuator/prometheus", TOKEN).body(),
                        text -> SOME_OF_EACH.stream().allMatch(text::contains)));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
        report.close();
    }

    private static HttpResponse<String> get(String path, String token) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path));
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private static Map<String, Set<String>> parsed(String text) {
        Map<String, Set<String>> found = new TreeMap<>();
        text.lines().map(SAMPLE::matcher).filter(Matcher::find).forEach(sample -> {
            Set<String> labels = found.computeIfAbsent(sample.group(1), any -> new TreeSet<>());
            if (sample.group(2) != null) {
                LABEL.matcher(sample.group(2)).results().forEach(label -> labels.add(label.group(1)));
            }
        });
        return found;
    }

    @Test
    void requests_that_Spring_does_not_see_are_measured_like_all_others() throws Exception {
        HttpResponse<String> created = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + "/api/v1/messages"))
                                .header("Authorization", "Bearer " + TOKEN)
                                .header("Content-Type", "application/json")
                                .POST(HttpRequest.BodyPublishers.ofString("{\"queue\":\"measured\"}"))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(created.statusCode()).isEqualTo(201);
        assertThat(get("/api/v1/messages/search", TOKEN).statusCode()).isEqualTo(200);
        String read = get("/actuator/prometheus", TOKEN).body();
        Map<String, String> counts = new TreeMap<>();
        read.lines()
                .filter(line -> line.startsWith("http_server_requests_seconds_count{") && line.contains("/api/"))
                .forEach(line ->
                        counts.put(line.substring(0, line.indexOf('}')), line.substring(line.indexOf('}') + 2)));
        String labels =
                "http_server_requests_seconds_count{error=\"none\",exception=\"none\",method=\"%s\",outcome=\"SUCCESS\","
                        + "status=\"%s\",uri=\"%s\"";
        assertThat(counts)
                .containsEntry(labels.formatted("POST", "201", "/api/v1/messages"), "1")
                .containsEntry(labels.formatted("GET", "200", "/api/v1/messages/search"), "1");
    }

    @Test
    void body_that_broke_off_is_measured_alike_with_Spring_and_without_it() throws Exception {
        for (String path : List.of("/api/v1/messages", "/api/v1/%6Dessages")) {
            try (Socket client = new Socket("127.0.0.1", server.port())) {
                client.getOutputStream()
                        .write(("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + TOKEN
                                        + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"queue\"")
                                .getBytes(StandardCharsets.US_ASCII));
                client.shutdownOutput();
                client.getInputStream().readAllBytes();
            }
        }
        await().untilAsserted(() -> assertThat(
                        get("/actuator/prometheus", TOKEN).body().lines())
                .filteredOn(line -> line.startsWith("http_server_requests_seconds_count{")
                        && line.contains("/api/v1/messages\"")
                        && line.contains("CLIENT_ERROR"))
                .singleElement()
                .asString()
                .matches(".*exception=\"[A-Za-z]+Exception\".*} 2"));
    }

    /** Checks an expression, and the labels that its answer is shown with. */
    private static void check(String where, String expression, String... texts) {
        Set<String> known = new HashSet<>(Set.of(HOME));
        int asked = 0;
        for (Matcher metric = ASKED.matcher(expression); metric.find(); asked++) {
            assertThat(metrics).as("%s: %s", where, expression).containsKey(metric.group(1));
            Set<String> labels = metrics.get(metric.group(1));
            known.addAll(labels);
            if (metric.group(2) != null) {
                assertThat(MATCHER.matcher(metric.group(2)).results().map(found -> found.group(1)))
                        .as("%s: %s", where, expression)
                        .isNotEmpty()
                        .isSubsetOf(labels);
            }
        }
        assertThat(asked).as("metrics in %s: %s", where, expression).isPositive();
        GROUPED.matcher(expression)
                .results()
                .flatMap(
                        by -> Pattern.compile(" *, *").splitAsStream(by.group(1).strip()))
                .forEach(label ->
                        assertThat(known).as("%s: %s", where, expression).contains(label));
        for (String text : texts) {
            SHOWN.matcher(text)
                    .results()
                    .forEach(
                            label -> assertThat(known).as("%s: %s", where, text).contains(label.group(1)));
        }
    }

    @Test
    void dashboard_asks_for_metrics_and_labels_that_are_there() throws IOException {
        JsonNode board = new JsonMapper().readTree(Files.readString(DASHBOARD));
        assertThat(board.get("panels")).hasSizeGreaterThan(10);
        for (JsonNode panel : board.get("panels")) {
            for (JsonNode target : panel.get("targets")) {
                check(
                        panel.get("title").asString(),
                        target.get("expr").asString(),
                        target.get("legendFormat").asString());
            }
        }
        assertThat(board.at("/templating/list/1/query/query").asString())
                .isEqualTo("label_values(postroom_queue_messages, queue)");
        assertThat(metrics.get("postroom_queue_messages")).contains("queue");
    }

    @Test
    void alerts_ask_for_metrics_and_labels_that_are_there_and_the_page_says_what_to_do() throws IOException {
        String page = Files.readString(Path.of("docs/operations.md"));
        List<Map<String, Object>> rules = rules();
        assertThat(rules).hasSizeGreaterThan(4);
        for (Map<String, Object> rule : rules) {
            String name = (String) rule.get("alert");
            Map<?, ?> annotations = (Map<?, ?>) rule.get("annotations");
            check(name, (String) rule.get("expr"), (String) annotations.get("summary"), (String)
                    annotations.get("description"));
            assertThat(annotations.get("runbook")).isEqualTo("docs/operations.md#" + name.toLowerCase());
            assertThat(page).contains("\n#### " + name + "\n");
        }
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> rules() throws IOException {
        Map<String, Object> file = new Yaml(new SafeConstructor(new LoaderOptions())).load(Files.readString(ALERTS));
        List<Map<String, Object>> groups = (List<Map<String, Object>>) file.get("groups");
        return (List<Map<String, Object>>) groups.get(0).get("rules");
    }

    @Test
    void promtool_loads_the_rules_and_each_alert_fires_for_its_cause(@TempDir Path folder) throws Exception {
        assumeThat(hasPromtool())
                .as("promtool is not installed; Debian has it in the package prometheus")
                .isTrue();
        Files.copy(ALERTS, folder.resolve(ALERTS.getFileName()));
        Path tests = Files.copy(ALERT_TESTS, folder.resolve(ALERT_TESTS.getFileName()));
        promtool("check", "rules", ALERTS.toString());
        promtool("test", "rules", tests.toString());
    }

    private static boolean hasPromtool() throws InterruptedException {
        try {
            return new ProcessBuilder("promtool", "--version")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException none) {
            return false;
        }
    }

    private static void promtool(String... arguments) throws IOException, InterruptedException {
        List<String> command = new java.util.ArrayList<>(List.of(arguments));
        command.add(0, "promtool");
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(said).isZero();
    }

    @Test
    void probes_need_no_token_and_tell_nothing_else() throws Exception {
        for (String probe : List.of("liveness", "readiness")) {
            HttpResponse<String> answer = get("/actuator/health/" + probe, "");
            assertThat(answer.statusCode()).as(probe).isEqualTo(200);
            assertThat(answer.body()).as(probe).isEqualTo("{\"status\":\"UP\"}");
        }
        for (String path : List.of("/actuator/health", "/actuator/prometheus")) {
            assertThat(get(path, "").statusCode()).as(path).isEqualTo(401);
            assertThat(get(path, TOKEN).statusCode()).as(path).isEqualTo(200);
        }
        assertThat(get("/actuator/health", TOKEN).body()).contains("\"postroom\":{");
    }

    @Test
    void nothing_else_of_the_actuator_is_open() throws Exception {
        for (String path : List.of("env", "beans", "heapdump", "loggers", "shutdown", "metrics")) {
            assertThat(get("/actuator/" + path, TOKEN).statusCode()).as(path).isEqualTo(404);
        }
    }
}

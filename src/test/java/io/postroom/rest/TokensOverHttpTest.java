package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.AccessTokens;
import io.postroom.api.Ledger;
import io.postroom.api.LedgerFilter;
import io.postroom.api.LedgerLine;
import io.postroom.api.NewAccessToken;
import io.postroom.console.ConsoleClient;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.MethodParameter;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What each role may do, at every route that there is, over HTTP and in the console. */
@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
class TokensOverHttpTest {
    private static final String TOKEN = "a token of the settings";
    private static final String PREVIOUS = "the token before that";
    private static final String ID = "0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f";
    /** Parameters that methods read from the request itself. */
    private static final Set<String> READ_BY_HAND = Set.of("reason", "actor", "header");

    private static final JsonMapper JSON = new JsonMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static RunningServer server;
    private static AccessTokens tokens;
    private static String reader;
    private static String operator;
    private static String producer;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(
                database,
                "--postroom.token=" + TOKEN,
                "--postroom.previous-token=" + PREVIOUS,
                "--postroom.console.masked-fields=**.secret");
        tokens = server.bean(AccessTokens.class);
        reader = tokens.create(NewAccessToken.reader("of.reader"));
        operator = tokens.create(NewAccessToken.operator("of.operator"));
        producer = tokens.create(NewAccessToken.producer("of.producer", "orders.*", "mail"));
        for (String token : new String[] {reader, operator}) {
            awaitStatus(200, "GET", "/api/v1/queues", token);
        }
        awaitStatus(403, "GET", "/api/v1/queues", producer);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    // ---- routes

    /** Routes by method and pattern, with the methods of their controllers. */
    private static Map<String, HandlerMethod> routes() {
        Map<String, HandlerMethod> routes = new TreeMap<>();
        server.bean("requestMappingHandlerMapping", RequestMappingHandlerMapping.class)
                .getHandlerMethods()
                .forEach((mapping, method) -> mapping.getPatternValues().forEach(pattern -> {
                    assertThat(mapping.getMethodsCondition().getMethods())
                            .as("methods of %s", pattern)
                            .hasSizeLessThan(2);
                    mapping.getMethodsCondition()
                            .getMethods()
                            .forEach(verb -> routes.put(verb + " " + pattern, method));
                }));
        return routes;
    }

    private static String owner(HandlerMethod method) {
        return method.getBeanType().getPackageName();
    }

    private static Set<String> routesOf(String owner) {
        Set<String> some = new TreeSet<>();
        routes().forEach((route, method) -> {
            if (owner(method).equals(owner)) {
                some.add(route);
            }
        });
        return some;
    }

    @Test
    void each_route_of_the_api_has_a_role_and_each_role_a_route() {
        assertThat(routesOf("io.postroom.rest"))
                .hasSizeGreaterThan(70)
                .isEqualTo(new TreeSet<>(ApiRoutes.all().keySet()));
        Map<String, String> roles = roles();
        assertThat(roles.values()).isSubsetOf("reader", "operator", "producer", "anybody");
        assertThat(roles.entrySet())
                .filteredOn(route -> route.getKey().startsWith("GET "))
                .extracting(Map.Entry::getValue)
                .containsOnly("reader");
        assertThat(roles.entrySet())
                .as("routes for readers that are no GET: they change nothing")
                .filteredOn(route ->
                        route.getValue().equals("reader") && !route.getKey().startsWith("GET "))
                .extracting(Map.Entry::getKey)
                .containsExactlyInAnyOrder(
                        "POST /api/v1/dead-letters/preview",
                        "POST /api/v1/schedules/preview",
                        "POST /api/v1/exchanges/{exchange}/route");
        assertThat(routes().values())
                .extracting(TokensOverHttpTest::owner)
                .as("packages with routes: a new one needs a guard")
                .isSubsetOf(
                        "io.postroom.rest",
                        "io.postroom.console",
                        "io.postroom.server",
                        "org.springframework.boot.webmvc.autoconfigure.error");
    }

    @Test
    void each_route_takes_the_parameters_that_its_method_has() {
        Map<String, HandlerMethod> routes = routes();
        ApiRoutes.all().forEach((route, given) -> {
            Set<String> ofMethod = parametersOf(Objects.requireNonNull(routes.get(route), route));
            Set<String> known = new TreeSet<>(given.parameters());
            known.remove("*");
            known.removeIf(name -> READ_BY_HAND.contains(name) && !ofMethod.contains(name));
            assertThat(known).as(route).isEqualTo(ofMethod);
        });
    }

    private static Set<String> parametersOf(HandlerMethod method) {
        Set<String> names = new TreeSet<>();
        for (MethodParameter parameter : method.getMethodParameters()) {
            if (parameter.hasParameterAnnotation(RequestParam.class)) {
                names.add(parameter.getParameter().getName());
            }
        }
        return names;
    }

    private static Map<String, String> roles() {
        return ApiRoutes.all().entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, route -> route.getValue().role()));
    }

    @Test
    void each_route_refuses_the_roles_that_it_is_not_for() {
        roles().forEach((route, needed) -> {
            String[] words = route.split(" ");
            String path = words[1].replaceAll("\\{id}|\\{batch}", ID).replaceAll("\\{\\w+}", "x");
            if (needed.equals("operator") || needed.equals("producer")) {
                refused(words[0], path, reader);
            }
            if (needed.equals("operator") || needed.equals("reader")) {
                refused(words[0], path, producer);
            }
            if (needed.equals("reader")) {
                assertThat(send(words[0], path, reader, "{}").statusCode())
                        .as(route)
                        .isNotIn(401, 403, 500);
            }
        });
        refused("HEAD", "/api/v1/queues", producer);
        refused("GET", "/actuator/health", producer);
        assertThat(send("GET", "/api/v1/nothing", reader, "").statusCode()).isEqualTo(404);
    }

    private static void refused(String method, String path, String token) {
        HttpResponse<String> answer = send(method, path, token, "{}");
        assertThat(answer.statusCode()).as("%s %s", method, path).isEqualTo(403);
        if (!method.equals("HEAD")) {
            assertThat(answer.body()).contains("urn:postroom:problem:not-allowed", "\\\"of.");
        }
    }

    /** The route decides, and not the path as it was written. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/v1/messages/%2e%2e/messages",
                "/api/v1/messages/",
                "/api/v1/messages;x=1",
                "//api/v1/messages",
                "/api/v1/queues/x/pause;/api/v1/messages",
                "/api/v1/%71ueues/x/pause",
                "/x/../api/v1/queues/x/pause"
            })
    void path_that_is_written_differently_gives_no_role_more(String path) {
        assertThat(send("POST", path, producer, "{\"queue\": \"mail\"}").statusCode())
                .isIn(400, 403, 404);
        assertThat(send("POST", path, reader, "{}").statusCode()).isIn(400, 403, 404);
    }

    /** Behind the filter Tomcat resolves a path: what looked like the API would be a page for operators. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/../actuator/loggers/io.postroom",
                "/api/..;/actuator/loggers/io.postroom",
                "/api/v1/%2e%2e/%2E%2E/actuator/loggers/io.postroom",
                "/api/v1/queues/x/../../../../actuator/shutdown"
            })
    void reader_leaves_the_api_by_no_path(String path) {
        refused("POST", path, reader);
    }

    // ---- the console

    @Test
    void reader_sees_pages_without_forms_and_every_action_is_refused() {
        ConsoleClient client = login(reader);
        assertThat(client.page("/queues")).contains("of.reader");
        create(operator, "{\"queue\": \"mail\"}");
        assertThat(client.page("/queues/mail")).doesNotContain("/pause", "/purge", "Pause");
        Set<String> console = routesOf("io.postroom.console");
        assertThat(console).allMatch(route -> route.startsWith("GET ") || route.startsWith("POST "));
        Set<String> actions = new TreeSet<>(console);
        actions.removeIf(route -> route.startsWith("GET ") || route.matches("POST /console/log(in|out)"));
        assertThat(actions).hasSizeGreaterThan(15);
        for (String route : actions) {
            String path = route.substring("POST /console".length())
                    .replaceAll("\\{id}", ID)
                    .replaceAll("\\{\\w+}", "mail");
            HttpResponse<String> answer = client.post(path, "reason", "x");
            assertThat(answer.statusCode()).as(route).isEqualTo(403);
            assertThat(answer.body()).contains("You may look at the console and change nothing.");
        }
    }

    @Test
    void reader_may_scrape_metrics_and_look_at_the_health_and_a_producer_may_not() {
        for (String path : new String[] {"/actuator/prometheus", "/actuator/health"}) {
            assertThat(send("GET", path, reader, "").statusCode()).as(path).isEqualTo(200);
            assertThat(send("GET", path, producer, "").statusCode()).as(path).isEqualTo(403);
        }
    }

    @Test
    void operator_acts_in_the_console_under_the_name_of_its_token() {
        create(operator, "{\"queue\": \"console.queue\"}");
        ConsoleClient client = new ConsoleClient(server.port(), "/console");
        client.page("/login");
        client.post("/login", "token", operator, "name", "somebody else");
        client.page("/queues/console.queue");
        assertThat(client.post("/queues/console.queue/pause").statusCode()).isEqualTo(200);
        assertThat(lines("pause", "console.queue"))
                .extracting(LedgerLine::actor)
                .containsExactly("of.operator");
    }

    @Test
    void token_is_made_shown_once_and_revoked_in_the_console(CapturedOutput output) {
        ConsoleClient client = login(operator);
        assertThat(client.page("/tokens")).contains("of.producer", "orders.*, mail", "IN_USE", ">Make it</button>");
        String[] form = {
            "name", "by.console", "role", "producer", "queues", "orders.*, audit", "expiresAt", "", "reason", "new shop"
        };
        HttpResponse<String> made = client.post("/tokens", form);
        assertThat(made.statusCode()).as(made.body()).isEqualTo(200);
        assertThat(made.uri().toString()).as("no secret in the address").endsWith("/console/tokens");
        assertThat(made.headers().firstValue("Cache-Control")).hasValue("no-store");
        Matcher shown =
                Pattern.compile("aria-label=\"The token\">([^<]+)</pre>").matcher(made.body());
        assertThat(shown.find()).isTrue();
        String token = shown.group(1);
        awaitStatus(201, "POST", "/api/v1/messages", token);
        assertThat(client.page("/tokens"))
                .contains("by.console", "orders.*, audit")
                .doesNotContain(token);
        client.page("/tokens");
        assertThat(client.post("/tokens", form).statusCode())
                .as("a reload makes no second one")
                .isEqualTo(422);
        assertThat(lines("create_token", null).get(0))
                .matches(line ->
                        line.actor().equals("of.operator") && line.reason().equals(java.util.Optional.of("new shop")));
        client.page("/tokens");
        assertThat(client.post("/tokens/by.console/revoke", "reason", " ").statusCode())
                .isEqualTo(422);
        client.page("/tokens");
        assertThat(client.post("/tokens/by.console/revoke", "reason", "over").body())
                .contains("Revoked. ", "REVOKED");
        awaitRefused("POST", "/api/v1/messages", token);
        assertThat(lines("revoke_token", null).get(0).actor()).isEqualTo("of.operator");
        assertThat(output.getAll()).doesNotContain(token);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a b|reader||||name must be",
                "|reader||||name must be",
                "wrong|admin||||role must be reader, operator or producer",
                "wrong|producer||||queues must be",
                "wrong|producer|ä|||queues must be",
                "wrong|reader||tomorrow||expiresAt must be a time with its zone",
                "wrong|reader||2020-01-31T12:00:00Z||expiresAt must be",
                "wrong|reader|||none|reason must be"
            })
    void unfit_token_is_refused_in_the_console_by_its_field(
            String name, String role, String queues, String expiresAt, String reason, String expected) {
        ConsoleClient client = login(operator);
        client.page("/tokens");
        HttpResponse<String> refused = client.post(
                "/tokens",
                "name",
                Objects.toString(name, ""),
                "role",
                role,
                "queues",
                Objects.toString(queues, ""),
                "expiresAt",
                Objects.toString(expiresAt, ""),
                "reason",
                reason == null ? "x" : "");
        assertThat(refused.statusCode()).isEqualTo(422);
        assertThat(refused.body()).contains(expected);
        assertThat(tokens.list("", 100)).noneMatch(token -> token.name().equals("wrong"));
    }

    @Test
    void reader_sees_tokens_and_no_form_for_them() {
        ConsoleClient client = login(reader);
        assertThat(client.page("/tokens"))
                .contains("of.operator", "IN_USE")
                .doesNotContain("Make it", "Revoke of", "/revoke");
    }

    @Test
    void producer_comes_into_no_page() {
        ConsoleClient client = new ConsoleClient(server.port(), "/console");
        client.page("/login");
        assertThat(client.post("/login", "token", producer).statusCode()).isEqualTo(403);
        assertThat(client.get("/queues").uri().getPath()).as("no session").isEqualTo("/console/login");
    }

    @Test
    void session_ends_with_its_token() {
        String token = tokens.create(NewAccessToken.reader("session"));
        awaitStatus(200, "GET", "/api/v1/queues", token);
        ConsoleClient client = login(token);
        client.page("/queues");
        tokens.revoke("session");
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> client.get("/queues").uri().getPath().endsWith("/login"));
        assertThat(send("GET", "/api/v1/queues", token, "").statusCode()).isIn(401, 429);
    }

    private static ConsoleClient login(String token) {
        ConsoleClient client = new ConsoleClient(server.port(), "/console");
        client.page("/login");
        assertThat(client.post("/login", "token", token).uri().getPath()).isEqualTo("/console/queues");
        return client;
    }

    // ---- producers

    @Test
    void producer_creates_in_its_queues_and_is_answered_no_more_than_that() {
        JsonNode created = create(producer, "{\"queue\": \"orders.new\", \"payload\": 1, \"deduplicationKey\": \"k\"}");
        assertThat(created.path("isNew").asBoolean(true)).isTrue();
        JsonNode repeated =
                create(producer, "{\"queue\": \"orders.new\", \"payload\": 1, \"deduplicationKey\": \"k\"}");
        assertThat(repeated.path("id").asString(""))
                .isEqualTo(created.path("id").asString("?"));
        assertThat(create(producer, "{\"queue\": \"mail\", \"headers\": {\"reply-to\": \"orders.replies\"}}")
                        .has("id"))
                .isTrue();
        refused("GET", "/api/v1/messages/" + created.path("id").asString(""), producer);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"queue\": \"order\"}",
                "{\"queue\": \"orders\"}",
                "{\"queue\": \"orders.a.b\"}",
                "{\"queue\": \"Mail\"}",
                "{\"exchange\": \"\", \"routingKey\": \"mail\"}",
                "{\"exchange\": \"orders.x\", \"routingKey\": \"mail\"}",
                "{\"queue\": \"mail\", \"headers\": {\"reply-to\": \"audit\"}}",
                "{\"queue\": \"mail\", \"headers\": {\"postroom-batch\": \"0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f\"}}",
                "{\"queue\": \"mail\", \"batch\": \"0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f\"}",
                "{\"queue\": \"mail\", \"type\": \"postroom.kill\", \"payload\": {\"howMany\": 1}}",
                "{\"queue\": \"mail\", \"type\": \"postroom.batch-completed\", \"body\": \"eA==\"}"
            })
    void producer_reaches_nothing_else_by_what_a_message_says(String message) {
        HttpResponse<String> answer = send("POST", "/api/v1/messages", producer, message);
        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(answer.body()).contains("of.producer", "\"field\"");
    }

    // ---- content, names, ends

    @Test
    void reader_is_shown_content_as_the_masks_of_the_console_say() {
        String id = create(operator, "{\"queue\": \"mail\", \"payload\": {\"secret\": \"s3cret\"}}")
                .path("id")
                .asString("");
        String path = "/api/v1/messages/" + id;
        assertThat(send("GET", path, operator, "").body()).contains("s3cret");
        assertThat(send("GET", path, reader, "").body())
                .contains("\"contentHidden\":true")
                .doesNotContain("s3cret");
        ConsoleClient client = login(reader);
        assertThat(client.page("/messages/" + id)).doesNotContain("s3cret");
    }

    @Test
    void ledger_names_the_token_and_a_shared_one_may_name_its_actor() {
        create(operator, "{\"queue\": \"acts\"}");
        send("POST", "/api/v1/queues/acts/pause?actor=somebody.else&reason=x", operator, "");
        send("POST", "/api/v1/queues/acts/resume?actor=ann&reason=x", TOKEN, "");
        send("POST", "/api/v1/queues/acts/pause", PREVIOUS, "");
        assertThat(lines("pause", "acts")).extracting(LedgerLine::actor).containsExactly("property", "of.operator");
        assertThat(lines("resume", "acts")).extracting(LedgerLine::actor).containsExactly("ann");
    }

    @Test
    void declaration_of_a_queue_names_the_token_and_its_reason_where_it_changes_one() {
        create(operator, "{\"queue\": \"declared\"}");
        send("PUT", "/api/v1/queues/declared?reason=it+fails&actor=somebody.else", operator, "{\"attempts\": 3}");
        send("PUT", "/api/v1/queues/declared", operator, "{\"attempts\": 3, \"ordered\": false}");
        assertThat(lines("declare", "declared")).singleElement().satisfies(line -> {
            assertThat(line.actor()).isEqualTo("of.operator");
            assertThat(line.reason()).hasValue("it fails");
        });
        send("PUT", "/api/v1/queues/declared?actor=ann", TOKEN, "{\"crashLimit\": 7}");
        assertThat(lines("declare", "declared")).extracting(LedgerLine::actor).containsExactly("ann", "of.operator");
    }

    @Test
    void order_of_a_queue_is_declared_under_the_name_of_the_token() {
        send("PUT", "/api/v1/queues/in.order", operator, "{\"attempts\": 3}");
        send("PUT", "/api/v1/queues/in.order", operator, "{\"ordered\": true}");
        assertThat(lines("declare", "in.order")).extracting(LedgerLine::actor).containsExactly("of.operator");
    }

    @Test
    void tokens_are_made_listed_and_revoked_over_http() {
        HttpResponse<String> made = send(
                "POST",
                "/api/v1/tokens",
                operator,
                "{\"name\": \"made\", \"role\": \"producer\", \"queues\": [\"orders.#\"], \"reason\": \"new shop\"}");
        assertThat(made.statusCode()).isEqualTo(201);
        assertThat(made.headers().firstValue("Cache-Control")).hasValue("no-store");
        String token = JSON.readTree(made.body()).path("token").asString("");
        awaitStatus(201, "POST", "/api/v1/messages", token);
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> listed("made").has("lastUsedAt"));
        assertThat(listed("made").toString())
                .contains("orders.#", "of.operator")
                .doesNotContain(token);
        assertThat(send("POST", "/api/v1/tokens/made/revoke?reason=over", operator, "")
                        .body())
                .contains("\"revoked\":true");
        awaitRefused("POST", "/api/v1/messages", token);
        assertThat(send("POST", "/api/v1/tokens/made/revoke", operator, "").body())
                .contains("\"revoked\":false");
        assertThat(lines("create_token", null).get(0).actor()).isEqualTo("of.operator");
        for (String wrong : new String[] {
            "{\"name\": \"made\", \"role\": \"reader\"}",
            "{\"name\": \"x\", \"role\": \"admin\"}",
            "{\"name\": \"x\", \"role\": \"producer\"}",
            "{\"name\": \"x\", \"role\": \"producer\", \"queues\": [1]}",
            "{\"name\": \"x\", \"role\": \"reader\", \"expiresAt\": \"tomorrow\"}",
            "{\"role\": \"reader\"}"
        }) {
            assertThat(send("POST", "/api/v1/tokens", operator, wrong).statusCode())
                    .as(wrong)
                    .isEqualTo(422);
        }
        assertThat(send("POST", "/api/v1/tokens/nobody/revoke", operator, "").statusCode())
                .isEqualTo(422);
    }

    /** The token of the settings is none of the table, so no revocation locks everybody out. */
    @Test
    void last_operator_of_the_database_can_be_revoked_and_the_settings_token_still_works() {
        String last = tokens.create(NewAccessToken.operator("last"));
        awaitStatus(200, "GET", "/api/v1/queues", last);
        assertThat(send("POST", "/api/v1/tokens/last/revoke", last, "").statusCode())
                .isEqualTo(200);
        awaitRefused("GET", "/api/v1/queues", last);
        assertThat(send("GET", "/api/v1/queues", TOKEN, "").statusCode()).isEqualTo(200);
    }

    @Test
    void token_ends_at_its_time() {
        String token =
                tokens.create(NewAccessToken.reader("short").until(Instant.now().plusSeconds(3)));
        awaitStatus(200, "GET", "/api/v1/queues", token);
        awaitRefused("GET", "/api/v1/queues", token);
    }

    @Test
    void wrong_tokens_are_logged_by_address_and_told_to_wait(CapturedOutput output) {
        int waiting = 0;
        for (int i = 0; i < 30; i++) {
            HttpResponse<String> answer = send("GET", "/api/v1/queues", "wrong.token." + i, "");
            assertThat(answer.statusCode()).isIn(401, 429);
            if (answer.statusCode() == 429) {
                waiting++;
                assertThat(answer.headers().firstValueAsLong("Retry-After").orElse(0))
                        .isPositive();
            }
        }
        assertThat(waiting).isPositive();
        assertThat(send("GET", "/api/v1/queues", reader, "").statusCode()).isEqualTo(200);
        assertThat(output.getOut()).contains("Refused a token from 127.0.0.1").doesNotContain("wrong.token");
    }

    // ---- requests

    private static java.util.List<LedgerLine> lines(String action, String queue) {
        LedgerFilter filter = LedgerFilter.all().action(action);
        return server.bean(Ledger.class).lines(queue == null ? filter : filter.queue(queue));
    }

    private static JsonNode listed(String name) {
        JsonNode list =
                JSON.readTree(send("GET", "/api/v1/tokens", reader, "").body()).path("tokens");
        return list.valueStream()
                .filter(token -> token.path("name").asString("").equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static JsonNode create(String token, String message) {
        HttpResponse<String> answer = send("POST", "/api/v1/messages", token, message);
        assertThat(answer.statusCode()).as(answer.body()).isIn(200, 201);
        return JSON.readTree(answer.body());
    }

    private static void awaitStatus(int status, String method, String path, String token) {
        awaitStatus(Set.of(status), method, path, token);
    }

    /** Waits until the token is refused: with 401, or with 429 where wrong tokens of other tests made this address wait. */
    private static void awaitRefused(String method, String path, String token) {
        awaitStatus(Set.of(401, 429), method, path, token);
    }

    private static void awaitStatus(Set<Integer> statuses, String method, String path, String token) {
        String body = method.equals("POST") ? "{\"queue\": \"orders.awaited\"}" : "";
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> statuses.contains(send(method, path, token, body).statusCode()));
    }

    private static HttpResponse<String> send(String method, String path, String token, String body) {
        boolean withBody = Stream.of("POST", "PUT").anyMatch(method::equals);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
                .timeout(Duration.ofSeconds(60))
                .header("Authorization", "Bearer " + token)
                .method(method, withBody ? BodyPublishers.ofString(body) : BodyPublishers.noBody());
        if (withBody && !body.isEmpty()) {
            request.header("Content-Type", "application/json");
        }
        try {
            return HTTP.send(request.build(), BodyHandlers.ofString());
        } catch (java.io.IOException | InterruptedException failed) {
            throw new AssertionError(failed);
        }
    }
}

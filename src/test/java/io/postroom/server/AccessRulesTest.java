package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.AccessRole;
import io.postroom.rest.HttpConversation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.mock.env.MockEnvironment;
import org.springframework.mock.web.MockHttpServletRequest;

/** Who may come in, as rules; and that a running server keeps them. */
@PostgresTest
class AccessRulesTest {
    private static final String TOKEN = "0123456789abcdef";
    private static final String MESSAGES = "/api/v1/messages";

    // ---- starting

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "::", "", "192.0.2.1"})
    void beyond_this_machine_the_server_does_not_start_without_a_token(String address) {
        assertThatThrownBy(() -> rules(address, ""))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("POSTROOM_TOKEN")
                .hasMessageContaining("--server.address=127.0.0.1");
        assertThatCode(() -> rules(address, TOKEN)).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.0.0.2", "localhost", "::1"})
    void on_this_machine_it_starts_without_one(String address) {
        assertThat(rules(address, "").asksForToken()).isFalse();
        assertThat(rules(address, TOKEN).asksForToken()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "0.0.0.0"})
    void short_tokens_are_refused_wherever_it_listens(String address) {
        assertThatThrownBy(() -> rules(address, "0123456789abcde"))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("at least 16")
                .hasMessageNotContaining("0123456789abcde");
    }

    @ParameterizedTest
    @CsvSource({
        "server.servlet.context-path,/console",
        "spring.mvc.servlet.path,/postroom",
        "management.endpoints.web.base-path,/ops",
        "management.server.port,9090"
    })
    void settings_that_move_pages_are_refused(String name, String value) {
        MockEnvironment environment = new MockEnvironment()
                .withProperty("server.address", "127.0.0.1")
                .withProperty("server.port", "8080")
                .withProperty("postroom.token", TOKEN)
                .withProperty(name, value);
        assertThatThrownBy(() -> AccessRules.of(environment))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining(name + "=" + value);
    }

    @ParameterizedTest
    @CsvSource({
        "server.servlet.context-path,/",
        "management.endpoints.web.base-path,/actuator",
        "management.server.port,8080",
        "management.server.port,-1"
    })
    void their_usual_values_are_taken(String name, String value) {
        MockEnvironment environment = new MockEnvironment()
                .withProperty("server.address", "127.0.0.1")
                .withProperty("server.port", "8080")
                .withProperty(name, value);
        assertThatCode(() -> AccessRules.of(environment)).doesNotThrowAnyException();
    }

    @Test
    void previous_token_needs_the_one_that_follows_it() {
        MockEnvironment environment = new MockEnvironment()
                .withProperty("server.address", "127.0.0.1")
                .withProperty("postroom.previous-token", TOKEN);
        assertThatThrownBy(() -> AccessRules.of(environment))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("POSTROOM_PREVIOUS_TOKEN");
        environment.withProperty("postroom.token", TOKEN + "2");
        assertThatCode(() -> AccessRules.of(environment)).doesNotThrowAnyException();
        environment.setProperty("postroom.previous-token", "short");
        assertThatThrownBy(() -> AccessRules.of(environment)).hasMessageContaining("at least 16");
    }

    /** It would be an operator without the token, and must not be more by one that was revoked. */
    @Test
    void on_this_machine_a_token_that_is_sent_must_be_good() {
        AccessRules rules = rules("127.0.0.1", "");
        assertThat(status(rules, request("GET", MESSAGES, "Host", "127.0.0.1"))).isEmpty();
        assertThat(status(rules, request("GET", MESSAGES, "Host", "127.0.0.1", "Authorization", "Bearer revoked")))
                .hasValue(401);
    }

    // ---- with a token

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "Bearer",
                "Bearer ",
                "Bearer 0123456789abcdeX",
                "Bearer 0123456789abcde",
                "Bearer 0123456789abcdefg",
                "Basic 0123456789abcdef",
                "0123456789abcdef"
            })
    void without_the_token_nothing_but_the_welcome_page_and_the_probes_is_answered(String authorization) {
        AccessRules rules = rules("0.0.0.0", TOKEN);
        for (String path : new String[] {
            MESSAGES,
            MESSAGES + "/x",
            "/actuator/health",
            "/actuator/health/liveness/x",
            "/actuator/health/readiness/../../prometheus",
            "/actuator/prometheus",
            "//",
            "/;",
            "/x/..",
            "/index.html",
            "//api/v1/messages"
        }) {
            // Rules of its own for each: after ten wrong tokens an address has to wait.
            assertThat(status(rules("0.0.0.0", TOKEN), request("GET", path, "Authorization", authorization)))
                    .as(path)
                    .hasValue(401);
        }
        assertThat(status(rules, request("GET", "/", "Authorization", authorization)))
                .isEmpty();
        assertThat(status(rules, request("POST", "/", "Authorization", authorization)))
                .hasValue(401);
        for (String probe : new String[] {"/actuator/health/liveness", "/actuator/health/readiness"}) {
            assertThat(status(rules, request("GET", probe, "Authorization", authorization)))
                    .as(probe)
                    .isEmpty();
        }
    }

    @Test
    void without_the_token_a_webhook_may_be_called_and_no_other_page_by_its_path() {
        AccessRules rules = rules("0.0.0.0", TOKEN);
        assertThat(status(rules, request("POST", "/in/git.hub-1:a_b"))).isEmpty();
        for (String path : new String[] {
            "/in",
            "/in/",
            "/in/a/",
            "/in/a/b",
            "/in/..",
            "/in/../api/v1/messages",
            "/in/a;b",
            "/in/a%2f..",
            "/in/%2e%2e",
            "//in/a",
            "/IN/a",
            "/in/a\n",
            "/x/in/a"
        }) {
            assertThat(status(rules, request("POST", path))).as(path).hasValue(401);
        }
        assertThat(status(rules, request("GET", "/in/a"))).hasValue(401);
        assertThat(status(rules("127.0.0.1", ""), request("POST", "/in/a", "Host", "evil.example")))
                .hasValue(403);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/../actuator/loggers/x",
                "/api/..;/actuator/shutdown",
                "/api/..;a=b/actuator/shutdown",
                "/api/v1/..",
                "/api/./v1/x",
                "/api/.",
                "/api/v1/queues;x/preview",
                "/api/%2e%2e/actuator/shutdown",
                "/api/.%2E/actuator/shutdown",
                "/api/..%2factuator/shutdown",
                "/api/..%5Cactuator/shutdown",
                "/api/..\\actuator/shutdown",
                "/api/%252e%252e/actuator/shutdown",
                "/api/x%3b/preview",
                "/api//v1/schedules/preview",
                "/actuator/loggers/x",
                "/apis/x",
                "/api"
            })
    void reader_posts_to_plain_paths_of_the_api_alone(String path) {
        assertThat(AccessRules.isFor(AccessRole.READER, request("POST", path))).isFalse();
        assertThat(AccessRules.isFor(AccessRole.PRODUCER, request("POST", path)))
                .isFalse();
        assertThat(AccessRules.isFor(AccessRole.OPERATOR, request("POST", path)))
                .isTrue();
    }

    @Test
    void reader_posts_to_the_api_and_looks_at_all_else() {
        for (String path : new String[] {
            "/api/v1/schedules/preview",
            "/api/v1/exchanges/a.b:c/route",
            "/api/v1/exchanges/a%3Ab/route",
            "/api/v1/a..b/x"
        }) {
            assertThat(AccessRules.isFor(AccessRole.READER, request("POST", path)))
                    .as(path)
                    .isTrue();
        }
        assertThat(AccessRules.isFor(AccessRole.READER, request("GET", "/actuator/prometheus")))
                .isTrue();
        assertThat(AccessRules.isFor(AccessRole.PRODUCER, request("POST", MESSAGES)))
                .isTrue();
    }

    @Test
    void with_the_token_everything_is_under_any_host_name() {
        AccessRules rules = rules("0.0.0.0", TOKEN);
        assertThat(status(
                        rules, request("POST", MESSAGES, "Authorization", "Bearer " + TOKEN, "Host", "queue.example")))
                .isEmpty();
        assertThat(status(rules, request("POST", MESSAGES, "Authorization", "bearer  " + TOKEN)))
                .isEmpty();
    }

    @Test
    void line_end_behind_the_configured_token_does_not_count() {
        AccessRules rules = rules("0.0.0.0", TOKEN + "\n");
        assertThat(status(rules, request("POST", MESSAGES, "Authorization", "Bearer " + TOKEN)))
                .isEmpty();
        assertThatThrownBy(() -> rules("127.0.0.1", "0123456789abcde\n")).hasMessageContaining("15 characters");
    }

    // ---- the console

    @Test
    void long_path_below_the_console_needs_the_token_like_any_other() {
        AccessRules rules = AccessRules.of(console("/console"));
        assertThat(status(rules, request("GET", "/console" + "/a".repeat(100)))).isEmpty();
        assertThat(status(rules, request("GET", "/console" + "/a".repeat(20_000))))
                .hasValue(401);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api",
                "/api/v1",
                "/in",
                "/in/x",
                "/actuator",
                "/",
                "",
                "api",
                "/console/",
                "/a b",
                "/../x",
                "//x"
            })
    void path_of_the_console_that_would_open_other_pages_is_refused_at_the_start(String path) {
        assertThatThrownBy(() -> AccessRules.of(console(path)))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("postroom.console.path");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/apis", "/inbox", "/ops/api"})
    void path_of_the_console_may_look_like_that_of_others(String path) {
        assertThat(status(AccessRules.of(console(path)), request("GET", path + "/queues")))
                .isEmpty();
    }

    private static MockEnvironment console(String path) {
        return new MockEnvironment()
                .withProperty(AccessRules.TOKEN, TOKEN)
                .withProperty("postroom.console.enabled", "true")
                .withProperty("postroom.console.path", path);
    }

    // ---- without one

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8080"})
    void this_machine_is_answered_under_its_own_names(String host) {
        assertThat(status(rules("127.0.0.1", ""), request("POST", MESSAGES, "Host", host)))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "evil.example",
                "evil.example:8080",
                "127.0.0.1.evil.example",
                "localhost.evil.example",
                "[::1].evil.example",
                "127.0.0.2",
                "",
                "0.0.0.0",
                "[",
                "localhost@evil.example"
            })
    void a_foreign_host_name_is_refused_even_for_reading(String host) {
        AccessRules rules = rules("127.0.0.1", "");
        assertThat(status(rules, request("POST", MESSAGES, "Host", host))).hasValue(403);
        assertThat(status(rules, request("GET", MESSAGES, "Host", host))).hasValue(403);
    }

    @ParameterizedTest
    @CsvSource({
        "Sec-Fetch-Site,cross-site",
        "Sec-Fetch-Site,same-site",
        "Origin,http://evil.example",
        "Origin,null",
        "Origin,http://localhost:3000",
        "Origin,https://127.0.0.1:8080"
    })
    void a_page_of_another_site_changes_nothing(String header, String value) {
        AccessRules rules = rules("127.0.0.1", "");
        for (String method : new String[] {"POST", "PUT", "PATCH", "DELETE", "TRACE", "post", "FOO"}) {
            assertThat(status(rules, request(method, MESSAGES, "Host", "127.0.0.1:8080", header, value)))
                    .as(method)
                    .hasValue(403);
        }
    }

    @ParameterizedTest
    @CsvSource({"Sec-Fetch-Site,same-origin", "Sec-Fetch-Site,none", "Origin,http://127.0.0.1:8080"})
    void a_page_of_this_server_may(String header, String value) {
        assertThat(status(rules("127.0.0.1", ""), request("POST", MESSAGES, "Host", "127.0.0.1:8080", header, value)))
                .isEmpty();
    }

    @Test
    void second_origin_is_looked_at_like_the_first() {
        AccessRules rules = rules("127.0.0.1", "");
        String own = "http://127.0.0.1:8080";
        MockHttpServletRequest request = request("POST", MESSAGES, "Host", "127.0.0.1:8080", "Origin", own);
        assertThat(status(rules, request)).isEmpty();
        request.addHeader("Origin", "http://evil.example");
        assertThat(status(rules, request)).hasValue(403);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Forwarded",
                "Via",
                "X-Forwarded-For",
                "X-Forwarded-Host",
                "X-Forwarded-Port",
                "X-Forwarded-Proto",
                "X-Forwarded-Server",
                "X-Real-IP",
                "x-forwarded-for"
            })
    void request_of_a_proxy_needs_a_token_even_for_reading(String header) {
        assertThat(status(rules("127.0.0.1", ""), request("GET", MESSAGES, "Host", "localhost", header, "192.0.2.1")))
                .hasValue(403);
        assertThat(status(
                        rules("127.0.0.1", TOKEN),
                        request("GET", MESSAGES, header, "192.0.2.1", "Authorization", "Bearer " + TOKEN)))
                .isEmpty();
    }

    /** With {@code server.forward-headers-strategy=native} Tomcat takes the headers away before a filter sees them. */
    @Test
    void request_of_a_proxy_needs_a_token_where_its_headers_are_used_up() {
        MockHttpServletRequest request = request("GET", MESSAGES, "Host", "localhost");
        request.setAttribute("org.apache.tomcat.request.forwarded", Boolean.TRUE);
        assertThat(status(rules("127.0.0.1", ""), request)).hasValue(403);
        MockEnvironment framework = new MockEnvironment()
                .withProperty(AccessRules.ADDRESS, "127.0.0.1")
                .withProperty("server.forward-headers-strategy", "framework");
        assertThatThrownBy(() -> AccessRules.of(framework))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("server.forward-headers-strategy")
                .hasMessageContaining("POSTROOM_TOKEN");
        assertThatCode(() -> AccessRules.of(framework.withProperty(AccessRules.TOKEN, TOKEN)))
                .doesNotThrowAnyException();
    }

    // ---- the running server

    @Test
    void a_running_server_refuses_foreign_hosts_and_sites(TestDatabase database) throws IOException {
        try (RunningServer server = RunningServer.on(database);
                HttpConversation conversation = new HttpConversation(server.port())) {
            HttpConversation.Answer foreign = conversation
                    .head("GET " + MESSAGES + "/x HTTP/1.1", "Host: evil.example:" + server.port())
                    .answer();
            assertThat(foreign.status()).isEqualTo(403);
            assertThat(foreign.headers())
                    .containsEntry("content-type", "application/problem+json")
                    .containsEntry("x-content-type-options", "nosniff");
            assertThat(foreign.body()).contains("urn:postroom:problem:foreign-host");

            String body = "{\"queue\":\"a\"}";
            HttpConversation.Answer crossSite = conversation
                    .head(post(body, "Host: localhost:" + server.port(), "Sec-Fetch-Site: cross-site"))
                    .send(body.getBytes(StandardCharsets.UTF_8))
                    .answer();
            assertThat(crossSite.status()).isEqualTo(403);

            HttpConversation.Answer own = conversation
                    .head(post(body, "Host: localhost:" + server.port(), "Sec-Fetch-Site: same-origin"))
                    .send(body.getBytes(StandardCharsets.UTF_8))
                    .answer();
            assertThat(own.status()).isEqualTo(201);

            HttpConversation.Answer welcome =
                    conversation.head("GET / HTTP/1.1", "Host: localhost").answer();
            assertThat(welcome.status()).isEqualTo(200);
            assertThat(welcome.body()).startsWith("Postroom").contains(MESSAGES);
        }
    }

    @Test
    void a_running_server_with_a_token_asks_for_it(TestDatabase database) throws IOException {
        try (RunningServer server =
                        RunningServer.on(database, "--server.address=0.0.0.0", "--postroom.token=" + TOKEN);
                HttpConversation conversation = new HttpConversation(server.port())) {
            String body = "{\"queue\":\"a\"}";
            HttpConversation.Answer without = conversation
                    .head(post(body, "Host: queue.example"))
                    .send(body.getBytes(StandardCharsets.UTF_8))
                    .answer();
            assertThat(without.status()).isEqualTo(401);
            assertThat(without.headers()).containsEntry("www-authenticate", "Bearer realm=\"postroom\"");

            HttpConversation.Answer with = conversation
                    .head(post(body, "Host: queue.example", "Authorization: Bearer " + TOKEN))
                    .send(body.getBytes(StandardCharsets.UTF_8))
                    .answer();
            assertThat(with.status()).isEqualTo(201);

            assertThat(conversation
                            .head("GET / HTTP/1.1", "Host: queue.example")
                            .answer()
                            .status())
                    .isEqualTo(200);
        }
    }

    @Test
    void a_server_for_others_without_a_token_does_not_start(TestDatabase database) {
        assertThatThrownBy(() -> RunningServer.on(database, "--server.address=0.0.0.0"))
                .isInstanceOf(ServerStartException.class);
    }

    private static String[] post(String body, String... headers) {
        String[] head = java.util.Arrays.copyOf(
                new String[] {
                    "POST " + MESSAGES + " HTTP/1.1",
                    "Content-Type: application/json",
                    "Content-Length: " + body.length()
                },
                3 + headers.length);
        System.arraycopy(headers, 0, head, 3, headers.length);
        return head;
    }

    private static AccessRules rules(String address, String token) {
        return AccessRules.of(new MockEnvironment()
                .withProperty(AccessRules.ADDRESS, address)
                .withProperty(AccessRules.TOKEN, token));
    }

    private static Optional<Integer> status(AccessRules rules, MockHttpServletRequest request) {
        return rules.refusal(request).map(AccessRules.Refusal::status);
    }

    private static MockHttpServletRequest request(String method, String path, String... headers) {
        MockHttpServletRequest request = new MockHttpServletRequest(method, path);
        for (int i = 0; i < headers.length; i += 2) {
            request.addHeader(headers[i], headers[i + 1]);
        }
        return request;
    }
}

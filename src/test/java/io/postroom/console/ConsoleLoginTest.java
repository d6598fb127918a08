package io.postroom.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.rest.HttpConversation;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Who comes in on a server with a token, and what a form needs to change something. */
@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
class ConsoleLoginTest {
    private static final String TOKEN = "0123456789abcdef0123";

    private static RunningServer server;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database, "--postroom.token=" + TOKEN);
        sql = JdbcClient.create(database.pool());
        sql.sql("SELECT postroom.create_message('login.queue', '{}')").query().listOfRows();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static ConsoleClient client() {
        return new ConsoleClient(server.port(), "/console");
    }

    private static ConsoleClient loggedIn() {
        ConsoleClient client = client();
        client.page("/login");
        assertThat(client.post("/login", "token", TOKEN, "name", "ann").uri().getPath())
                .isEqualTo("/console/queues");
        return client;
    }

    @Test
    void without_a_login_every_page_leads_to_the_login_and_back() {
        ConsoleClient client = client();
        HttpResponse<String> asked = client.get("/queues/login.queue");
        assertThat(asked.uri().getPath()).isEqualTo("/console/login");
        assertThat(asked.body()).contains("type=\"password\"").doesNotContain("<nav");
        HttpResponse<String> in = client.post("/login", "token", TOKEN, "name", "ann", "to", "/queues/login.queue");
        assertThat(in.uri().getPath()).isEqualTo("/console/queues/login.queue");
        assertThat(in.body()).contains("ann");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"https://evil.example/", "//evil.example", "/..//evil.example", "\\evil", "javascript:alert(1)"})
    void login_leads_to_no_other_site(String to) {
        ConsoleClient client = client();
        client.page("/login");
        assertThat(client.post("/login", "token", TOKEN, "to", to).uri().toString())
                .isEqualTo("http://127.0.0.1:" + server.port() + "/console/queues");
    }

    @Test
    void session_cookie_is_kept_from_scripts_and_other_sites_and_ends_at_the_logout() {
        ConsoleClient client = loggedIn();
        assertThat(client.cookies().getCookieStore().getCookies())
                .filteredOn(cookie -> cookie.getName().equals(TokenLogin.COOKIE))
                .singleElement()
                .satisfies(cookie -> {
                    assertThat(cookie.isHttpOnly()).isTrue();
                    assertThat(cookie.getPath()).isEqualTo("/console");
                    assertThat(cookie.getMaxAge()).isEqualTo(TokenLogin.LIFE.toSeconds());
                });
        client.page("/queues");
        assertThat(client.post("/logout").uri().getPath()).isEqualTo("/console/login");
        assertThat(client.get("/queues").uri().getPath()).isEqualTo("/console/login");
    }

    @Test
    void wrong_token_is_refused_and_slowed_down() {
        loggedIn(); // forgets what other tests tried
        ConsoleClient client = client();
        client.page("/login");
        for (int i = 0; i < 3; i++) {
            assertThat(client.post("/login", "token", "wrong" + i).statusCode()).isEqualTo(401);
        }
        // The first wait is 1 s and each further one twice as long, so a slow machine comes too late for the first ones
        // only.
        HttpResponse<String> slowed = Stream.generate(() -> client.post("/login", "token", "wrong again"))
                .limit(5)
                .filter(answer -> answer.statusCode() == 429)
                .findFirst()
                .orElseThrow();
        assertThat(slowed.body()).contains("Too many wrong tokens").doesNotContain("wrong again");
        assertThat(client.post("/login", "token", TOKEN).statusCode())
                .as("strangers at the same address lock nobody out")
                .isEqualTo(200);
    }

    @Test
    void page_to_go_to_after_the_login_has_a_limit() {
        ConsoleClient client = client();
        client.page("/login");
        assertThat(client.post("/login", "token", TOKEN, "to", "/a".repeat(10_000))
                        .uri()
                        .getPath())
                .isEqualTo("/console/queues");
    }

    @Test
    void what_cannot_be_read_is_answered_with_400_or_413_and_no_error_in_the_log(CapturedOutput output)
            throws Exception {
        String form = "x=" + "a".repeat(65 * 1024);
        String bearer = "Authorization: Bearer " + TOKEN;
        assertThat(raw("GET /console/queues?x=%zz", "")).as("nobody").isEqualTo(303);
        assertThat(raw("GET /console/login?x=%zz", "")).isEqualTo(400);
        assertThat(raw("GET /console/queues?x=%zz", "", bearer)).isEqualTo(400);
        assertThat(raw("POST /console/login", "x=%zz")).isEqualTo(400);
        assertThat(raw("POST /console/login", form)).isEqualTo(413);
        assertThat(raw("POST /console/queues/login.queue/pause", form, bearer)).isEqualTo(413);
        assertThat(raw("POST /console/queues/login.queue/pause", form))
                .as("nobody")
                .isEqualTo(401);
        assertThat(output.getAll()).doesNotContain("ERROR", "InvalidParameterException");
    }

    private static int raw(String line, String body, String... headers) throws Exception {
        String[] head = Arrays.copyOf(
                new String[] {
                    line + " HTTP/1.1",
                    "Host: x",
                    "Content-Type: application/x-www-form-urlencoded",
                    "Content-Length: " + body.length()
                },
                4 + headers.length);
        System.arraycopy(headers, 0, head, 4, headers.length);
        try (HttpConversation raw = new HttpConversation(server.port())) {
            return raw.head(head)
                    .send(body.getBytes(StandardCharsets.UTF_8))
                    .answer()
                    .status();
        }
    }

    @Test
    void program_comes_in_with_the_token_and_a_wrong_one_does_not() {
        assertThat(client().get("/queues", "Authorization", "Bearer " + TOKEN).body())
                .contains("login.queue");
        assertThat(client().get("/queues", "Authorization", "Bearer 0123456789abcdefXXXX")
                        .uri()
                        .getPath())
                .isEqualTo("/console/login");
    }

    @Test
    void form_without_its_token_or_from_another_site_changes_nothing() {
        ConsoleClient client = loggedIn();
        client.page("/queues/login.queue");
        String pause = "/queues/login.queue/pause";
        assertThat(client.postWith(new String[] {"Sec-Fetch-Site", "cross-site"}, pause)
                        .statusCode())
                .isEqualTo(403);
        assertThat(client.postWith(new String[] {"Sec-Fetch-Site", "same-site"}, pause)
                        .statusCode())
                .isEqualTo(403);
        assertThat(client.postWith(new String[] {"Origin", "https://evil.example"}, pause)
                        .statusCode())
                .isEqualTo(403);
        client.forgetToken();
        HttpResponse<String> refused = client.post(pause);
        assertThat(refused.statusCode()).isEqualTo(403);
        assertThat(refused.body()).contains("load the page again");
        assertThat(isPaused()).isFalse();
        client.page("/queues/login.queue");
        assertThat(client.postWith(new String[] {"Origin", "https://127.0.0.1:" + server.port()}, pause)
                        .statusCode())
                .as("a proxy that ends TLS")
                .isEqualTo(200);
        assertThat(isPaused()).isTrue();
        client.post("/queues/login.queue/resume");
        assertThat(isPaused()).isFalse();
    }

    @Test
    void change_after_the_session_has_ended_says_so_and_changes_nothing() {
        ConsoleClient client = loggedIn();
        client.page("/queues/login.queue");
        client.cookies().getCookieStore().getCookies().stream()
                .filter(cookie -> cookie.getName().equals(TokenLogin.COOKIE))
                .forEach(cookie -> cookie.setValue("ended"));
        HttpResponse<String> late = client.post("/queues/login.queue/pause");
        assertThat(late.statusCode()).isEqualTo(401);
        assertThat(late.body()).contains("Your session has ended");
        assertThat(isPaused()).isFalse();
    }

    private static boolean isPaused() {
        return sql.sql("SELECT paused FROM postroom.queue_stats WHERE queue = 'login.queue'")
                .query(Boolean.class)
                .single();
    }

    /** The guard of the server lets the console's own paths through, and nothing that looks like them. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "/console/..;/api/v1/queues",
                "/console/%2e%2e/api/v1/queues",
                "/console/../api/v1/queues",
                "/consoles",
                "/console;/queues",
                "/api/v1/queues",
                "/console/%71ueues",
                "//console/queues"
            })
    void other_paths_need_the_token(String path) throws Exception {
        try (HttpConversation raw = new HttpConversation(server.port())) {
            int status =
                    raw.head("GET " + path + " HTTP/1.1", "Host: x").answer().status();
            assertThat(status).isIn(400, 401, 404);
            assertThat(status).isNotEqualTo(200);
        }
    }
}

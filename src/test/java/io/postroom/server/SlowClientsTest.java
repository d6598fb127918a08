package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.rest.HttpConversation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.web.servlet.FilterRegistrationBean;

/** Clients that stop in the middle of a request: they keep nobody out, and honest ones read their answers. */
@PostgresTest
class SlowClientsTest {
    private static final String TOKEN = "0123456789abcdef";
    private static final String MESSAGES = "/api/v1/messages";
    private static final int THREADS = 4;

    private static RunningServer server;

    private final List<HttpConversation> open = new ArrayList<>();

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(
                database,
                "--postroom.token=" + TOKEN,
                "--server.tomcat.threads.max=" + THREADS,
                "--server.tomcat.threads.min-spare=" + THREADS);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void closeAll() throws IOException {
        for (HttpConversation conversation : open) {
            conversation.close();
        }
        open.clear();
        // Threads that waited for bodies of this test are free before the next begins.
        await().until(() -> conversation()
                        .head("GET / HTTP/1.1", "Host: localhost")
                        .answer()
                        .status()
                == 200);
        for (HttpConversation conversation : open) {
            conversation.close();
        }
        await().untilAsserted(() -> assertThat(server.asynchronousRequests())
                .as("requests that hold up a stop")
                .isZero());
    }

    @Test
    void strangers_with_unfinished_bodies_keep_nobody_out() throws IOException {
        for (int i = 0; i < 3 * THREADS; i++) {
            HttpConversation stranger = conversation()
                    .head(post("Content-Length: 1000000", "Authorization: Bearer wrong"))
                    .send(new byte[10]);
            assertRefused(stranger.answer());
        }
        assertAuthorisedIsAnswered();
    }

    @Test
    void clients_that_break_off_their_answers_leave_room_to_drop_the_bodies_of_others() throws Exception {
        byte[] large =
                ("{\"queue\":\"large\",\"payload\":\"" + "x".repeat(900_000) + "\"}").getBytes(StandardCharsets.UTF_8);
        String created = conversation()
                .head(post("Content-Length: " + large.length, "Authorization: Bearer " + TOKEN))
                .send(large)
                .answer()
                .body();
        String id = created.replaceFirst("(?s).*\"id\": ?\"([0-9a-f-]{36})\".*", "$1");
        for (int i = 0; i < UnreadBodyValve.MOST_CONNECTIONS + THREADS; i++) {
            try (Socket gone = new Socket()) {
                gone.setReceiveBufferSize(1024);
                gone.connect(new InetSocketAddress("127.0.0.1", server.port()));
                gone.setSoLinger(true, 0); // closing sends a reset
                gone.getOutputStream()
                        .write(("GET " + MESSAGES + "/" + id + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                                        + TOKEN + "\r\nTransfer-Encoding: chunked\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                assertThat(gone.getInputStream().read()).isEqualTo('H'); // the server is in the middle of its answer
            }
        }
        await().untilAsserted(() -> {
            HttpConversation honest = conversation()
                    .head(post("Content-Length: 1000", "Authorization: Bearer wrong"))
                    .send(new byte[10]);
            assertRefused(honest.answer());
            honest.send(new byte[990]);
            assertThat(honest.head("GET / HTTP/1.1", "Host: localhost").answer().status())
                    .as("the connection is used again")
                    .isEqualTo(200);
        });
    }

    @Test
    void strangers_beyond_what_is_dropped_keep_nobody_out() throws IOException {
        for (int i = 0; i < UnreadBodyValve.MOST_CONNECTIONS + 2 * THREADS; i++) {
            conversation()
                    .head(post("Content-Length: 1000000", "Authorization: Bearer wrong"))
                    .send(new byte[10])
                    .answer();
        }
        assertAuthorisedIsAnswered();
    }

    @ParameterizedTest
    @CsvSource({"application/json,Content-Length: 9000000,413", "text/plain,Transfer-Encoding: chunked,415"})
    void refused_bodies_that_do_not_come_keep_nobody_out(String type, String length, int status) throws IOException {
        for (int i = 0; i < 3 * THREADS; i++) {
            HttpConversation producer =
                    conversation().head(to(MESSAGES, type, length, "Authorization: Bearer " + TOKEN));
            assertThat(producer.answer().status()).isEqualTo(status);
        }
        assertAuthorisedIsAnswered();
    }

    @ParameterizedTest
    @CsvSource({"GET,/,200", "GET,/console/login,200", "DELETE,/api/v1/queues/a,401"})
    void bodies_that_nobody_asked_for_keep_nobody_out(String method, String path, int status) throws IOException {
        for (int i = 0; i < 3 * THREADS; i++) {
            HttpConversation stranger =
                    conversation().head(method + " " + path + " HTTP/1.1", "Host: localhost", "Content-Length: 1000");
            assertThat(stranger.answer().status()).isEqualTo(status);
            awaitPlacesForStrangers();
        }
        assertAuthorisedIsAnswered();
    }

    @ParameterizedTest
    @CsvSource({"/console/login,application/x-www-form-urlencoded", "/in/hook,application/json"})
    void bodies_that_need_no_token_leave_threads_for_who_has_one(String path, String type) throws IOException {
        server.bean(SettingsRegistry.class)
                .set(SettingsEntry.of("hook", "webhook")
                        .property("queue", "hooks")
                        .property("unsigned", "true"));
        for (int i = 0; i < 3 * THREADS; i++) {
            conversation().head(to(path, type, "Content-Length: 1000")).send(new byte[10]);
        }
        assertAuthorisedIsAnswered();
    }

    @Test
    void unfinished_heads_keep_nobody_out() throws IOException {
        for (int i = 0; i < 50; i++) {
            conversation().send(("POST " + MESSAGES + " HTTP/1.1\r\nHost: loc").getBytes(StandardCharsets.US_ASCII));
        }
        assertAuthorisedIsAnswered();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 20})
    void large_body_with_a_wrong_token_is_answered_and_not_cut_off(int pieces) throws IOException {
        byte[] piece = new byte[1024 * 1024];
        HttpConversation honest =
                conversation().head(post("Content-Length: " + pieces * piece.length, "Authorization: Bearer wrong"));
        for (int i = 0; i < pieces; i++) {
            honest.send(piece);
        }
        assertRefused(honest.answer());
        if (pieces > 2) { // Tomcat says Connection: close for so much
            assertThat(honest.isAtEnd()).as("closed, not reset").isTrue();
            return;
        }
        assertThat(honest.head("GET / HTTP/1.1", "Host: localhost").answer().status())
                .as("the connection is used again")
                .isEqualTo(200);
    }

    @Test
    void body_without_an_end_is_cut_off() throws IOException {
        byte[] piece = new byte[1024 * 1024];
        HttpConversation endless =
                conversation().head(post("Transfer-Encoding: chunked", "Authorization: Bearer wrong"));
        assertThatThrownBy(() -> {
                    for (int i = 0; i < 200; i++) {
                        endless.chunk(piece);
                    }
                })
                .isInstanceOf(SocketException.class);
    }

    @Test
    void client_that_asks_first_is_refused_before_it_sends_its_body() throws IOException {
        HttpConversation asking = conversation()
                .head(post("Content-Length: 1000000", "Expect: 100-continue", "Authorization: Bearer wrong"));
        assertRefused(asking.answer());
        assertThat(asking.isAtEnd()).isTrue();
        HttpConversation invited = conversation()
                .head(post("Content-Length: 13", "Expect: 100-continue", "Authorization: Bearer " + TOKEN));
        assertThat(invited.answer().status()).isEqualTo(100);
        assertThat(invited.send("{\"queue\":\"a\"}".getBytes(StandardCharsets.UTF_8))
                        .answer()
                        .status())
                .isEqualTo(201);
    }

    @Test
    void producer_that_stops_in_its_body_holds_a_thread_no_longer_than_the_read_timeout(TestDatabase database)
            throws IOException {
        try (RunningServer impatient = RunningServer.on(
                database, "--server.tomcat.threads.max=2", "--server.tomcat.connection-timeout=500ms")) {
            List<HttpConversation> slow = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                slow.add(conversation(impatient, 10_000)
                        .head(post("Content-Length: 1000000"))
                        .send(new byte[10]));
            }
            for (HttpConversation producer : slow) {
                assertThat(producer.answer().status()).isEqualTo(408);
            }
        }
    }

    /** A request gives its place back after its answer is on its way, so the next one of a quick client may come before that. */
    private static void awaitPlacesForStrangers() {
        AccessFilter filter = (AccessFilter)
                server.bean("accessFilter", FilterRegistrationBean.class).getFilter();
        await().pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(1))
                .until(() -> filter.placesForStrangers() == THREADS / 2);
    }

    /** An address with many wrong tokens is told to wait. */
    private static void assertRefused(HttpConversation.Answer answer) {
        assertThat(answer.status()).isIn(401, 429);
    }

    private void assertAuthorisedIsAnswered() throws IOException {
        byte[] body = "{\"queue\":\"a\"}".getBytes(StandardCharsets.UTF_8);
        HttpConversation.Answer answer = conversation(5_000)
                .head(post("Content-Length: " + body.length, "Authorization: Bearer " + TOKEN))
                .send(body)
                .answer();
        assertThat(answer.status()).isEqualTo(201);
    }

    private HttpConversation conversation() throws IOException {
        return conversation(30_000);
    }

    private HttpConversation conversation(int timeoutMillis) throws IOException {
        return conversation(server, timeoutMillis);
    }

    private HttpConversation conversation(RunningServer asked, int timeoutMillis) throws IOException {
        HttpConversation conversation = new HttpConversation(asked.port(), timeoutMillis);
        open.add(conversation);
        return conversation;
    }

    private static String[] post(String... headers) {
        return to(MESSAGES, "application/json", headers);
    }

    private static String[] to(String path, String type, String... headers) {
        List<String> head =
                new ArrayList<>(List.of("POST " + path + " HTTP/1.1", "Host: localhost", "Content-Type: " + type));
        head.addAll(List.of(headers));
        return head.toArray(String[]::new);
    }
}

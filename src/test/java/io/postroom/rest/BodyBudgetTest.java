package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The bodies of all requests together: what is beyond their memory is refused, and what was taken is given back. */
@PostgresTest
class BodyBudgetTest {
    private static final int BUDGET = 512 * 1024;

    private static RunningServer server;
    private static RestClient client;

    private final List<HttpConversation> open = new ArrayList<>();

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(
                database, "--" + BodyBudgetConfiguration.BODY_MEMORY + "=" + BUDGET, "--server.tomcat.threads.max=10");
        client = new RestClient(server);
        server.bean(SettingsRegistry.class)
                .set(SettingsEntry.of("hook", "webhook")
                        .property("queue", "hooks")
                        .property("unsigned", "true"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void all_is_given_back() throws IOException {
        for (HttpConversation conversation : open) {
            conversation.close();
        }
        awaitAllGivenBack();
    }

    @Test
    void body_beyond_the_memory_for_all_is_refused_until_others_have_ended() throws IOException {
        HttpConversation first = halfSent(RestClient.MESSAGES, 300_000);
        assertRefused(post(RestClient.MESSAGES, 300_000));
        first.send(" ".repeat(10).getBytes());
        assertThat(first.answer().status()).isEqualTo(201);
        awaitAllGivenBack();
        assertThat(post(RestClient.MESSAGES, 300_000).statusCode()).isEqualTo(201);
    }

    @Test
    void what_a_client_took_that_broke_off_is_given_back() throws IOException {
        HttpConversation first = halfSent(RestClient.MESSAGES, 300_000);
        assertRefused(post(RestClient.MESSAGES, 300_000));
        first.close();
        awaitAllGivenBack();
        assertThat(post(RestClient.MESSAGES, 300_000).statusCode()).isEqualTo(201);
    }

    @Test
    void what_is_promised_and_not_sent_takes_nothing() throws IOException {
        for (int i = 0; i < 8; i++) {
            HttpConversation conversation = conversation();
            conversation.head(head(RestClient.MESSAGES, BUDGET)).send(new byte[10]);
        }
        assertThat(post(RestClient.MESSAGES, 300_000).statusCode()).isEqualTo(201);
    }

    @Test
    void webhooks_leave_half_of_the_memory_to_others() throws IOException {
        halfSent("/in/hook", 200_000);
        assertRefused(post("/in/hook", 200_000));
        assertThat(post(RestClient.MESSAGES, 200_000).statusCode()).isEqualTo(201);
    }

    /** A request gives its bytes back after its answer is on its way, so a client that has the answer may still find them taken. */
    private static void awaitAllGivenBack() {
        BodyBudget budget = server.bean(BodyBudget.class);
        await().until(() -> budget.taken() == 0);
    }

    private static void assertRefused(HttpResponse<String> response) {
        assertThat(RestClient.problem(response, 503).get("type").asString()).endsWith(":busy");
        assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
    }

    private static HttpResponse<String> post(String path, int length) {
        return client.post(path, BodyPublishers.ofString(message(length)), "Content-Type", "application/json");
    }

    /** Sends a message up to its last ten bytes, which are blanks. They are counted: else a later request might come first. */
    private HttpConversation halfSent(String path, int length) throws IOException {
        HttpConversation conversation = conversation();
        conversation.head(head(path, length)).send(message(length - 10).getBytes());
        BodyBudget budget = server.bean(BodyBudget.class);
        await().until(() -> budget.taken() >= length - 10);
        return conversation;
    }

    private HttpConversation conversation() throws IOException {
        HttpConversation conversation = new HttpConversation(server.port());
        open.add(conversation);
        return conversation;
    }

    private static String message(int length) {
        String start = "{\"queue\":\"a\",\"payload\":\"";
        return start + "x".repeat(length - start.length() - 2) + "\"}";
    }

    private static String[] head(String path, int length) {
        return new String[] {
            "POST " + path + " HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            "Content-Length: " + length
        };
    }
}

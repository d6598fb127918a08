package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.Message;
import io.postroom.api.QueueMessages;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.server.RunningServer;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.io.ByteArrayInputStream;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Requests of external systems over HTTP, to a server as its main method starts it. */
@PostgresTest
class WebhooksTest {
    private static final String SECRET = "what only two know";
    private static final String JSON = "application/json";
    private static final String PAID = "{\"order\": \"A-1\",  \"cents\": 12345678901234567890}";
    private static final SettingsEntry SHOP = SettingsEntry.of("shop", "webhook")
            .secret("property:shop.secret")
            .property("queue", "orders")
            .property("type", "order.paid")
            .property("deduplicationHeader", "X-Delivery")
            .property("keepHeaders", "X-Event, X-Absent");

    private static TestDatabase database;
    private static RunningServer server;
    private static RestClient client;
    private static SettingsRegistry settings;

    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        server = RunningServer.on(
                given, "--postroom.workers.enabled=false", "--shop.secret=" + SECRET, "--shop.next=another secret");
        client = new RestClient(server);
        settings = server.bean(SettingsRegistry.class);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void shop() {
        settings.set(SHOP);
    }

    @Test
    void signed_request_becomes_a_message_that_is_committed_when_it_is_answered() throws Exception {
        HttpResponse<String> answer = shop(PAID, "X-Delivery", "first", "X-Event", "paid", "X-Other", "no");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
        assertThat(RestClient.json(answer).get("isNew").asBoolean()).isTrue();
        Message message = message(answer);
        assertThat(message.type()).isEqualTo("order.paid");
        assertThat(message.direction()).isEqualTo(Direction.INCOMING);
        assertThat(message.headers()).containsOnlyKeys("x-event").containsEntry("x-event", "paid");
        assertThat(one("SELECT payload ->> 'cents' FROM postroom.queue_messages WHERE message_id = '" + message.id()
                        + "'"))
                .isEqualTo("12345678901234567890");
        assertThat(one("SELECT queue FROM postroom.queue_messages WHERE message_id = '" + message.id() + "'"))
                .isEqualTo("orders");
    }

    @Test
    void request_that_is_not_proven_is_told_nothing_and_becomes_nothing() throws Exception {
        String before = count();
        long now = Instant.now().getEpochSecond();
        String right = signature(SECRET, now, PAID);
        List<HttpResponse<String>> answers = new ArrayList<>();
        answers.add(post("shop", PAID, "X-Delivery", "bad"));
        answers.add(post("shop", PAID, "X-Delivery", "bad", "Postroom-Timestamp", "" + now));
        answers.add(post("shop", PAID, "X-Delivery", "bad", "Postroom-Signature", right));
        for (String[] pair : new String[][] {
            {"" + now, signature("guessed", now, PAID)},
            {"" + now, right.substring(0, right.length() - 2)},
            {"" + now, right.substring(3)},
            {"" + now, ""},
            {"" + (now + 1), right},
            {"soon", right},
            {"" + (now - 301), signature(SECRET, now - 301, PAID)},
            {"" + (now + 400), signature(SECRET, now + 400, PAID)},
            {"" + now, signature(SECRET, now, PAID + " ")}
        }) {
            answers.add(post(
                    "shop", PAID, "X-Delivery", "bad", "Postroom-Timestamp", pair[0], "Postroom-Signature", pair[1]));
        }
        String first = answers.get(0).body();
        for (HttpResponse<String> answer : answers) {
            RestClient.problem(answer, 401);
            assertThat(answer.body()).isEqualTo(first).doesNotContain("orders", SECRET);
        }
        assertThat(count()).isEqualTo(before);
    }

    @Test
    void entry_that_is_unknown_disabled_out_of_time_or_of_another_channel_is_not_found_alike() {
        settings.set(SHOP.enabled(false));
        settings.set(SettingsEntry.of("partner", "own"));
        String disabled = shop(PAID, "X-Delivery", "a").body();
        RestClient.problem(shop(PAID, "X-Delivery", "a"), 404);
        for (String name : List.of("nobody", "partner", "a%20b", "-")) {
            HttpResponse<String> answer = post(name, PAID);
            RestClient.problem(answer, 404);
            assertThat(answer.body()).isEqualTo(disabled);
        }
    }

    @Test
    void entry_without_its_secret_and_one_with_a_wrong_property_ask_the_sender_to_come_again() throws Exception {
        settings.set(SHOP.secret("property:nowhere"));
        HttpResponse<String> answer = shop(PAID, "X-Delivery", "b");
        RestClient.problem(answer, 503);
        assertThat(answer.headers().firstValue("Retry-After")).hasValue("60");
        assertThat(answer.body()).doesNotContain("nowhere");
        one("SELECT postroom.set_settings('odd', '{\"channel\": \"webhook\", \"secret\": \"env:PATH\"}')");
        RestClient.problem(post("odd", PAID), 503);
        JsonNode problem = RestClient.problem(
                client.put("/api/v1/settings/odd", "{\"channel\": \"webhook\", \"secret\": \"env:PATH\"}"), 422);
        assertThat(problem.get("field").asString()).isEqualTo("properties.queue");
    }

    @Test
    void repeated_delivery_answers_the_same_id_whatever_it_brings() throws Exception {
        HttpResponse<String> first = shop(PAID, "X-Delivery", "again", "X-Event", "1");
        HttpResponse<String> second = shop("{\"order\": \"A-2\"}", "X-Delivery", "again", "X-Event", "2");
        assertThat(first.statusCode()).isEqualTo(202);
        assertThat(second.statusCode()).isEqualTo(200);
        assertThat(id(second)).isEqualTo(id(first));
        assertThat(RestClient.json(second).get("isNew").asBoolean()).isFalse();
        settings.set(new SettingsEntry(
                "other",
                SHOP.channel(),
                SHOP.endpoint(),
                SHOP.attempts(),
                SHOP.retryAfter(),
                SHOP.headers(),
                SHOP.templates(),
                SHOP.properties(),
                SHOP.secret(),
                SHOP.validFrom(),
                SHOP.validUntil(),
                true));
        HttpResponse<String> other = signed("other", SECRET, PAID, "X-Delivery", "again");
        assertThat(other.statusCode()).as("ids of two senders are not the same").isEqualTo(202);
        JsonNode problem = RestClient.problem(shop(PAID), 400);
        assertThat(problem.get("detail").asString()).contains("X-Delivery");
    }

    /** Two deliveries at once would both find no message, if each looked before it wrote. */
    @Test
    void deliveries_of_one_id_at_the_same_time_become_one_message() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Callable<HttpResponse<String>>> calls = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                String body = "{\"order\": \"A-" + i + "\"}";
                calls.add(() -> shop(body, "X-Delivery", "together"));
            }
            List<HttpResponse<String>> answers = new ArrayList<>();
            for (Future<HttpResponse<String>> answer : threads.invokeAll(calls)) {
                answers.add(answer.get());
            }
            assertThat(answers).extracting(HttpResponse::statusCode).containsOnly(202, 200);
            assertThat(answers).filteredOn(answer -> answer.statusCode() == 202).hasSize(1);
            assertThat(answers).extracting(WebhooksTest::id).containsOnly(id(answers.get(0)));
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void body_beyond_the_limit_is_refused_and_one_at_the_limit_taken() throws Exception {
        settings.set(SHOP.property("maxBody", "100"));
        String before = count();
        String large = "x".repeat(101);
        RestClient.problem(shop(large, "X-Delivery", "large"), 413);
        byte[] bytes = large.getBytes(StandardCharsets.UTF_8);
        RestClient.problem(
                client.post(
                        "/in/shop",
                        BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes)),
                        "Content-Type",
                        "text/plain"),
                413);
        assertThat(count()).isEqualTo(before);
        assertThat(shop("x".repeat(100), "X-Delivery", "large").statusCode()).isEqualTo(202);
    }

    @Test
    void body_that_is_no_JSON_is_kept_byte_for_byte_with_its_content_type() throws Exception {
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        HttpResponse<String> binary = send("shop", SECRET, bytes, "image/png", "X-Delivery", "binary");
        assertKept(binary, bytes, "image/png");
        byte[] form = "payload=%7B%22a%22%3A1%7D&b=2".getBytes(StandardCharsets.UTF_8);
        assertKept(
                send("shop", SECRET, form, "application/x-www-form-urlencoded", "X-Delivery", "form"),
                form,
                "application/x-www-form-urlencoded");
        for (String odd : List.of("{\"a\": 1, \"a\": 2}", "{\"a\": ", "\"\\u0000\"", "")) {
            byte[] body = odd.getBytes(StandardCharsets.UTF_8);
            assertKept(send("shop", SECRET, body, JSON, "X-Delivery", "odd" + odd.length()), body, JSON);
        }
        byte[] latin = "\"caf\u00e9\"".getBytes(StandardCharsets.ISO_8859_1);
        String type = JSON + ";charset=iso-8859-1";
        assertKept(send("shop", SECRET, latin, type, "X-Delivery", "latin"), latin, type);
        settings.set(SHOP.property("body", "raw"));
        byte[] json = PAID.getBytes(StandardCharsets.UTF_8);
        assertKept(send("shop", SECRET, json, JSON, "X-Delivery", "raw"), json, JSON);
    }

    @Test
    void content_type_that_the_entry_leaves_out_is_refused() {
        settings.set(SHOP.property("contentTypes", "application/json, text/*"));
        byte[] body = {'1'};
        RestClient.problem(send("shop", SECRET, body, "image/png", "X-Delivery", "type"), 415);
        RestClient.problem(
                client.post(
                        "/in/shop", BodyPublishers.ofByteArray(body), "Content-Encoding", "gzip", "Content-Type", JSON),
                415);
        for (String taken : List.of("text/csv", "Application/JSON; charset=utf-8")) {
            assertThat(send("shop", SECRET, body, taken, "X-Delivery", taken).statusCode())
                    .isEqualTo(202);
        }
    }

    @Test
    void change_of_the_entry_counts_for_the_next_request() throws Exception {
        assertThat(shop(PAID, "X-Delivery", "before").statusCode()).isEqualTo(202);
        settings.set(SHOP.secret("property:shop.next").property("queue", "orders.next"));
        RestClient.problem(shop(PAID, "X-Delivery", "after"), 401);
        HttpResponse<String> answer = signed("shop", "another secret", PAID, "X-Delivery", "after");
        assertThat(answer.statusCode()).isEqualTo(202);
        assertThat(one("SELECT queue FROM postroom.queue_messages WHERE message_id = '" + id(answer) + "'"))
                .isEqualTo("orders.next");
    }

    @Test
    void unsigned_entry_takes_requests_of_anybody() {
        settings.set(
                SettingsEntry.of("open", "webhook").property("queue", "orders").property("unsigned", "true"));
        assertThat(post("open", PAID).statusCode()).isEqualTo(202);
    }

    @Test
    void without_the_database_nothing_is_acknowledged_and_the_repeat_is_stored_once() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                RunningServer cut = RunningServer.on(
                        database.through(proxy),
                        "--postroom.workers.enabled=false",
                        "--spring.datasource.hikari.connection-timeout=1500",
                        "--shop.secret=" + SECRET)) {
            RestClient through = new RestClient(cut);
            String[] headers = headers(SECRET, PAID.getBytes(StandardCharsets.UTF_8), JSON, "X-Delivery", "away");
            proxy.refuseNew();
            proxy.cutAll();
            RestClient.problem(through.post("/in/shop", BodyPublishers.ofString(PAID), headers), 503);
            assertThat(one("SELECT count(*) FROM postroom.dedup WHERE key = 'shop/away'"))
                    .isEqualTo("0");
            proxy.resume();
            HttpResponse<String> stored = sentUntilTaken(through, headers);
            assertThat(stored.statusCode()).as(stored.body()).isEqualTo(202);
            HttpResponse<String> again = through.post("/in/shop", BodyPublishers.ofString(PAID), headers);
            assertThat(again.statusCode()).isEqualTo(200);
            assertThat(id(again)).isEqualTo(id(stored));

            cutWhileItWrites(proxy, through);
        }
    }

    /** A sender that was answered before the commit would not come again, and the message would be nowhere. */
    private static void cutWhileItWrites(TcpProxy proxy, RestClient through) throws Exception {
        String before = count();
        String[] headers = headers(SECRET, PAID.getBytes(StandardCharsets.UTF_8), JSON, "X-Delivery", "cut");
        CompletableFuture<HttpResponse<String>> answer;
        try (Connection holder = database.connect();
                Statement statement = holder.createStatement()) {
            holder.setAutoCommit(false);
            statement.execute("LOCK TABLE postroom.dedup IN EXCLUSIVE MODE"); // 1. the request writes, and cannot end
            answer = CompletableFuture.supplyAsync(
                    () -> through.post("/in/shop", BodyPublishers.ofString(PAID), headers));
            BlockedSessions.awaitBehind(holder, database.pool(), 1);
            assertThat(answer).isNotDone();
            proxy.refuseNew();
            proxy.cutAll(); // 2. the connection is gone, and whether it was stored is not known
            RestClient.problem(answer.get(), 503);
            holder.rollback();
        }
        proxy.resume();
        HttpResponse<String> repeat = sentUntilTaken(through, headers); // 3. sent again
        assertThat(repeat.statusCode()).as(repeat.body()).isIn(200, 202);
        assertThat(message(repeat).id()).isNotNull();
        assertThat(Long.parseLong(count())).isEqualTo(Long.parseLong(before) + 1);
    }

    /** As senders do. */
    private static HttpResponse<String> sentUntilTaken(RestClient client, String... headers) {
        return Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(
                        () -> client.post("/in/shop", BodyPublishers.ofString(PAID), headers),
                        given -> given.statusCode() != 503);
    }

    private static void assertKept(HttpResponse<String> answer, byte[] body, String contentType) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
        Message message = message(answer);
        assertThat(message.contentType()).isEqualTo(contentType);
        assertThat(one("SELECT encode(body, 'hex') FROM postroom.queue_messages WHERE message_id = '" + message.id()
                        + "'"))
                .isEqualTo(HexFormat.of().formatHex(body));
    }

    private static Message message(HttpResponse<String> answer) {
        return server.bean(QueueMessages.class)
                .find(UUID.fromString(id(answer)))
                .orElseThrow();
    }

    private static String id(HttpResponse<String> answer) {
        return RestClient.json(answer).get("id").asString();
    }

    private static String count() throws Exception {
        return one("SELECT count(*) FROM postroom.queue_messages");
    }

    private static String one(String sql) throws Exception {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static HttpResponse<String> shop(String body, String... headers) {
        return signed("shop", SECRET, body, headers);
    }

    private static HttpResponse<String> signed(String name, String secret, String body, String... headers) {
        return send(name, secret, body.getBytes(StandardCharsets.UTF_8), JSON, headers);
    }

    private static HttpResponse<String> send(
            String name, String secret, byte[] body, String contentType, String... headers) {
        return client.post(
                "/in/" + name, BodyPublishers.ofByteArray(body), headers(secret, body, contentType, headers));
    }

    private static HttpResponse<String> post(String name, String body, String... headers) {
        String[] all = Arrays.copyOf(headers, headers.length + 2);
        all[headers.length] = "Content-Type";
        all[headers.length + 1] = JSON;
        return client.post("/in/" + name, BodyPublishers.ofString(body), all);
    }

    private static String[] headers(String secret, byte[] body, String contentType, String... more) {
        long now = Instant.now().getEpochSecond();
        List<String> all = new ArrayList<>(List.of(more));
        all.addAll(List.of("Content-Type", contentType, "Postroom-Timestamp", "" + now, "Postroom-Signature"));
        all.add(signature(secret, now, body));
        return all.toArray(String[]::new);
    }

    private static String signature(String secret, long seconds, String body) {
        return signature(secret, seconds, body.getBytes(StandardCharsets.UTF_8));
    }

    private static String signature(String secret, long seconds, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            mac.update((seconds + ".").getBytes(StandardCharsets.US_ASCII));
            return "v1=" + HexFormat.of().formatHex(mac.doFinal(body));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}

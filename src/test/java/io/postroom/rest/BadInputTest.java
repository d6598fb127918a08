package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.postroom.api.Limits;
import io.postroom.api.MessageIds;
import io.postroom.api.Queues;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HexFormat;
import java.util.UUID;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** What is refused at the door, with which status, and that a refusal leaves nothing behind: not even its queue. */
@PostgresTest
class BadInputTest {
    private static final String REFUSED = "refused";

    private static TestDatabase database;
    private static RunningServer server;
    private static RestClient client;

    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        server = RunningServer.on(given);
        client = new RestClient(server);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void nothing_was_written_for_what_was_refused() {
        assertThat(one("SELECT count(*) FROM postroom.queue WHERE name = '" + REFUSED + "'"))
                .isEqualTo("0");
    }

    // ---- the payload

    @Test // B01
    void NUL_in_a_string_is_refused_with_its_place() {
        JsonNode problem = RestClient.problem(payload("{\"a\":[1,{\"b\":\"x\\u0000y\"}]}"), 422);
        assertThat(problem.get("field").asString()).isEqualTo("payload");
        assertThat(problem.get("detail").asString()).contains("/a/1/b");
    }

    @ParameterizedTest // B02
    @ValueSource(strings = {"deduplicationKey", "correlationId", "type"})
    void NUL_in_a_text_is_refused(String field) {
        invalid(field, "\"" + field + "\":\"a\\u0000b\"");
    }

    @ParameterizedTest // B03
    @ValueSource(strings = {"80", "c080", "eda080", "ff", "f8888080", "e282"})
    void bytes_that_are_not_UTF_8_are_refused(String hex) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(("{\"queue\":\"" + REFUSED + "\",\"payload\":\"").getBytes(StandardCharsets.UTF_8));
        body.write(HexFormat.of().parseHex(hex));
        body.write("\"}".getBytes(StandardCharsets.UTF_8));
        HttpResponse<String> response = client.post(
                BodyPublishers.ofByteArray(body.toByteArray()), "Content-Type", "application/json; charset=utf-8");
        assertThat(RestClient.problem(response, 400).get("detail").asString()).contains("UTF-8");
    }

    @ParameterizedTest // B04
    @ValueSource(strings = {"\\ud800", "\\udc00", "\\udc00\\ud800", "x\\ud800y"})
    void half_a_surrogate_pair_is_refused(String text) {
        RestClient.problem(payload("{\"text\":\"" + text + "\"}"), 422);
        // Jackson 3.1.8 refuses it in names itself, which 3.1.5 did not.
        JsonNode name = RestClient.problem(payload("{\"" + text + "\":1}"), 400);
        assertThat(name.get("detail").asString()).contains("surrogate");
        invalid("correlationId", "\"correlationId\":\"" + text + "\"");
    }

    @ParameterizedTest // B05
    @ValueSource(
            strings = {
                "NaN",
                "Infinity",
                "-Infinity",
                "[1,]",
                "{\"a\":1,}",
                "/* no */ 1",
                "1 // no",
                "'single'",
                "{a:1}",
                "01",
                "+1",
                ".5",
                "1.",
                "\"\n\"",
                "\"\\x\"",
                "tru",
                "[1 2]",
                "",
                "[",
                "{\"a\"}"
            })
    void what_is_not_JSON_is_refused(String payload) {
        assertThat(RestClient.problem(payload(payload), 400).get("detail").asString())
                .contains("line 1, column ");
    }

    @ParameterizedTest // B05
    @ValueSource(strings = {"\uFEFF{}", "{} {}", "{}]", "", " ", "{", "{\"queue\":\"refused\"", "nul"})
    void bodies_that_are_not_one_JSON_value_are_refused(String body) {
        RestClient.problem(client.post(body), 400);
    }

    @Test // B06
    void a_key_given_twice_is_refused() {
        invalid("payload", "\"payload\":{\"a\":1,\"a\":1}");
        invalid("payload", "\"payload\":1,\"payload\":2");
        invalid("queue", "\"queue\":\"" + REFUSED + "\"");
        invalid("headers", "\"headers\":{\"a\":\"1\",\"a\":\"2\"}");
    }

    @ParameterizedTest // B07, B08
    @ValueSource(strings = {"1e131071", "1e200000", "1e-200000", "1e309", "1E+999999999999", "[1e131071,1e131071]"})
    void numbers_that_would_grow_are_refused(String number) {
        invalid("payload", "\"payload\":" + number);
    }

    @Test // B07
    void numbers_of_more_than_64_characters_are_refused() {
        invalid("payload", "\"payload\":" + "9".repeat(65));
        invalid("payload", "\"payload\":" + "9".repeat(100_000));
    }

    @Test // B09
    void numbers_are_kept_as_they_were_written() {
        for (String number : new String[] {
            "9007199254740993",
            "0.1000",
            "1.0",
            "1.00",
            "-0.0",
            "123456789012345678901234567890.123456789",
            "18446744073709551616"
        }) {
            HttpResponse<String> response = client.post("{\"queue\":\"numbers\",\"payload\":{\"n\":" + number + "}}");
            assertThat(response.statusCode()).isEqualTo(201);
            String stored = one("SELECT payload::text FROM postroom.message WHERE id = '"
                    + RestClient.json(response).get("id").asString() + "'");
            // jsonb has no negative zero.
            assertThat(stored).isEqualTo("{\"n\": " + (number.equals("-0.0") ? "0.0" : number) + "}");
        }
    }

    @ParameterizedTest // B10
    @ValueSource(ints = {65, 100, 1_001, 100_000})
    void deep_payloads_are_refused(int depth) {
        invalid("payload", "\"payload\":" + "[".repeat(depth) + "]".repeat(depth));
    }

    @Test // B10
    void payloads_of_64_levels_are_taken() {
        assertThat(client.post("{\"queue\":\"deep\",\"payload\":" + "[".repeat(64) + "]".repeat(64) + "}")
                        .statusCode())
                .isEqualTo(201);
    }

    @Test // B11
    void long_names_and_strings_are_refused() {
        invalid("payload", "\"payload\":{\"" + "n".repeat(60_000) + "\":1}");
        RestClient.problem(payload("\"" + "s".repeat(21_000_000) + "\""), 413);
    }

    @Test // B12
    void a_payload_of_exactly_the_limit_is_taken_and_a_byte_more_refused() {
        assertThat(client.post("{\"queue\":\"large\",\"payload\":\"" + "x".repeat(Limits.PAYLOAD_BYTES - 2) + "\"}")
                        .statusCode())
                .isEqualTo(201);
        JsonNode problem = RestClient.problem(payload("\"" + "x".repeat(Limits.PAYLOAD_BYTES - 1) + "\""), 413);
        assertThat(problem.get("field").asString()).isEqualTo("payload");
        assertThat(problem.get("limit").asString()).isEqualTo("at most 1048576 bytes");
        // Bytes, not characters.
        RestClient.problem(payload("\"" + "я".repeat(Limits.PAYLOAD_BYTES / 2) + "\""), 413);
    }

    @ParameterizedTest // B12
    @ValueSource(booleans = {true, false})
    void too_large_a_body_is_answered_and_not_cut_off_with_and_without_a_declared_length(boolean declared)
            throws IOException {
        byte[] piece = new byte[1024 * 1024];
        try (HttpConversation conversation = new HttpConversation(server.port())) {
            conversation.head(
                    postHead(declared ? "Content-Length: " + 20 * piece.length : "Transfer-Encoding: chunked"));
            for (int i = 0; i < 20; i++) {
                if (declared) {
                    conversation.send(piece);
                } else {
                    conversation.chunk(piece);
                }
            }
            if (!declared) {
                conversation.send("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            }
            HttpConversation.Answer answer = conversation.answer();
            assertThat(answer.status()).isEqualTo(413);
            assertThat(answer.headers()).containsEntry("connection", "close");
            assertThat(conversation.isAtEnd()).as("closed, not reset").isTrue();
        }
        assertThat(client.post("{\"queue\":\"after\"}").statusCode()).isEqualTo(201);
    }

    @Test // B12
    void after_a_refused_message_the_connection_is_used_again() throws IOException {
        String bad = "{\"queue\":\"" + REFUSED + "\",\"priority\":10}";
        String good = "{\"queue\":\"after\"}";
        try (HttpConversation conversation = new HttpConversation(server.port())) {
            for (int i = 0; i < 3; i++) {
                conversation.head(postHead("Content-Length: " + bad.length()));
                assertThat(conversation
                                .send(bad.getBytes(StandardCharsets.UTF_8))
                                .answer()
                                .status())
                        .isEqualTo(422);
                conversation.head(postHead("Content-Length: " + good.length()));
                assertThat(conversation
                                .send(good.getBytes(StandardCharsets.UTF_8))
                                .answer()
                                .status())
                        .isEqualTo(201);
            }
        }
    }

    private static String[] postHead(String lengthHeader) {
        return new String[] {
            "POST " + RestClient.MESSAGES + " HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            lengthHeader
        };
    }

    @Test // B13
    void compressed_bodies_are_refused_unread() throws IOException {
        ByteArrayOutputStream bomb = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bomb)) {
            byte[] zeros = new byte[1024 * 1024];
            for (int i = 0; i < 100; i++) {
                out.write(zeros);
            }
        }
        HttpResponse<String> response = client.post(
                BodyPublishers.ofByteArray(bomb.toByteArray()),
                "Content-Type",
                "application/json",
                "Content-Encoding",
                "gzip");
        RestClient.problem(response, 415);
    }

    @ParameterizedTest // B15
    @ValueSource(strings = {"null", "1", "\"text\"", "[]", "true"})
    void requests_that_are_no_object_are_refused(String body) {
        assertThat(RestClient.problem(client.post(body), 422).get("field").asString())
                .isEqualTo("request");
    }

    @ParameterizedTest // B15
    @ValueSource(strings = {"null", "1", "\"text\"", "[]", "true", "{}", "-1.5e10", "\"\""})
    void any_JSON_value_is_a_payload(String payload) {
        HttpResponse<String> response = client.post("{\"queue\":\"any\",\"payload\":  " + payload + " }");
        assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
        assertThat(one("SELECT payload = '" + payload + "'::jsonb FROM postroom.message WHERE id = '"
                        + RestClient.json(response).get("id").asString() + "'"))
                .isEqualTo("t");
    }

    @ParameterizedTest // B16
    @ValueSource(
            strings = {
                "text/plain",
                "multipart/form-data; boundary=x",
                "application/x-www-form-urlencoded",
                "application/json; charset=utf-16",
                "application/json; charset=nonsense",
                "application/xml",
                "application/*",
                "nonsense",
                "application/json, text/plain"
            })
    void other_content_types_are_refused(String contentType) {
        HttpResponse<String> response =
                client.post(BodyPublishers.ofString("{\"queue\":\"" + REFUSED + "\"}"), "Content-Type", contentType);
        RestClient.problem(response, 415);
    }

    @Test // B16
    void a_body_without_a_content_type_is_refused() {
        RestClient.problem(client.post(BodyPublishers.ofString("{\"queue\":\"" + REFUSED + "\"}")), 415);
    }

    // ---- its time

    @ParameterizedTest // B18
    @ValueSource(
            strings = {
                "+300000-01-01T00:00:00Z",
                "300000-01-01T00:00:00Z",
                "infinity",
                "-infinity",
                "0000-01-01T00:00:00Z",
                "-0001-01-01T00:00:00Z",
                "2016-12-31T23:59:60Z",
                "2027-01-01T00:00:00",
                "2027-02-30T00:00:00Z",
                "2027-01-01T25:00:00Z",
                "tomorrow",
                ""
            })
    void times_that_are_none_are_refused(String at) {
        invalid("at", "\"at\":\"" + at + "\"");
    }

    @Test // B19
    void times_in_the_past_mean_now() {
        for (Instant at :
                new Instant[] {Instant.now().minusMillis(1), Instant.now().minus(3650, ChronoUnit.DAYS)}) {
            HttpResponse<String> response = client.post("{\"queue\":\"past\",\"at\":\"" + at + "\"}");
            assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
            assertThat(one("SELECT count(*) FROM postroom.ready WHERE message_id = '"
                            + RestClient.json(response).get("id").asString() + "'"))
                    .isEqualTo("1");
        }
    }

    @Test // B20
    void times_beyond_400_days_are_refused() {
        invalid("at", "\"at\":\"" + Instant.now().plus(401, ChronoUnit.DAYS) + "\"");
        invalid("delay", "\"delay\":\"401d\"");
        invalid("delay", "\"delay\":\"-PT1S\"");
        invalid("delay", "\"delay\":\"soon\"");
        invalid("delay", "\"delay\":10");
        invalid("at", "\"delay\":\"10s\",\"at\":\"" + Instant.now().plusSeconds(60) + "\"");
    }

    @Test
    void delays_are_taken_in_both_forms() {
        for (String delay : new String[] {"90s", "PT1M30S"}) {
            HttpResponse<String> response = client.post("{\"queue\":\"later\",\"delay\":\"" + delay + "\"}");
            assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
            double wait = Double.parseDouble(one(
                    "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM postroom.delayed WHERE message_id = '"
                            + RestClient.json(response).get("id").asString() + "'"));
            assertThat(wait).isCloseTo(90, within(20.0));
        }
    }

    @Test // B21
    void lives_that_end_before_they_begin_are_refused() {
        invalid("timeToLive", "\"timeToLive\":\"0s\"");
        invalid("timeToLive", "\"timeToLive\":\"-PT1S\"");
        invalid("timeToLive", "\"timeToLive\":\"10s\",\"delay\":\"10s\"");
        invalid("timeToLive", "\"timeToLive\":\"10s\",\"at\":\"" + Instant.now().plusSeconds(60) + "\"");
    }

    // ---- the rest of it

    @ParameterizedTest // B22
    @ValueSource(strings = {"-1", "10", "2147483648", "9223372036854775808", "1.5", "1e3", "\"5\"", "true", "[]", "{}"})
    void priorities_other_than_0_to_9_are_refused(String priority) {
        invalid("priority", "\"priority\":" + priority);
    }

    @ParameterizedTest // B23
    @ValueSource(strings = {"0", "-1", "32768", "2147483648"})
    void versions_that_would_overflow_are_refused(String version) {
        invalid("version", "\"type\":\"a\",\"version\":" + version);
    }

    @Test // B23 and whatever is misspelt
    void unknown_members_are_refused_by_name() {
        invalid("maxFailures", "\"maxFailures\":0");
        invalid("timetolive", "\"timetolive\":\"10s\"");
        JsonNode problem = invalid("x".repeat(80) + "…", "\"" + "x".repeat(10_000) + "\":1");
        assertThat(problem.get("detail").asString()).contains("timeToLive");
    }

    @Test
    void members_that_do_not_go_together_are_refused() {
        invalid("version", "\"version\":1");
        invalid("body", "\"body\":\"AA==\",\"payload\":1");
        invalid("contentType", "\"contentType\":\"text/plain\"");
        invalid("body", "\"body\":\"not Base64!\"");
        invalid("direction", "\"direction\":\"incoming\"");
        invalid("id", "\"id\":\"1-2-3-4-5\"");
        invalid("id", "\"id\":\"" + UUID.randomUUID() + "\"");
        RestClient.problem(client.post("{\"payload\":1}"), 422);
        RestClient.problem(client.post("{\"queue\":null}"), 422);
    }

    @ParameterizedTest // B38 to B42, as far as names go
    @ValueSource(strings = {"", "a b", "a'; drop table x;--", "../x", "abc\\n", "аbc", "-a", "a/b"})
    void queue_names_outside_their_alphabet_are_refused(String name) {
        JsonNode problem = RestClient.problem(client.post("{\"queue\":\"" + name + "\"}"), 422);
        assertThat(problem.get("field").asString()).isEqualTo("queue");
    }

    @Test // B24
    void deduplication_keys_that_are_empty_or_long_are_refused() {
        invalid("deduplicationKey", "\"deduplicationKey\":\"\"");
        invalid("deduplicationKey", "\"deduplicationKey\":\"" + "k".repeat(10_240) + "\"");
        HttpResponse<String> response =
                client.post("{\"queue\":\"" + REFUSED + "\"}", "Idempotency-Key", "k".repeat(201));
        assertThat(RestClient.problem(response, 422).get("field").asString()).isEqualTo("deduplicationKey");
    }

    @Test // B24
    void deduplication_keys_are_compared_exactly() {
        for (String key : new String[] {"key", "Key", "key ", "é", "e\u0301"}) {
            HttpResponse<String> response =
                    client.post("{\"queue\":\"keys\",\"payload\":1,\"deduplicationKey\":\"" + key + "\"}");
            assertThat(response.statusCode()).as(key + ": " + response.body()).isEqualTo(201);
        }
    }

    @Test // B25
    void a_key_with_another_payload_is_a_conflict_that_names_the_first_message() {
        String first = RestClient.json(client.post("{\"queue\":\"conflict\",\"payload\":1,\"deduplicationKey\":\"k\"}"))
                .get("id")
                .asString();
        JsonNode problem = RestClient.problem(
                client.post("{\"queue\":\"conflict\",\"payload\":2,\"deduplicationKey\":\"k\"}"), 409);
        assertThat(problem.get("existing").asString()).isEqualTo(first);
        assertThat(problem.get("field").asString()).isEqualTo("deduplicationKey");
    }

    @Test // B26
    void an_id_of_another_queue_is_a_conflict_that_shows_nothing_of_it() {
        String id = MessageIds.next().toString();
        assertThat(client.post("{\"queue\":\"one\",\"payload\":\"secret\",\"id\":\"" + id + "\"}")
                        .statusCode())
                .isEqualTo(201);
        HttpResponse<String> response =
                client.post("{\"queue\":\"other\",\"payload\":\"secret\",\"id\":\"" + id + "\"}");
        assertThat(RestClient.problem(response, 409).get("field").asString()).isEqualTo("id");
        assertThat(response.body()).doesNotContain("secret", "\"one\"");
    }

    @ParameterizedTest // B28
    @ValueSource(
            strings = {
                "{\"a\\r\\nb\":\"1\"}",
                "{\"a:b\":\"1\"}",
                "{\"ä\":\"1\"}",
                "{\"\":\"1\"}",
                "{\"a b\":\"1\"}",
                "{\"a\":\"1\\r\\nx: 2\"}",
                "{\"a\":1}",
                "{\"a\":null}",
                "{\"a\":{\"b\":\"c\"}}",
                "[]",
                "\"a\""
            })
    void headers_with_bad_names_or_values_are_refused(String headers) {
        invalid("headers", "\"headers\":" + headers);
    }

    @Test // B28
    void headers_over_their_limits_are_refused() {
        StringBuilder many = new StringBuilder();
        for (int i = 0; i < 500; i++) {
            many.append(i == 0 ? "" : ",").append("\"h").append(i).append("\":\"\"");
        }
        invalid("headers", "\"headers\":{" + many + "}");
        invalid("headers", "\"headers\":{\"large\":\"" + "v".repeat(1024 * 1024) + "\"}");
    }

    // ---- ids and repeats

    @ParameterizedTest // B46
    @ValueSource(
            strings = {
                "1%20or%201=1",
                "9223372036854775808",
                "1-2-3-4-5",
                "%7B0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f%7D",
                "0197c5a87d3e7c419a520f6b1c2d3e4f",
                "urn:uuid:0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f",
                "0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4g",
                "null"
            })
    void ids_in_any_other_form_are_refused(String id) {
        RestClient.problem(client.get(RestClient.MESSAGES + "/" + id), 400);
        RestClient.problem(client.get(RestClient.MESSAGES + "/" + id + "/explain"), 400);
        RestClient.problem(client.post(RestClient.MESSAGES + "/" + id + "/cancel", BodyPublishers.noBody()), 400);
    }

    @ParameterizedTest // B46
    @ValueSource(strings = {"0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f", "00000000-0000-0000-0000-000000000000"})
    void unknown_ids_are_not_found(String id) {
        RestClient.problem(client.get(RestClient.MESSAGES + "/" + id), 404);
        RestClient.problem(client.get(RestClient.MESSAGES + "/" + id + "/explain"), 404);
        RestClient.problem(client.post(RestClient.MESSAGES + "/" + id + "/cancel", BodyPublishers.noBody()), 404);
    }

    @Test // B48
    void a_repeated_request_answers_the_first_result() {
        String body = "{\"queue\":\"repeats\",\"payload\":{\"a\":1}}";
        HttpResponse<String> first = client.post(body, "Idempotency-Key", "order-42");
        HttpResponse<String> second = client.post(body, "Idempotency-Key", "\"order-42\"");
        assertThat(first.statusCode()).isEqualTo(201);
        assertThat(second.statusCode()).isEqualTo(200);
        assertThat(RestClient.json(second).get("isNew").asBoolean()).isFalse();
        assertThat(RestClient.json(second).get("id"))
                .isEqualTo(RestClient.json(first).get("id"));
        assertThat(second.headers().firstValue("Location"))
                .isEqualTo(first.headers().firstValue("Location"));
        assertThat(one("SELECT count(*) FROM postroom.message m JOIN postroom.queue q ON q.id = m.queue_id"
                        + " WHERE q.name = 'repeats'"))
                .isEqualTo("1");
    }

    // ---- what stands behind the question mark: one that is misspelt is refused before anything is done

    @ParameterizedTest
    @ValueSource(strings = {"/api/v1/definitions?dryrun=true", "/api/v1/definitions/rabbitmq?dryRun=true&vhost=/"})
    void import_with_a_misspelt_parameter_imports_nothing(String path) {
        HttpResponse<String> answer = client.postTo(path, "{\"queues\":[{\"name\":\"misspelt\"}]}");
        assertThat(RestClient.problem(answer, 422).get("detail").asString()).contains("there is no such parameter");
        assertThat(server.bean(Queues.class).stats("misspelt")).isEmpty();
    }

    @Test
    void exchange_in_use_is_not_deleted_for_a_misspelt_condition() {
        assertThat(client.put("/api/v1/exchanges/orders", "{\"kind\":\"fanout\"}")
                        .statusCode())
                .isEqualTo(201);
        RestClient.problem(client.delete("/api/v1/exchanges/orders?ifunused=true"), 422);
        assertThat(client.get("/api/v1/exchanges/orders/bindings").statusCode()).isEqualTo(200);
    }

    @Test
    void filter_that_is_misspelt_does_not_list_everything() {
        assertThat(RestClient.problem(client.get("/api/v1/ledger?actr=bob"), 422)
                        .get("field")
                        .asString())
                .isEqualTo("actr");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET /api/v1/messages?correlationId=%zz",
                "POST /api/v1/queues/q/pause?reason=50%",
                "GET /api/v1/queues?%f"
            })
    void percent_sign_without_two_digits_is_the_fault_of_the_request(String request) throws IOException {
        try (HttpConversation conversation = new HttpConversation(server.port())) {
            HttpConversation.Answer answer = conversation
                    .head(request + " HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 0")
                    .answer();
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.body()).contains("percent sign");
        }
    }

    // ---- memory and time

    @Test // B12
    void memory_does_not_grow_with_the_body() {
        var request = new org.springframework.mock.web.MockHttpServletRequest() {
            @Override
            public jakarta.servlet.ServletInputStream getInputStream() {
                return new org.springframework.mock.web.DelegatingServletInputStream(new Zeros(64L * 1024 * 1024 - 1));
            }
        };
        request.setContentType("application/json");
        var threads = (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> RequestBody.read(request))
                .isInstanceOfSatisfying(
                        ProblemException.class,
                        refused -> assertThat(refused.problem().status()).isEqualTo(413));
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(8L * RequestBody.LONGEST);
    }

    private static final class Zeros extends InputStream {
        private long left;

        Zeros(long length) {
            left = length;
        }

        @Override
        public int read() {
            return left-- > 0 ? 0 : -1;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) {
            if (left <= 0) {
                return -1;
            }
            int count = (int) Math.min(left, length);
            left -= count;
            return count;
        }
    }

    // ---- tools

    private static HttpResponse<String> payload(String payload) {
        return client.post("{\"queue\":\"" + REFUSED + "\",\"payload\":" + payload + "}");
    }

    private static JsonNode invalid(String field, String members) {
        JsonNode problem = RestClient.problem(client.post("{\"queue\":\"" + REFUSED + "\"," + members + "}"), 422);
        assertThat(problem.get("field").asString()).isEqualTo(field);
        assertThat(problem.get("limit").asString()).isNotEmpty();
        return problem;
    }

    private static String one(String query) {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            return row.next() ? row.getString(1) : "";
        } catch (java.sql.SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}

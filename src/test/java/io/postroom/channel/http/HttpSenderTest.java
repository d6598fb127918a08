package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.testing.HttpStub;
import io.postroom.testing.LogRecorder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Formatter;
import java.util.Map;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes out, and what each answer of a server does. */
class HttpSenderTest {
    private final HttpStub stub = new HttpStub();
    private final HttpSender sender = HttpSender.open();

    record OrderPaid(String order, int cents) {}

    private static final OrderPaid PAID = new OrderPaid("A-17", 1990);

    @AfterEach
    void close() {
        sender.close();
        stub.close();
    }

    private SettingsEntry entry() {
        return SettingsEntry.of("billing", "http")
                .endpoint(stub.url() + "/invoices")
                .property("allowPrivate", "true");
    }

    @Test
    void payload_leaves_as_json_with_the_id_of_its_message_and_the_headers_of_the_entry() throws Exception {
        CallContext context = CallContext.of(entry().header("X-Tenant", "north"));

        assertThat(sender.send(PAID, context)).isEqualTo(Outcome.done());
        assertThat(sender.send(PAID, context.delivery(2))).isEqualTo(Outcome.done());

        HttpStub.Request request = stub.last();
        assertThat(request.method()).isEqualTo("POST");
        assertThat(request.path()).isEqualTo("/invoices");
        assertThat(request.text()).isEqualTo("{\"order\":\"A-17\",\"cents\":1990}");
        assertThat(request.header("Content-Type")).isEqualTo("application/json");
        assertThat(request.header("X-Tenant")).isEqualTo("north");
        assertThat(stub.requests())
                .extracting(one -> one.header("Idempotency-Key"))
                .containsExactly(context.id().toString(), context.id().toString());
        assertThat(request.headers().keySet())
                .as("nothing is sent that nobody asked for")
                .containsExactlyInAnyOrder(
                        "Connection",
                        "Content-length",
                        "Content-type",
                        "Host",
                        "Idempotency-key",
                        "User-agent",
                        "X-tenant");
    }

    @ParameterizedTest
    @CsvSource({
        "none, ''",
        "status, 127.0.0.1 answered 201 [location=/invoices/7]",
        "body, '127.0.0.1 answered 201 [location=/invoices/7]: {|  \"key\": \"***\"|}'"
    })
    void answer_of_a_success_is_noted_as_the_entry_says(String kept, String note) throws Exception {
        stub.answers(201, Map.of("Location", "/invoices/7"), "{\n  \"key\": \"hunter2\"\n}");

        Outcome outcome = sender.send(
                PAID,
                CallContext.of(entry().property("keepAnswer", kept).property("keepHeaders", "Location"))
                        .with("hunter2"));

        assertThat(outcome).isEqualTo(Outcome.done(note.replace('|', '\n')));
    }

    @Test
    void text_and_bytes_leave_as_they_are_and_a_method_without_a_body_has_none() throws Exception {
        sender.send("grüße", CallContext.of(entry()));
        assertThat(stub.last().text()).isEqualTo("grüße");
        assertThat(stub.last().header("Content-Type")).isEqualTo("text/plain; charset=UTF-8");

        sender.send(
                new byte[] {0, 1},
                CallContext.of(entry().property("contentType", "image/png").property("method", "PUT")));
        assertThat(stub.last().body()).containsExactly(0, 1);
        assertThat(stub.last().method()).isEqualTo("PUT");
        assertThat(stub.last().header("Content-Type")).isEqualTo("image/png");

        sender.send(PAID, CallContext.of(entry().property("method", "GET")));
        assertThat(stub.last().body()).isEmpty();
        assertThat(stub.last().header("Content-Type")).isNull();
    }

    /** Computed here by the words of docs/http.md, not by the code under test. */
    @Test
    void signature_is_the_hmac_of_the_seconds_a_dot_and_the_body() throws Exception {
        SettingsEntry entry = entry().secret("env:KEY").property("signatureHeader", "X-Sign");
        long before = Instant.now().getEpochSecond();

        sender.send(PAID, CallContext.of(entry).with("hunter2"));

        String time = stub.last().header("Postroom-Timestamp");
        assertThat(Long.parseLong(time)).isBetween(before, before + 60);
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec("hunter2".getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        Formatter hex = new Formatter();
        for (byte b : mac.doFinal((time + "." + stub.last().text()).getBytes(StandardCharsets.UTF_8))) {
            hex.format("%02x", b);
        }
        assertThat(stub.last().header("X-Sign")).isEqualTo("v1=" + hex);
    }

    @ParameterizedTest
    @CsvSource({
        "bearer, Authorization, Bearer hunter2",
        "header, X-Api-Key, hunter2",
        "basic, Authorization, Basic aHVudGVyMg==",
    })
    void secret_shows_who_sends_in_the_way_of_the_entry(String auth, String header, String value) throws Exception {
        sender.send(
                PAID,
                CallContext.of(entry().secret("env:KEY").property("auth", auth)).with("hunter2"));

        assertThat(stub.last().header(header)).isEqualTo(value);
        assertThat(stub.last().header("Postroom-Signature")).isNull();
    }

    @Test
    void secret_that_a_server_sends_back_is_masked_and_never_logged() throws Exception {
        stub.answers(400, Map.of("X-Echo", "you sent hunter2"), "bad key hunter2, aHVudGVyMg==\r\nnext line");
        SettingsEntry entry =
                entry().secret("env:KEY").property("auth", "basic").property("keepHeaders", "X-Echo, X-None");
        try (LogRecorder log = LogRecorder.of("io.postroom.channel.http", Level.DEBUG)) {
            HttpAnswer answer = sender.call(PAID, CallContext.of(entry).with("hunter2"));

            assertThat(answer.outcome())
                    .isEqualTo(Outcome.reject(
                            "127.0.0.1 answered 400 [x-echo=you sent ***]: bad key ***, ***  next line"));
            assertThat(answer.body()).doesNotContain("hunter2");
            assertThat(answer.header("X-ECHO")).contains("you sent ***");
            assertThat(log.count("hunter2")).isZero();
        }
    }

    @Test
    void password_alone_is_masked_too() throws Exception {
        stub.answers(400, Map.of(), "wrong password hunter2");
        SettingsEntry entry = entry().secret("env:KEY").property("auth", "basic");
        assertThat(sender.call(PAID, CallContext.of(entry).with("ann:hunter2")).body())
                .isEqualTo("wrong password ***");
    }

    @ParameterizedTest
    @ValueSource(ints = {200, 201, 202, 204, 299})
    void success_is_done(int status) throws Exception {
        stub.answers(status);
        assertThat(sender.send(PAID, CallContext.of(entry()))).isEqualTo(Outcome.done());
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 401, 403, 404, 409, 410, 422, 499})
    void refused_request_is_rejected_with_what_the_server_said(int status) throws Exception {
        stub.answers(status, Map.of(), "no such order");
        assertThat(sender.send(PAID, CallContext.of(entry().property("kept", "7"))))
                .isEqualTo(Outcome.reject("127.0.0.1 answered " + status + ": no such…"));
        assertThat(sender.send(PAID, CallContext.of(entry().property("kept", "0"))))
                .isEqualTo(Outcome.reject("127.0.0.1 answered " + status));
        assertThat(sender.send(
                        PAID, CallContext.of(entry().property("kept", "0").property("retry", "302, " + status))))
                .isEqualTo(Outcome.retry("127.0.0.1 answered " + status));
    }

    @ParameterizedTest
    @ValueSource(ints = {500, 501, 502, 504, 599})
    void broken_server_is_tried_again(int status) throws Exception {
        stub.answers(status, Map.of(), "oops");
        assertThat(sender.send(PAID, CallContext.of(entry())))
                .isEqualTo(Outcome.retry("127.0.0.1 answered " + status + ": oops"));
    }

    @ParameterizedTest
    @ValueSource(ints = {301, 302, 303, 307, 308})
    void redirect_is_not_followed(int status) throws Exception {
        stub.answers(status, Map.of("Location", stub.url() + "/elsewhere"), "");
        assertThat(sender.send(PAID, CallContext.of(entry())))
                .isEqualTo(Outcome.reject("127.0.0.1 answered " + status + " (a redirect, which is not followed)"));
        assertThat(stub.requests()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"408, 1", "425, 2", "429, 3", "503, 9"})
    void busy_server_parks_the_destination_and_without_a_time_the_wait_grows(int status, int delivery)
            throws Exception {
        stub.answers(status);
        Duration wait = Duration.ofSeconds(Math.min(600, 10L << delivery - 1));
        assertThat(sender.send(PAID, CallContext.of(entry()).delivery(delivery)))
                .isEqualTo(Outcome.notNow("billing", wait));
        assertThat(sender.send(
                        PAID,
                        CallContext.of(entry().property("destination", "erp")).delivery(1)))
                .isEqualTo(Outcome.notNow("erp", Duration.ofSeconds(10)));
    }

    @ParameterizedTest
    @CsvSource({
        "7, 7",
        "0, 1",
        "-1, 1",
        "86401, 86400",
        "99999999999999999999999, 86400",
        "soon, 10",
        "1.5, 10",
        "'', 10"
    })
    void retry_after_in_seconds_is_taken_within_a_second_and_a_day(String value, long seconds) throws Exception {
        stub.answers(429, Map.of("Retry-After", value), "");
        assertThat(sender.send(PAID, CallContext.of(entry())))
                .isEqualTo(Outcome.notNow("billing", Duration.ofSeconds(seconds)));
    }

    @Test
    void retry_after_as_a_date_is_taken_within_a_second_and_a_day() {
        Instant now = Instant.parse("2026-11-06T08:49:07Z");
        for (String date : new String[] {"Fri, 06 Nov 2026 08:49:37 GMT", "Friday, 06-Nov-26 08:49:37 GMT"}) {
            assertThat(RetryAfter.parse(date, now)).as(date).contains(Duration.ofSeconds(30));
            assertThat(RetryAfter.parse(date, now.plusSeconds(3600))).as("past").contains(Duration.ofSeconds(1));
            assertThat(RetryAfter.parse(date, now.minusSeconds(31_536_000)))
                    .as("a year ahead")
                    .contains(Duration.ofHours(24));
        }
        assertThat(RetryAfter.parse("Fri Nov  6 08:49:37 2026", now)).isEmpty();
        assertThat(RetryAfter.parse("Sun, 99 Nov 1994 08:49:37 GMT", now)).isEmpty();
        assertThat(RetryAfter.parse("x".repeat(100_000), now)).isEmpty();
    }

    @Test
    void date_of_an_answer_is_read_by_this_machines_clock() throws Exception {
        stub.answers(
                503,
                Map.of(
                        "Retry-After",
                        DateTimeFormatter.RFC_1123_DATE_TIME.format(
                                Instant.now().plusSeconds(900).atOffset(ZoneOffset.UTC))),
                "");
        Outcome.NotNow outcome = (Outcome.NotNow) sender.send(PAID, CallContext.of(entry()));
        assertThat(outcome.retryAfter()).isBetween(Duration.ofSeconds(800), Duration.ofSeconds(900));
    }

    @Test
    void answer_is_there_for_a_handler_that_keeps_a_part_of_it() throws Exception {
        stub.answers(201, Map.of("Location", "/invoices/7"), "{\"number\": 7}");
        HttpAnswer answer = sender.call(PAID, CallContext.of(entry()));
        assertThat(answer.isSuccess()).isTrue();
        assertThat(answer.status()).contains(201);
        assertThat(answer.header("location")).contains("/invoices/7");
        assertThat(answer.body()).isEqualTo("{\"number\": 7}");
    }

    @Test
    void changed_entry_counts_from_the_next_call_on() throws Exception {
        sender.send(PAID, CallContext.of(entry()));
        sender.send(PAID, CallContext.of(entry().endpoint(stub.url() + "/v2")));
        assertThat(sender.send(PAID, CallContext.of(entry().property("allowPrivate", "false"))))
                .as("also where a connection is open")
                .isInstanceOf(Outcome.Snooze.class);
        assertThat(stub.requests()).extracting(HttpStub.Request::path).containsExactly("/invoices", "/v2");
    }

    @Test
    void templates_make_path_and_body_of_the_payload() throws Exception {
        SettingsEntry entry = entry().template("path", "/{order}?cents={cents}")
                .template("body", "{\"text\": \"Order {order}\", \"amount\": {cents}, \"name\": {order}}");
        sender.send(new OrderPaid("A \"1\"/ü", 5), CallContext.of(entry));
        assertThat(stub.last().path()).isEqualTo("/invoices/A%20%221%22%2F%C3%BC?cents=5");
        assertThat(stub.last().text())
                .isEqualTo("{\"text\": \"Order A \\\"1\\\"/ü\", \"amount\": 5, \"name\": \"A \\\"1\\\"/ü\"}");

        sender.send(
                new OrderPaid("a&b=c d", 5),
                CallContext.of(entry().template("body", "order={order}")
                        .property("contentType", "application/x-www-form-urlencoded")));
        assertThat(stub.last().text()).isEqualTo("order=a%26b%3Dc%20d");
    }

    @Test
    void payload_that_does_not_fit_the_templates_is_rejected() throws Exception {
        assertThat(sender.send(PAID, CallContext.of(entry().template("path", "/{customer.email}"))))
                .isEqualTo(Outcome.reject(
                        "payload.customer.email must be given, because a template of the entry names it, got \"\""));
        assertThat(sender.send(new OrderPaid("..", 1), CallContext.of(entry().template("path", "/{order}"))))
                .isInstanceOf(Outcome.Reject.class);
        assertThat(sender.send(PAID, CallContext.of(entry().template("body", "order {order}"))))
                .isInstanceOf(Outcome.Reject.class);
        assertThat(stub.requests()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "200, HEAD, true, answered 200 to HEAD",
        "405, OPTIONS, true, answered 405 to OPTIONS: it can be reached",
        "401, HEAD, false, answered 401 to HEAD: it refuses the secret",
        "404, GET, false, answered 404 to GET: it does not know the path",
        "429, HEAD, false, answered 429 to HEAD: it takes nothing now",
        "500, HEAD, false, answered 500 to HEAD",
        "302, HEAD, false, answered 302 to HEAD: a redirect",
    })
    void test_of_an_entry_says_what_the_server_answered(int status, String method, boolean ok, String text) {
        stub.answers(status, Map.of(), "secret page");
        SettingsVerdict verdict = sender.test(
                entry().property("testMethod", method)
                        .header("X-Tenant", "north")
                        .secret("env:K")
                        .property("auth", "bearer"),
                Optional.of("hunter2"));
        assertThat(verdict.ok()).isEqualTo(ok);
        assertThat(verdict.text()).contains(text).doesNotContain("secret page", "hunter2");
        assertThat(stub.last().method()).isEqualTo(method);
        assertThat(stub.last().body()).isEmpty();
        assertThat(stub.last().header("X-Tenant")).isEqualTo("north");
        assertThat(stub.last().header("Authorization")).isEqualTo("Bearer hunter2");
        assertThat(stub.last().header("Idempotency-Key")).isNull();
    }

    @Test
    void test_of_an_entry_that_cannot_be_used_says_why() {
        assertThat(sender.test(entry().property("deadline", "soon"), Optional.empty())
                        .text())
                .startsWith("properties.deadline must be");
        stub.close();
        SettingsVerdict gone = sender.test(entry(), Optional.empty());
        assertThat(gone.ok()).isFalse();
        assertThat(gone.text()).contains("127.0.0.1").containsIgnoringCase("refused");
    }
}

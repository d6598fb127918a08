package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsEntry;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Entries of the channel webhook, and how they prove a sender; without HTTP. */
class WebhookReceiverTest {
    private static final Instant NOW = Instant.parse("2026-05-01T10:00:00Z");
    private static final String SECRET = "what only two know";

    private final WebhookReceiver receiver = new WebhookReceiver();

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "queue= | properties.queue",
                "queue=a b | properties.queue",
                "quue=orders | properties.quue",
                "type=a b | properties.type",
                "version=0 | properties.version",
                "unsigned=true | secret",
                "unsigned=yes | properties.unsigned",
                "signatureScheme=paypal | properties.signatureScheme",
                "algorithm=HMAC-MD5 | properties.algorithm",
                "signatureHeader=a b | properties.signatureHeader",
                "signatureEncoding=utf-8 | properties.signatureEncoding",
                "secretEncoding=hex | properties.secretEncoding",
                "maxAge=2d | properties.maxAge",
                "signed={timestamp} | properties.signed",
                "signed={body} | properties.signed",
                "signed={body}{timestamp}{body} | properties.signed",
                "signed={timestamp}{bdy} | properties.signed",
                "signed={id}.{timestamp}.{body} | properties.signed",
                "deduplicationHeader=a b | properties.deduplicationHeader",
                "keepHeaders=Authorization | properties.keepHeaders",
                "maxBody=1048577 | properties.maxBody",
                "maxBody=0 | properties.maxBody",
                "contentTypes=json | properties.contentTypes",
                "contentTypes= | properties.contentTypes",
                "body=text | properties.body"
            })
    void wrong_property_is_refused_by_name(String property, String field) {
        String[] pair = property.split("=", 2);
        SettingsEntry entry = entry(Map.of()).property(pair[0], pair[1]);
        assertThatThrownBy(() -> receiver.require(entry))
                .isInstanceOfSatisfying(
                        InvalidMessageException.class,
                        refused -> assertThat(refused.field()).isEqualTo(field));
    }

    @Test
    void entry_without_a_secret_is_refused_unless_it_says_so() {
        SettingsEntry open = SettingsEntry.of("shop", "webhook").property("queue", "orders");
        assertThatThrownBy(() -> receiver.require(open)).hasMessageContaining("unsigned");
        receiver.require(open.property("unsigned", "true"));
        assertThatThrownBy(() -> receiver.require(entry(Map.of()).endpoint("https://a.example")))
                .hasMessageContaining("POST /in/shop");
    }

    @Test
    void what_the_HTTP_sender_signs_is_taken_with_the_secret_alone() {
        byte[] body = "{\"a\": 1}".getBytes(StandardCharsets.UTF_8);
        Map<String, String> headers = new LinkedHashMap<>();
        Authentication.of(EntryProperties.of("http", Map.of(), HttpEntry.KNOWN), true)
                .sign(headers, SECRET, body, NOW.getEpochSecond());
        assertThat(taken(Map.of(), headers, body)).isTrue();
        assertThat(taken(Map.of(), headers, "{\"a\": 2}".getBytes(StandardCharsets.UTF_8)))
                .isFalse();
    }

    /** Made by openssl dgst -sha256 -hmac: the test does not compare the code with itself. */
    @Test
    void known_signature_of_the_body_alone_is_taken() {
        Map<String, String> properties = Map.of("signatureHeader", "X-Hub-Signature-256", "signaturePrefix", "sha256=");
        String signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        Webhook webhook = receiver.read(entry(properties));
        CreateMessage message = webhook.message(
                request(Map.of("X-Hub-Signature-256", signature), "Hello, World!".getBytes(StandardCharsets.UTF_8)),
                Optional.of("It's a Secret to Everybody"),
                NOW);
        assertThat(message.queue()).isEqualTo("orders");
    }

    /** Made by openssl dgst -sha256 -hmac, as the one above. */
    private static final String OF_NOW = "897a8da29d7b424b778ad7daf7b83420a8b4bbd87187fea04b62931b249aa458";

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "t=1777629600,v1=OF_NOW | true",
                "t=1777629600, v1=OF_NOW , v0=00 | true",
                "v1=OF_NOW,t=1777629600 | true",
                "t=1777629600,v1=00ff,v1=OF_NOW | true",
                "t=1777629600,v1=OF_NOW,v1=junk | true",
                "t=1777629600,v1=00ff | false",
                "t=1777629600,v0=OF_NOW | false",
                "t=1777629600,v1=OF_NOW00 | false",
                "t=1777629600,v1= | false",
                "t=1777629600 | false",
                "v1=OF_NOW | false",
                "t=1777629601,v1=OF_NOW | false",
                "t=1777629600,t=1777629600,v1=OF_NOW | false",
                "t=,v1=OF_NOW | false",
                "t=-1777629600,v1=OF_NOW | false",
                "t=1777629600.0,v1=OF_NOW | false",
                "t=99999999999999999999,v1=OF_NOW | false",
                "t:1777629600;v1:OF_NOW | false",
                ",,==, | false",
                "v1=1,v1=2,v1=3,v1=4,v1=5,v1=6,v1=7,v1=8,v1=9,v1=10,v1=OF_NOW,t=1777629600 | false",
            })
    void time_and_signatures_in_one_header_are_read(String header, boolean isTaken) {
        Map<String, String> headers = Map.of("Stripe-Signature", header.replace("OF_NOW", OF_NOW));
        assertThat(ofStripe(Map.of(), headers, NOW)).isEqualTo(isTaken);
    }

    /** A pattern for the blanks around commas took minutes for these, before anything was proven. */
    @Test
    void many_blanks_in_the_header_of_the_signature_are_read_once() {
        String blanks = " ".repeat(200_000);
        Map<String, String> headers =
                Map.of("Stripe-Signature", "t=1777629600 , v1=" + OF_NOW + " ,x" + blanks + "x," + blanks);
        assertTimeoutPreemptively(
                Duration.ofSeconds(30),
                () -> assertThat(ofStripe(Map.of(), headers, NOW)).isTrue());
    }

    @Test
    void time_of_one_header_may_be_old_or_ahead_by_the_tolerance_alone() {
        Map<String, String> headers = Map.of("Stripe-Signature", "t=1777629600,v1=" + OF_NOW);
        for (int seconds : List.of(-300, 300)) {
            assertThat(ofStripe(Map.of(), headers, NOW.plusSeconds(seconds))).isTrue();
        }
        for (int seconds : List.of(-301, 301)) {
            assertThat(ofStripe(Map.of(), headers, NOW.plusSeconds(seconds))).isFalse();
        }
        assertThat(ofStripe(Map.of("maxAge", "1s"), headers, NOW.plusSeconds(2)))
                .isFalse();
        assertThat(ofStripe(Map.of(), Map.of(), NOW)).as("no header").isFalse();
        assertThat(ofStripe(Map.of("signatureHeader", "X-Pay"), Map.of("X-Pay", headers.get("Stripe-Signature")), NOW))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"algorithm", "signaturePrefix", "signatureEncoding", "timestampHeader", "signed"})
    void property_that_the_scheme_says_itself_is_refused(String property) {
        SettingsEntry entry = entry(Map.of("signatureScheme", "stripe")).property(property, "hex");
        assertThatThrownBy(() -> receiver.require(entry))
                .hasMessageStartingWith(
                        "properties." + property + " must be left out: properties.signatureScheme=stripe");
    }

    private boolean ofStripe(Map<String, String> more, Map<String, String> headers, Instant now) {
        Map<String, String> properties = new LinkedHashMap<>(more);
        properties.put("signatureScheme", "stripe");
        byte[] body = "{\"id\": \"evt_1\"}".getBytes(StandardCharsets.UTF_8);
        try {
            receiver.read(entry(properties)).message(request(headers, body), Optional.of("whsec_between_two"), now);
            return true;
        } catch (WebhookRefusedException refused) {
            assertThat(refused.reason()).isEqualTo(WebhookRefusedException.Reason.UNPROVEN);
            return false;
        }
    }

    @Test
    void base64_id_in_the_text_several_signatures_and_SHA_512_are_read() {
        Map<String, String> properties = Map.of(
                "algorithm", "HMAC-SHA512",
                "signatureHeader", "webhook-signature",
                "signaturePrefix", "v1,",
                "signatureEncoding", "base64",
                "secretEncoding", "base64",
                "timestampHeader", "webhook-timestamp",
                "deduplicationHeader", "webhook-id",
                "signed", "{id}.{timestamp}.{body}");
        byte[] body = {0, -1, 7};
        byte[] text = "m1.".concat(NOW.getEpochSecond() + ".").getBytes(StandardCharsets.UTF_8);
        byte[] key = {1, 2, 3};
        String signature =
                Base64.getEncoder().encodeToString(RequestSigner.hmac("HmacSHA512", key, List.of(text, body)));
        Map<String, String> headers = new LinkedHashMap<>(Map.of(
                "webhook-signature", "v1,AAAA v1," + signature,
                "webhook-timestamp", "" + NOW.getEpochSecond(),
                "webhook-id", "m1"));
        Webhook webhook = receiver.read(entry(properties));
        CreateMessage message = webhook.message(
                request(headers, body), Optional.of(Base64.getEncoder().encodeToString(key)), NOW);
        assertThat(message.deduplicationKey()).hasValue("shop/m1");
        headers.put("webhook-id", "m2");
        assertThatThrownBy(() -> webhook.message(
                        request(headers, body), Optional.of(Base64.getEncoder().encodeToString(key)), NOW))
                .isInstanceOf(WebhookRefusedException.class);
        assertThatThrownBy(() -> webhook.message(request(headers, body), Optional.of("no base 64!"), NOW))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageNotContaining("no base 64!");
    }

    @ParameterizedTest
    @ValueSource(longs = {-301, 301, -86400 * 365})
    void signature_of_another_time_is_refused(long seconds) {
        byte[] body = {1};
        long near = NOW.getEpochSecond() + (seconds < 0 ? -300 : 300);
        assertThat(taken(Map.of(), signed(near, body), body)).isTrue();
        assertThat(taken(Map.of(), signed(NOW.getEpochSecond() + seconds, body), body))
                .isFalse();
        assertThat(taken(Map.of("maxAge", "1s"), signed(near, body), body)).isFalse();
    }

    @Test
    void long_delivery_id_becomes_a_key_of_its_own() {
        byte[] body = {1};
        Map<String, String> headers = signed(NOW.getEpochSecond(), body);
        headers.put("X-Id", "i".repeat(300));
        Webhook webhook = receiver.read(entry(Map.of("deduplicationHeader", "X-Id")));
        assertThat(webhook.message(request(headers, body), Optional.of(SECRET), NOW)
                        .deduplicationKey()
                        .orElseThrow())
                .startsWith("shop/sha256:")
                .hasSizeLessThanOrEqualTo(200);
        headers.remove("X-Id");
        assertThatThrownBy(() -> webhook.message(request(headers, body), Optional.of(SECRET), NOW))
                .isInstanceOfSatisfying(
                        WebhookRefusedException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(WebhookRefusedException.Reason.MALFORMED));
    }

    @Test
    void each_property_is_on_the_page() throws Exception {
        String page = Files.readString(Path.of("docs/inbound.md"));
        String table = page.substring(page.indexOf("## Properties of an entry"), page.indexOf("## What is stored"));
        assertThat(Pattern.compile("(?m)^\\| `([A-Za-z]+)` \\|")
                        .matcher(table)
                        .results()
                        .map(found -> found.group(1)))
                .containsExactlyInAnyOrderElementsOf(Webhook.KNOWN);
    }

    @Test
    void verdict_of_a_test_says_whether_requests_would_be_taken() {
        assertThat(receiver.test(entry(Map.of()), Optional.of(SECRET)).ok()).isTrue();
        assertThat(receiver.test(entry(Map.of("queue", "")), Optional.of(SECRET))
                        .ok())
                .isFalse();
        assertThat(receiver.test(entry(Map.of()), Optional.of(SECRET)).took()).isEqualTo(Duration.ZERO);
    }

    private boolean taken(Map<String, String> properties, Map<String, String> headers, byte[] body) {
        try {
            receiver.read(entry(properties)).message(request(headers, body), Optional.of(SECRET), NOW);
            return true;
        } catch (WebhookRefusedException refused) {
            assertThat(refused.reason()).isEqualTo(WebhookRefusedException.Reason.UNPROVEN);
            return false;
        }
    }

    private static Map<String, String> signed(long seconds, byte[] body) {
        return new LinkedHashMap<>(Map.of(
                RequestSigner.TIMESTAMP,
                "" + seconds,
                RequestSigner.SIGNATURE,
                RequestSigner.sign(SECRET, seconds, body)));
    }

    private static WebhookRequest request(Map<String, String> headers, byte[] body) {
        return new WebhookRequest(
                body,
                Optional.empty(),
                name -> Optional.ofNullable(headers.get(name)).map(List::of).orElse(List.of()));
    }

    private static SettingsEntry entry(Map<String, String> properties) {
        SettingsEntry entry =
                SettingsEntry.of("shop", "webhook").secret("env:A").property("queue", "orders");
        for (Map.Entry<String, String> one : properties.entrySet()) {
            entry = entry.property(one.getKey(), one.getValue());
        }
        return entry;
    }
}

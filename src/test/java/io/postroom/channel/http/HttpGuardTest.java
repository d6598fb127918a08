package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.testing.HttpStub;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which addresses are called. All that is really called is on 127.0.0.1. */
class HttpGuardTest {
    private final HttpStub stub = new HttpStub();
    private final InetAddress loopback = InetAddress.getLoopbackAddress();

    @AfterEach
    void close() {
        stub.close();
    }

    private SettingsEntry entry(String host) {
        return SettingsEntry.of("billing", "http").endpoint("http://" + host + ":" + stub.port() + "/");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "127.8.8.8",
                "10.1.2.3",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
                "169.254.169.254",
                "0.0.0.0",
                "100.64.0.1",
                "224.0.0.1",
                "255.255.255.255",
                "[::1]",
                "[::]",
                "[fe80::1]",
                "[fc00::1]",
                "[fd00::1]",
                "[ff02::1]",
                "[::ffff:169.254.169.254]",
                "[::ffff:7f00:1]",
                "[::127.0.0.1]",
                "[64:ff9b::10.0.0.1]",
                "[2002:a00:1::]",
                "[fec0::1]",
                "[2001:db8::1]",
            })
    void address_that_is_not_public_is_refused_when_the_entry_is_read(String host) {
        try (HttpSender sender = HttpSender.open()) {
            assertThatThrownBy(() -> sender.require(entry(host)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("endpoint must be no address of this machine or of a private network");
            sender.require(entry(host).property("allow-private", "true"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"93.184.216.34", "172.32.0.1", "100.128.0.1", "[2606:4700::1]", "[64:ff9b::5db8:d822]"})
    void public_address_is_not(String host) {
        try (HttpSender sender = HttpSender.open()) {
            sender.require(entry(host));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ftp://a.example/",
                "file:///etc/hosts",
                "http:///x",
                "//a.example",
                "a.example",
                "http://a.example/#x",
                "http://ann:hunter2@a.example/",
                "http://127.0.0.1@a.example/",
                "http:\\\\a.example",
                "http://0177.0.0.1/",
                "http://127.1/",
                "http://2130706433/",
                "http://0x7f.0.0.1/",
                "http://0x7f000001/",
                "http://a.example:0/",
                "http://a.example:70000/",
                "http://a_b.example/",
                "http://é.example/",
                "http://127.0.0.1.:80/",
            })
    void odd_address_is_refused_without_its_password(String endpoint) {
        try (HttpSender sender = HttpSender.open()) {
            assertThatThrownBy(() ->
                            sender.require(SettingsEntry.of("billing", "http").endpoint(endpoint)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("endpoint must be")
                    .hasMessageNotContaining("hunter2");
        }
    }

    @Test
    void name_that_leads_to_a_private_address_is_refused_where_it_connects() throws Exception {
        try (HttpSender sender = HttpSender.builder().open(host -> new InetAddress[] {loopback})) {
            Outcome outcome = sender.send("x", CallContext.of(entry("api.example")));
            assertThat(outcome)
                    .isEqualTo(Outcome.retry("api.example is at an address of this machine or of a private network,"
                            + " which may not be called"));
            assertThat(sender.test(entry("api.example"), Optional.empty()).text())
                    .as("the test of an entry goes the same way")
                    .contains("may not be called");
            assertThat(sender.send("x", CallContext.of(entry("api.example").property("allowPrivate", "true"))))
                    .isEqualTo(Outcome.done());
            assertThat(sender.send("x", CallContext.of(entry("api.example"))))
                    .as("the connection that the other entry opened is not used")
                    .isInstanceOf(Outcome.Retry.class);
        }
        assertThat(stub.requests()).hasSize(1);
    }

    @Test
    void name_with_one_private_address_among_public_ones_is_refused() throws Exception {
        InetAddress documented = InetAddress.getByName("93.184.216.34");
        try (HttpSender sender = HttpSender.builder().open(host -> new InetAddress[] {documented, loopback})) {
            assertThat(sender.send("x", CallContext.of(entry("api.example")))).isInstanceOf(Outcome.Retry.class);
        }
        assertThat(stub.requests()).isEmpty();
    }

    /** A name server may answer a public address to a check and a private one to the connection: here there is one look-up for both. */
    @Test
    void name_is_looked_up_once_for_the_check_and_the_connection() throws Exception {
        AtomicInteger lookups = new AtomicInteger();
        try (HttpSender sender = HttpSender.builder().open(host -> {
            lookups.incrementAndGet();
            return new InetAddress[] {loopback};
        })) {
            assertThat(sender.send("x", CallContext.of(entry("api.example").property("allowPrivate", "true"))))
                    .isEqualTo(Outcome.done());
        }
        assertThat(lookups).hasValue(1);
    }

    @Test
    void name_that_nobody_knows_is_tried_again() throws Exception {
        try (HttpSender sender = HttpSender.builder().open(host -> {
            throw new UnknownHostException(host);
        })) {
            assertThat(sender.send("x", CallContext.of(entry("api.example")))).isEqualTo(Outcome.retry("api.example"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "api.example, api.example, true",
        "API.example, api.EXAMPLE, true",
        "v1.api.example, *.api.example, true",
        "api.example, *.api.example, false",
        "evilapi.example, *.api.example, false",
        "api.example.evil, api.example, false",
    })
    void host_must_be_among_those_that_the_entry_and_the_process_allow(String host, String allowed, boolean ok) {
        try (HttpSender any = HttpSender.open();
                HttpSender some = HttpSender.builder().allowedHosts(allowed).open()) {
            Runnable byEntry = () -> any.require(entry(host).property("allow", "other.example, " + allowed));
            Runnable byProcess = () -> some.require(entry(host));
            if (ok) {
                byEntry.run();
                byProcess.run();
            } else {
                assertThatThrownBy(byEntry::run).hasMessageContaining("endpoint must be at a host of properties.allow");
                assertThatThrownBy(byProcess::run)
                        .hasMessageContaining("endpoint must be at a host that this process may call");
            }
        }
    }

    @Test
    void process_may_forbid_private_addresses_to_all_entries() {
        try (HttpSender sender = HttpSender.builder().privateAddresses(false).open()) {
            assertThatThrownBy(() -> sender.require(entry("api.example").property("allowPrivate", "true")))
                    .hasMessageContaining("properties.allowPrivate must be false in this process");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "methode | PUT | left out: the channel http knows no such property",
                "method | TRACE | one of POST, PUT",
                "method | post | one of POST, PUT",
                "deadline | 11m | 1ms to 10m",
                "deadline | 0s | 1ms to 10m",
                "deadline | soon | a duration",
                "connectTimeout | 1h | 1ms to 10m",
                "maxResponse | -1 | 0 to 1048576",
                "maxResponse | 1048577 | 0 to 1048576",
                "kept | 2001 | 0 to 2000",
                "keepHeaders | a b | names of headers",
                "keepAnswer | all | properties.keepAnswer must be one of none, status, body, got \"all\"",
                "retry | 500 | statuses of 300 to 499",
                "auth | bearer | secret must be given",
                "authHeader | Cookie | another header than those",
                "signatureHeader | Host | another header than those",
                "timestampHeader | a b | 1 to 100 letters",
                "allow | a..b/ | names of hosts",
                "allowPrivate | yes | one of true, false",
                "destination | a b | ",
                "testMethod | POST | one of HEAD, GET, OPTIONS",
                "contentType | json | a media type",
                "contentType | text/csv; charset=no-such | with charset=UTF-8 or none",
                "contentType | text/csv; charset=ISO-8859-1 | with charset=UTF-8 or none",
                "contentType | text/csv;x=1;Charset =  \"latin1\" | with charset=UTF-8 or none",
                "contentType | text/csv; charset=utf-8; charset=utf-16 | with charset=UTF-8 or none",
                "allow | '' | names of hosts",
                "allow | , | names of hosts",
            })
    void wrong_property_is_refused_with_its_name_and_limit(String name, String value, String limit) {
        try (HttpSender sender = HttpSender.open()) {
            assertThatThrownBy(() -> sender.require(entry("api.example").property(name, value)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining(limit == null ? "properties.destination" : limit);
            sender.require(entry("api.example").property("x-" + name, value));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "text/csv",
                "text/csv; charset=UTF-8",
                "text/csv;charset=\"utf-8\"; header=present",
                "text/csv; header=present; charset= utf-8"
            })
    void content_type_of_the_encoding_that_is_sent_is_taken(String contentType) {
        try (HttpSender sender = HttpSender.open()) {
            sender.require(entry("api.example").property("contentType", contentType));
        }
    }

    @Test
    void process_that_names_no_host_as_allowed_is_refused() {
        assertThatThrownBy(() -> HttpSender.builder().allowedHosts())
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("allowedHosts must be names of hosts");
    }

    @Test
    void each_property_is_on_the_page() throws Exception {
        String page = Files.readString(Path.of("docs/http.md"));
        String table = page.substring(page.indexOf("## Properties of an entry"), page.indexOf("## Templates"));
        Matcher row = Pattern.compile("(?m)^\\| `([A-Za-z]+)` \\|").matcher(table);
        assertThat(row.results().map(found -> found.group(1))).containsExactlyInAnyOrderElementsOf(HttpEntry.KNOWN);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"Host", "content-length", "Transfer-Encoding", "Content-Type", "Idempotency-Key", "Connection"})
    void header_that_the_sender_makes_is_refused(String name) {
        try (HttpSender sender = HttpSender.open()) {
            assertThatThrownBy(() -> sender.require(entry("api.example").header(name, "x")))
                    .hasMessageContaining("headers." + name + " must be another header");
            assertThatThrownBy(() -> sender.require(entry("api.example").header("X-A", "a\r\nHost: b")))
                    .hasMessageContaining("headers.X-A must be");
            assertThatThrownBy(() -> sender.require(entry("api.example").template("subject", "x")))
                    .hasMessageContaining("templates.subject must be left out");
            assertThatThrownBy(() -> sender.require(entry("api.example").template("path", "@evil.example/")))
                    .hasMessageContaining("templates.path must be");
            assertThatThrownBy(() -> sender.require(SettingsEntry.of("billing", "http")
                            .endpoint("https://api.example/?a=b")
                            .template("path", "/{order}")))
                    .hasMessageContaining("endpoint must be without a query");
        }
    }
}

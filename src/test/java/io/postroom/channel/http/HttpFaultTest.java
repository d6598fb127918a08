package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that answer late, too much, half or nonsense. */
@Timeout(60)
class HttpFaultTest implements AutoCloseable {
    private final HttpSender sender = HttpSender.open();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
    private final CountDownLatch connected = new CountDownLatch(1);
    private final ServerSocket server;

    HttpFaultTest() throws IOException {
        server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    }

    interface Talk {
        void to(OutputStream out, Socket socket) throws Exception;
    }

    @AfterEach
    @Override
    public void close() throws IOException {
        sender.close();
        server.close();
        for (Socket socket : open) {
            socket.close();
        }
        threads.shutdownNow();
    }

    /** Reads the head of each request, then talks. */
    private SettingsEntry entry(Talk talk) {
        threads.submit(() -> {
            while (true) {
                Socket socket = server.accept();
                open.add(socket);
                connected.countDown();
                threads.submit(() -> {
                    byte[] head = new byte[8192];
                    if (socket.getInputStream().read(head) > 0) {
                        talk.to(socket.getOutputStream(), socket);
                    }
                    return null;
                });
            }
        });
        return SettingsEntry.of("billing", "http")
                .endpoint("http://127.0.0.1:" + server.getLocalPort() + "/")
                .property("allowPrivate", "true");
    }

    private static void say(OutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    private String retryOf(SettingsEntry entry) throws InterruptedException {
        Outcome outcome = sender.send("x", CallContext.of(entry));
        assertThat(outcome).isInstanceOf(Outcome.Retry.class);
        return ((Outcome.Retry) outcome).reason();
    }

    @Test
    void silence_ends_at_the_deadline() throws Exception {
        assertThat(retryOf(entry((out, socket) -> {}).property("deadline", "200ms")))
                .isEqualTo("127.0.0.1: no whole answer within 200 ms");
    }

    /** Each read is in time; the whole would take hours. */
    @Test
    void head_and_body_byte_by_byte_end_at_the_deadline() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            say(out, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
            while (true) {
                say(out, "x");
                Thread.sleep(20);
            }
        });
        assertThat(retryOf(entry.property("deadline", "300ms"))).contains("no whole answer within 300 ms");
    }

    @Test
    void headers_byte_by_byte_end_at_the_deadline() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            say(out, "HTTP/1.1 200 OK\r\nX-A: ");
            while (true) {
                say(out, "x");
                Thread.sleep(20);
            }
        });
        assertThat(retryOf(entry.property("deadline", "300ms"))).contains("no whole answer within 300 ms");
    }

    @Test
    void handshake_that_never_ends_ends_at_the_deadline() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {});
        SettingsEntry https = entry.endpoint("https://127.0.0.1:" + server.getLocalPort() + "/");
        assertThat(retryOf(https.property("deadline", "300ms"))).contains("no whole answer within 300 ms");
    }

    @Test
    void interim_answers_for_ever_end_at_the_deadline() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            while (true) {
                say(out, "HTTP/1.1 102 Processing\r\n\r\n");
                Thread.sleep(20);
            }
        });
        assertThat(retryOf(entry.property("deadline", "300ms"))).contains("no whole answer within 300 ms");
    }

    @Test
    void look_up_that_hangs_ends_at_the_deadline() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        try (HttpSender slow = HttpSender.builder().open(host -> {
            try {
                never.await();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
            return new InetAddress[] {InetAddress.getLoopbackAddress()};
        })) {
            SettingsEntry entry = SettingsEntry.of("billing", "http")
                    .endpoint("http://api.example/")
                    .property("deadline", "200ms");
            assertThat(slow.send("x", CallContext.of(entry))).isInstanceOf(Outcome.Retry.class);
        }
    }

    @Test
    void call_ends_before_the_time_limit_of_its_attempt() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {});
        Instant started = Instant.now();
        Instant limit = started.plusMillis(1000);
        assertThat(sender.send("x", CallContext.of(entry).until(limit))).isInstanceOf(Outcome.Retry.class);
        assertThat(Instant.now())
                .as("the deadline of the entry is 30 s")
                .isBetween(started.plusMillis(800), started.plusSeconds(20));
    }

    @Test
    void big_body_is_read_up_to_its_cap() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            say(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
            while (true) {
                say(out, "x".repeat(10_000)); // without an end
            }
        });
        HttpAnswer answer = sender.call("x", CallContext.of(entry.property("maxResponse", "1000")));
        assertThat(answer.outcome()).isEqualTo(Outcome.done());
        assertThat(answer.body()).isEqualTo("x".repeat(1000));
    }

    /** A repeat would do twice what the server has done. */
    @ParameterizedTest
    @ValueSource(strings = {"Content-Length: 100000", "Transfer-Encoding: chunked", "Connection: close"})
    void answer_counts_although_its_body_is_longer_than_the_cap(String framing) throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            say(out, "HTTP/1.1 200 OK\r\n" + framing + "\r\n\r\n");
            if (framing.endsWith("chunked")) {
                say(out, "10000\r\n" + "x".repeat(0x10000) + "\r\n0\r\n\r\n");
            } else {
                say(out, "x".repeat(100_000));
            }
            socket.shutdownOutput();
        });
        try (HttpSender one = HttpSender.builder().connections(1).open()) {
            for (int calls = 0; calls < 3; calls++) {
                HttpAnswer answer = one.call("x", CallContext.of(entry.property("maxResponse", "1000")));
                assertThat(answer.outcome()).isEqualTo(Outcome.done());
                assertThat(answer.body()).isEqualTo("x".repeat(1000));
            }
        }
    }

    /** 50 KB on the wire, and 50 MB for a client that unpacks: nothing was asked for packed, so nothing is unpacked. */
    @Test
    void packed_body_stays_packed_and_within_its_cap() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            byte[] block = new byte[1024 * 1024];
            for (int i = 0; i < 50; i++) {
                out.write(block);
            }
        }
        SettingsEntry entry = entry((out, socket) -> {
            say(out, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + packed.size() + "\r\n\r\n");
            packed.writeTo(out);
            out.flush();
        });
        HttpAnswer answer = sender.call("x", CallContext.of(entry.property("maxResponse", "1000")));
        assertThat(answer.outcome()).isEqualTo(Outcome.done());
        assertThat(answer.body().length()).isLessThanOrEqualTo(1000);
        assertThat(answer.body()).startsWith("\u001f");
    }

    /** The hello of a server that chooses TLS 1.0. */
    @Test
    void old_protocol_is_refused() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            byte[] hello = new byte[5 + 4 + 2 + 32 + 1 + 2 + 1];
            hello[0] = 22; // a record of the handshake, of TLS 1.0
            hello[1] = 3;
            hello[2] = 1;
            hello[4] = (byte) (hello.length - 5);
            hello[5] = 2; // the hello of a server
            hello[8] = (byte) (hello.length - 9);
            hello[9] = 3;
            hello[10] = 1;
            hello[hello.length - 2] = 0x2F; // TLS_RSA_WITH_AES_128_CBC_SHA
            out.write(hello);
            out.flush();
        });
        SettingsEntry https = entry.endpoint("https://127.0.0.1:" + server.getLocalPort() + "/");
        assertThat(retryOf(https)).contains("TLS10").doesNotContain("within");
    }

    @Test
    void endless_header_is_no_answer() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {
            say(out, "HTTP/1.1 200 OK\r\nX-A: ");
            while (true) {
                say(out, "x".repeat(10_000));
            }
        });
        assertThat(retryOf(entry)).startsWith("127.0.0.1: ").doesNotContain("within");
    }

    @Test
    void server_that_closes_before_or_in_the_middle_of_its_answer_is_tried_again_once_a_message() throws Exception {
        for (String half : new String[] {
            "",
            "HTTP/1.1 2",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            "HTTP/1.1 abc OK\r\n\r\n",
            "\0\1\2\r\n\r\n"
        }) {
            try (HttpFaultTest other = new HttpFaultTest()) {
                SettingsEntry entry = other.entry((out, socket) -> {
                    say(out, half);
                    socket.close();
                });
                assertThat(other.retryOf(entry)).as(half).startsWith("127.0.0.1: ");
                assertThat(other.open)
                        .as("the client repeats nothing by itself")
                        .hasSize(1);
            }
        }
    }

    @Test
    void refused_connection_is_tried_again() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {});
        server.close();
        assertThat(retryOf(entry)).startsWith("127.0.0.1: ").containsIgnoringCase("refused");
    }

    @Test
    void message_that_finds_no_connection_free_comes_back_at_no_cost() throws Exception {
        try (HttpSender one = HttpSender.builder().connections(1).open()) {
            SettingsEntry entry = entry((out, socket) -> {});
            Future<Outcome> first =
                    threads.submit(() -> one.send("x", CallContext.of(entry.property("deadline", "5s"))));
            assertThat(connected.await(30, TimeUnit.SECONDS)).isTrue();
            Outcome second = one.send("x", CallContext.of(entry.property("deadline", "100ms")));
            assertThat(second).isInstanceOf(Outcome.Snooze.class);
            first.cancel(true);
        }
    }

    @Test
    void cookies_and_proxies_of_the_jvm_are_not_used() throws Exception {
        System.setProperty("http.proxyHost", "127.0.0.1");
        System.setProperty("http.proxyPort", "1");
        System.setProperty("socksProxyHost", "127.0.0.1");
        System.setProperty("socksProxyPort", "1");
        try {
            SettingsEntry entry = entry((out, socket) -> {
                say(out, "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n");
                byte[] head = new byte[8192];
                int length = socket.getInputStream().read(head);
                boolean cookie =
                        new String(head, 0, Math.max(length, 0), StandardCharsets.ISO_8859_1).contains("Cookie");
                say(out, "HTTP/1.1 " + (cookie ? "400 Cookie" : "200 OK") + "\r\nContent-Length: 0\r\n\r\n");
            });
            assertThat(sender.send("x", CallContext.of(entry))).isEqualTo(Outcome.done());
            assertThat(sender.send("x", CallContext.of(entry))).isEqualTo(Outcome.done());
            assertThat(open).as("one connection for both").hasSize(1);
        } finally {
            for (String name : new String[] {"http.proxyHost", "http.proxyPort", "socksProxyHost", "socksProxyPort"}) {
                System.clearProperty(name);
            }
        }
    }

    @Test
    void interrupted_call_says_so() throws Exception {
        SettingsEntry entry = entry((out, socket) -> {});
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> sender.send("x", CallContext.of(entry.property("deadline", "300ms"))))
                .isInstanceOf(InterruptedException.class);
    }
}

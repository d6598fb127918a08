package io.postroom.channel.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whom HTTPS trusts. */
class HttpsTest {
    private static final char[] PASSWORD = "changeit".toCharArray();
    private static final AtomicInteger REQUESTS = new AtomicInteger();

    @TempDir
    private static Path folder;

    private static KeyStore keys;
    private static HttpsServer server;

    /** For api.example, signed by itself. */
    @BeforeAll
    static void start() throws Exception {
        Path file = folder.resolve("keys.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "stub",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=api.example",
                        "-ext",
                        "SAN=dns:api.example",
                        "-keystore",
                        file.toString(),
                        "-storepass",
                        new String(PASSWORD))
                .inheritIO()
                .start();
        assertThat(keytool.waitFor()).isZero();
        keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            keys.load(in, PASSWORD);
        }
        server = serve(keys);
    }

    private static HttpsServer serve(KeyStore keys) throws Exception {
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, PASSWORD);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 50);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.createContext("/", exchange -> {
            REQUESTS.incrementAndGet();
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        return server;
    }

    @AfterAll
    static void stop() {
        server.stop(0);
    }

    private static Outcome send(HttpSender.Builder builder, String host) throws InterruptedException {
        return send(builder, host, server);
    }

    private static Outcome send(HttpSender.Builder builder, String host, HttpsServer server)
            throws InterruptedException {
        try (HttpSender sender = builder.open(name -> new InetAddress[] {InetAddress.getLoopbackAddress()})) {
            return sender.send(
                    "x",
                    CallContext.of(SettingsEntry.of("billing", "http")
                            .endpoint("https://" + host + ":"
                                    + server.getAddress().getPort() + "/")
                            .property("allowPrivate", "true")));
        }
    }

    private static SSLContext trusting() throws Exception {
        return trusting(keys.getCertificate("stub"));
    }

    private static SSLContext trusting(Certificate signer) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("signer", signer);
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    @Test
    void certificate_counts_only_with_a_trusted_signer_and_the_name_of_the_host() throws Exception {
        int before = REQUESTS.get();
        assertThat(send(HttpSender.builder(), "api.example"))
                .as("signed by itself")
                .isInstanceOfSatisfying(
                        Outcome.Retry.class,
                        retry -> assertThat(retry.reason()).containsIgnoringCase("certification path"));
        assertThat(send(HttpSender.builder().tls(trusting()), "other.example"))
                .as("of another host")
                .isInstanceOfSatisfying(
                        Outcome.Retry.class, retry -> assertThat(retry.reason()).contains("other.example"));
        assertThat(REQUESTS).hasValue(before);
        assertThat(send(HttpSender.builder().tls(trusting()), "api.example")).isEqualTo(Outcome.done());
        assertThat(REQUESTS).hasValue(before + 1);
    }

    /**
     * expired.p12 has a certificate for api.example that was good in 2020, and that of its signer. It was made by keytool -genkeypair,
     * -certreq, -gencert and -importcert. Signed by itself it would do for no test: a certificate that is trusted itself never expires.
     */
    @Test
    void expired_certificate_of_a_trusted_signer_is_refused() throws Exception {
        KeyStore expired = KeyStore.getInstance("PKCS12");
        try (InputStream in = HttpsTest.class.getResourceAsStream("expired.p12")) {
            expired.load(in, PASSWORD);
        }
        HttpsServer late = serve(expired);
        int before = REQUESTS.get();
        try {
            assertThat(send(HttpSender.builder().tls(trusting(expired.getCertificate("ca"))), "api.example", late))
                    .isInstanceOfSatisfying(
                            Outcome.Retry.class,
                            retry -> assertThat(retry.reason()).containsIgnoringCase("validity"));
            assertThat(REQUESTS).hasValue(before);
        } finally {
            late.stop(0);
        }
    }
}

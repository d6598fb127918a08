package io.postroom.internal.mailboxes;

import static org.assertj.core.api.Assertions.assertThat;

import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.ServerSetup;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.MailHost;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whom a mailbox gives its password to. Trust is a matter of the whole JVM, so that what trusts the test's certificate runs in another. */
@Timeout(120)
class MailboxTlsTest {
    private static final String STORE_PASSWORD = "changeit";

    @TempDir
    Path folder;

    /** Asks mail servers with TLS, whose certificate is for the host localhost, under that name and under their address. */
    public static void main(String[] arguments) {
        Thread.setDefaultUncaughtExceptionHandler((thread, failed) -> {}); // of the server, whose clients leave
        GreenMail server = new GreenMail(new ServerSetup[] {
            new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_IMAPS),
            new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_POP3S)
        });
        server.start();
        server.setUser(MailHost.USER, MailHost.USER, MailHost.PASSWORD);
        for (String host : new String[] {"localhost", "127.0.0.1"}) {
            print("imaps://" + host + ":" + server.getImaps().getPort());
            print("pop3s://" + host + ":" + server.getPop3s().getPort());
        }
        server.stop();
        System.out.println("END");
    }

    private static void print(String endpoint) {
        SettingsVerdict verdict = new MailboxCheck()
                .test(
                        SettingsEntry.of("support", "mailbox")
                                .endpoint(endpoint)
                                .secret("env:P")
                                .property("user", MailHost.USER)
                                .property("queue", "q"),
                        Optional.of(MailHost.PASSWORD));
        System.out.println(endpoint.replaceAll(":\\d+$", "") + " " + verdict.ok() + " " + verdict.text());
    }

    @Test
    void server_with_a_trusted_certificate_of_another_host_is_refused() throws Exception {
        Path keys = folder.resolve("keys.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=localhost",
                        "-ext",
                        "san=dns:localhost",
                        "-storetype",
                        "PKCS12",
                        "-storepass",
                        STORE_PASSWORD,
                        "-keystore",
                        keys.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(keytool.waitFor()).as(output).isZero();
        try (JvmProcess asking = JvmProcess.of(MailboxTlsTest.class)
                .option("-Djavax.net.ssl.trustStore=" + keys)
                .option("-Djavax.net.ssl.trustStorePassword=" + STORE_PASSWORD)
                .option("-Dgreenmail.tls.keystore.file=" + keys)
                .option("-Dgreenmail.tls.keystore.password=" + STORE_PASSWORD)
                .start()) {
            asking.awaitLine("END");

            assertThat(asking.lines())
                    .anyMatch(line -> line.contains("imaps://localhost true "))
                    .anyMatch(line -> line.contains("pop3s://localhost true "))
                    .anyMatch(line -> line.contains("imaps://127.0.0.1 false ") && line.contains("matching IP address"))
                    .anyMatch(line -> line.contains("pop3s://127.0.0.1 false ") && line.contains("matching IP address"))
                    .noneMatch(line -> line.contains(MailHost.PASSWORD));
        }
    }
}

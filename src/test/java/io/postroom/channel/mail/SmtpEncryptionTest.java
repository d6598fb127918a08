package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.channel.mail.MailSettings.Encryption;
import io.postroom.testing.JvmProcess;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import javax.net.ServerSocketFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Trust is a matter of the whole JVM, so that what trusts the test's certificate runs in another one. */
@Timeout(60)
class SmtpEncryptionTest {
    private static final String PASSWORD = "changeit";

    @TempDir
    static Path directory;

    private static SSLContext tls;

    @BeforeAll
    static void makeCertificate() throws Exception {
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
                        PASSWORD,
                        "-keystore",
                        keyStore().toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(keytool.waitFor()).as(output).isZero();
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(keyStore())) {
            keys.load(in, PASSWORD.toCharArray());
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, PASSWORD.toCharArray());
        tls = SSLContext.getInstance("TLS");
        tls.init(managers.getKeyManagers(), null, null);
    }

    @ParameterizedTest
    @EnumSource(
            value = Encryption.class,
            names = {"START_TLS", "TLS"})
    void a_server_is_spoken_to_when_its_certificate_is_trusted_and_made_out_to_its_name(Encryption encryption)
            throws Exception {
        try (ScriptedSmtpServer server = serve(encryption)) {
            String outcomes = sendTrusting(server, encryption, "localhost", "127.0.0.1");

            // The certificate says localhost and nothing else.
            assertThat(outcomes.lines())
                    .containsExactly("Done[note=Optional.empty]", "NotNow[destination=127.0.0.1, retryAfter=PT30S]");
            assertThat(server.mails()).hasSize(1);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Encryption.class,
            names = {"START_TLS", "TLS"})
    void a_server_whose_certificate_nobody_vouches_for_gets_no_password_and_no_mail(Encryption encryption)
            throws Exception {
        try (ScriptedSmtpServer server = serve(encryption);
                MailChannel channel = MailChannel.open(
                        settings(server.port(), encryption, "localhost").login("app", "secret"))) {
            assertThat(channel.send(mail(), MessageIds.next(), Instant.now())).isInstanceOf(Outcome.NotNow.class);
            assertThat(server.count("AUTH") + server.count("MAIL")).isZero();
        }
    }

    @Test
    void encryption_is_the_default() {
        assertThat(MailSettings.defaults().encryption()).isEqualTo(Encryption.START_TLS);
    }

    private static ScriptedSmtpServer serve(Encryption encryption) throws IOException {
        return encryption == Encryption.TLS
                ? new ScriptedSmtpServer(tls.getServerSocketFactory(), null)
                : new ScriptedSmtpServer(ServerSocketFactory.getDefault(), tls.getSocketFactory())
                        .answer("EHLO", "250-scripted\r\n250 STARTTLS", "250 secure", "250-scripted\r\n250 STARTTLS")
                        .answer("STARTTLS", "220 go", "220 go");
    }

    private static String sendTrusting(ScriptedSmtpServer server, Encryption encryption, String... hosts)
            throws Exception {
        List<String> arguments = new ArrayList<>(List.of(String.valueOf(server.port()), encryption.name()));
        arguments.addAll(List.of(hosts));
        try (JvmProcess sender = JvmProcess.of(Sender.class)
                .option("-Djavax.net.ssl.trustStore=" + keyStore())
                .option("-Djavax.net.ssl.trustStorePassword=" + PASSWORD)
                .arguments(arguments.toArray(String[]::new))
                .start()) {
            assertThat(sender.awaitEnd()).as(sender.output()).isZero();
            return sender.lines().stream()
                    .filter(line -> line.startsWith("outcome: "))
                    .map(line -> line.substring("outcome: ".length()))
                    .collect(Collectors.joining("\n"));
        }
    }

    private static Path keyStore() {
        return directory.resolve("keys.p12");
    }

    private static MailSettings settings(int port, Encryption encryption, String host) {
        return MailSettings.defaults()
                .host(host)
                .port(port)
                .encryption(encryption)
                .from("tickets@example.org");
    }

    private static Mail mail() {
        return Mail.to("ann@example.org").subject("Your order").text("Thank you.");
    }

    /** Sends one mail by each host and prints the outcomes. */
    static final class Sender {
        public static void main(String[] args) throws Exception {
            for (String host : List.of(args).subList(2, args.length)) {
                MailSettings settings = settings(Integer.parseInt(args[0]), Encryption.valueOf(args[1]), host);
                try (MailChannel channel = MailChannel.open(settings)) {
                    System.out.println("outcome: " + channel.send(mail(), MessageIds.next(), Instant.now()));
                }
            }
        }
    }
}

package io.postroom.internal.mailboxes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.ServerSetup;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import io.postroom.testing.MailHost;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Connections to mail servers that are not as one hopes. */
@Timeout(60)
class MailboxOpenerTest {
    private static SettingsEntry entry(String endpoint) {
        return SettingsEntry.of("support", "mailbox")
                .endpoint(endpoint)
                .secret("env:P")
                .property("user", MailHost.USER)
                .property("queue", "q");
    }

    private static SettingsVerdict test(SettingsEntry entry) {
        return new MailboxCheck().test(entry, Optional.of(MailHost.PASSWORD));
    }

    @ParameterizedTest
    @ValueSource(strings = {"imap", "pop3"})
    void password_goes_to_no_other_machine_without_encryption_unless_the_entry_says_so(String protocol) {
        try (MailHost host = new MailHost()) {
            int port = protocol.equals("imap") ? host.imapPort() : host.pop3Port();
            // It is this machine, in a spelling that is not known as such.
            SettingsEntry other = entry(protocol + "://[::ffff:127.0.0.1]:" + port);

            SettingsVerdict refused = test(other);
            assertThat(refused.ok()).isFalse();
            assertThat(refused.text()).containsPattern("STARTTLS|STLS").doesNotContain("the login as");
            assertThat(test(other.property("plain", "true")).text()).contains("0 mails are there");
            assertThat(test(entry(protocol + "://127.0.0.1:" + port)).ok()).isTrue();
        }
    }

    @Test
    void server_with_a_certificate_that_nobody_trusts_is_refused() {
        GreenMail server = new GreenMail(new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_IMAPS));
        server.start();
        try {
            server.setUser(MailHost.USER, MailHost.USER, MailHost.PASSWORD);

            SettingsVerdict verdict =
                    test(entry("imaps://localhost:" + server.getImaps().getPort()));

            assertThat(verdict.ok()).isFalse();
            assertThat(verdict.text()).contains("certification path").doesNotContain(MailHost.PASSWORD);
        } finally {
            server.stop();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"imap", "imaps", "pop3"})
    void server_that_says_nothing_is_given_up(String protocol) throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            SettingsEntry entry = entry(protocol + "://127.0.0.1:" + silent.getLocalPort());

            SettingsVerdict verdict = test(entry.property("readTimeout", "100ms"));

            assertThat(verdict.ok()).isFalse();
            assertThat(verdict.text()).contains("127.0.0.1:" + silent.getLocalPort());
        }
    }

    @Test
    void cut_ends_a_wait_for_the_server_at_once() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            MailboxEntry entry = MailboxEntry.of(
                    entry("imap://127.0.0.1:" + silent.getLocalPort()).property("readTimeout", "10m"));
            CutSockets sockets = new CutSockets();
            CompletableFuture<OpenMailbox> opened = CompletableFuture.supplyAsync(() -> {
                try {
                    return MailboxOpener.open(entry, "", true, sockets);
                } catch (MailboxException failed) {
                    throw new IllegalStateException(failed);
                }
            });
            silent.accept(); // it waits for the greeting from now on

            sockets.cut();

            assertThatThrownBy(() -> opened.get(30, TimeUnit.SECONDS))
                    .hasRootCauseInstanceOf(java.net.SocketException.class);
        }
    }

    @Test
    void server_that_is_not_there_is_named() {
        assertThat(test(entry("imap://127.0.0.1:1")).text())
                .contains("127.0.0.1:1")
                .contains("refused");
        assertThat(test(entry("imaps://nowhere.invalid")).text()).contains("no such host");
    }
}

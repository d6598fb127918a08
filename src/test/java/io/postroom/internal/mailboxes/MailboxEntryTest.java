package io.postroom.internal.mailboxes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsEntry;
import io.postroom.internal.mailboxes.MailboxEntry.After;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an entry of the channel mailbox may say. */
class MailboxEntryTest {
    private static SettingsEntry entry(String endpoint) {
        return SettingsEntry.of("support", "mailbox")
                .endpoint(endpoint)
                .secret("env:PASSWORD")
                .property("user", "ann")
                .property("queue", "mails");
    }

    @Test
    void defaults_fit_the_protocol() {
        MailboxEntry imap = MailboxEntry.of(entry("imaps://mail.example.org"));
        assertThat(imap.port()).isEqualTo(993);
        assertThat(imap.after()).isEqualTo(After.SEEN);
        assertThat(imap.all()).isFalse();
        assertThat(imap.type()).isEqualTo("mail.received");
        MailboxEntry pop3 = MailboxEntry.of(entry("pop3s://mail.example.org:1995"));
        assertThat(pop3.port()).isEqualTo(1995);
        assertThat(pop3.after()).isEqualTo(After.KEEP);
        assertThat(pop3.all()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "imap://mail.example.org, true",
        "pop3://10.0.0.1, true",
        "imap://localhost, false",
        "imap://127.0.0.1, false",
        "pop3://[::1], false",
        "imap://127.0.0.1.example.org, true"
    })
    void encryption_is_needed_but_on_the_way_to_this_machine(String endpoint, boolean needed) {
        assertThat(MailboxEntry.of(entry(endpoint)).isEncryptionNeeded()).isEqualTo(needed);
        assertThat(MailboxEntry.of(entry(endpoint).property("plain", "true")).isEncryptionNeeded())
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "mail.example.org",
                "http://mail.example.org",
                "imap://mail.example.org/INBOX",
                "imap://mail.example.org?x=1",
                "imap://mail.example.org:0",
                "imap://mail.example.org:65536",
                "imap://ann:secret-word@mail.example.org",
                "imap:// "
            })
    void endpoint_is_a_server_and_nothing_else(String endpoint) {
        assertThatThrownBy(() -> MailboxEntry.of(entry(endpoint)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("endpoint must be imaps://host")
                .hasMessageNotContaining("secret-word");
    }

    @ParameterizedTest
    @CsvSource({
        "user, '', properties.user",
        "queue, a b, properties.queue",
        "folder, '', properties.folder",
        "after, burn, 'seen, move, delete, keep'",
        "after, move, properties.moveTo must be given",
        "moveTo, Done, properties.moveTo must be left out",
        "existing, none, 'unread, all'",
        "every, 1ms, 1s to 1d",
        "maxMail, 0, 1 to 104857600",
        "attachments, 1048577, 0 to 1048576",
        "keepHeaders, a b, properties.keepHeaders",
        "keepHeaders, Mailbox, without mailbox and mail-message-id",
        "colour, red, knows no such property"
    })
    void wrong_property_is_named_with_its_limit(String property, String value, String text) {
        assertThatThrownBy(() -> MailboxEntry.of(entry("imap://localhost").property(property, value)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining(text);
    }

    @Test
    void pop3_has_neither_folders_nor_flags() {
        assertThatThrownBy(() -> MailboxEntry.of(entry("pop3://localhost").property("folder", "Bills")))
                .hasMessageContaining("POP3 has one folder");
        assertThatThrownBy(() -> MailboxEntry.of(entry("pop3://localhost").property("after", "seen")))
                .hasMessageContaining("keep, delete");
    }

    @Test
    void page_names_each_property() throws Exception {
        Matcher rows = Pattern.compile("(?m)^\\| `([A-Za-z]+)` \\|")
                .matcher(Files.readString(Path.of("docs/mail.md")).split("### Properties of a mailbox")[1]);
        Set<String> named = new TreeSet<>();
        while (rows.find()) {
            named.add(rows.group(1));
        }

        assertThat(named).isEqualTo(new TreeSet<>(MailboxEntry.KNOWN));
    }
}

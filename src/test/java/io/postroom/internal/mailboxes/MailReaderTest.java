package io.postroom.internal.mailboxes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.CreateMessage.Content;
import io.postroom.api.Limits;
import io.postroom.api.ReceivedMail;
import io.postroom.api.ReceivedMail.Address;
import io.postroom.api.ReceivedMail.Attachment;
import io.postroom.api.SettingsEntry;
import io.postroom.handler.JacksonPayloadCodec;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of the bytes of a mail. */
class MailReaderTest {
    private static final SettingsEntry ENTRY = SettingsEntry.of("support", "mailbox")
            .endpoint("imap://localhost")
            .secret("env:PASSWORD")
            .property("user", "ann")
            .property("queue", "mails");
    private static final Instant ARRIVED = Instant.parse("2026-11-02T09:00:05Z");

    private static MailReader.Read read(SettingsEntry entry, byte[] bytes) throws Exception {
        return new MailReader(MailboxEntry.of(entry))
                .read(
                        new FoundMail(
                                "7",
                                7,
                                bytes.length,
                                Optional.of(ARRIVED),
                                false,
                                new MimeMessage(Session.getInstance(new Properties()))),
                        bytes);
    }

    private static ReceivedMail mail(SettingsEntry entry, byte[] bytes) throws Exception {
        Content.Json json = (Content.Json) read(entry, bytes).message().content();
        assertThat(json.type()).isEqualTo("mail.received");
        assertThat(json.json().getBytes(StandardCharsets.UTF_8)).hasSizeLessThanOrEqualTo(Limits.PAYLOAD_BYTES);
        return new JacksonPayloadCodec().read(json.json().getBytes(StandardCharsets.UTF_8), ReceivedMail.class);
    }

    private static ReceivedMail mail(String rfc822) throws Exception {
        return mail(ENTRY, rfc822.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void mail_becomes_a_payload_with_bodies_and_attachments() throws Exception {
        ReceivedMail mail = mail("""
                From: =?UTF-8?Q?J=C3=B6rg?= <joerg@example.com>
                To: ann@example.org, "Lee, Bob" <bob@example.org>
                Cc: carl@example.org
                Reply-To: desk@example.com
                Subject: =?UTF-8?B?R3LDvMOfZQ==?=
                Date: Mon, 2 Nov 2026 10:00:00 +0100
                Message-ID: <a1@example.com>
                In-Reply-To: <a0@example.com>
                MIME-Version: 1.0
                Content-Type: multipart/mixed; boundary=m

                --m
                Content-Type: multipart/alternative; boundary=a

                --a
                Content-Type: text/plain; charset=ISO-8859-1
                Content-Transfer-Encoding: quoted-printable

                Gr=FC=DFe
                --a
                Content-Type: text/html; charset=UTF-8

                <p>Grüße</p>
                --a--
                --m
                Content-Type: application/pdf
                Content-Disposition: attachment; filename="bill.pdf"
                Content-Transfer-Encoding: base64

                AQID
                --m--
                """);

        assertThat(mail)
                .isEqualTo(new ReceivedMail(
                        new Address("Jörg", "joerg@example.com"),
                        List.of(new Address("", "ann@example.org"), new Address("Lee, Bob", "bob@example.org")),
                        List.of(new Address("", "carl@example.org")),
                        List.of(new Address("", "desk@example.com")),
                        "Grüße",
                        Optional.of(Instant.parse("2026-11-02T09:00:00Z")),
                        Optional.of(ARRIVED),
                        "a1@example.com",
                        "a0@example.com",
                        false,
                        "Grüße",
                        Optional.of("<p>Grüße</p>"),
                        false,
                        List.of(new Attachment("bill.pdf", "application/pdf", 3, Optional.of(new byte[] {1, 2, 3}))),
                        ""));
    }

    @Test
    void mail_without_date_sender_and_id_is_a_message() throws Exception {
        ReceivedMail mail = mail("Subject: none\nDate: yesterday\n\nbody\n");

        assertThat(mail.date()).isEmpty();
        assertThat(mail.from()).isEqualTo(new Address("", ""));
        assertThat(mail.messageId()).isEmpty();
        assertThat(mail.text()).isEqualTo("body\r\n");
        assertThat(mail("").text()).isEmpty();
    }

    @Test
    void unknown_charset_is_named_and_read_as_utf_8_or_latin() throws Exception {
        ReceivedMail mail = mail("Content-Type: text/plain; charset=klingon-1\n\nGrüße");

        assertThat(mail.text()).isEqualTo("Grüße");
        assertThat(mail.problem()).contains("klingon-1");
        byte[] latin = "Content-Type: text/plain\r\n\r\nGrüße".getBytes(Charset.forName("windows-1252"));
        assertThat(mail(ENTRY, latin).text()).isEqualTo("Grüße");
    }

    @Test
    void control_characters_of_headers_become_blanks() throws Exception {
        ReceivedMail mail =
                mail("Subject: a\u0007b\u0000c =?UTF-8?Q?d=0D=0Ae?=\nFrom: \"x\u0001y\" <x@example.com>\n\nt\u0000");

        assertThat(mail.subject()).isEqualTo("a b\uFFFDc d  e");
        assertThat(mail.from().name()).isEqualTo("x y");
        assertThat(mail.text()).isEqualTo("t\uFFFD");
    }

    @Test
    void broken_mime_keeps_its_text_and_says_what_is_broken() throws Exception {
        ReceivedMail noEnd = mail("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n");
        assertThat(noEnd.text()).isEqualTo("first\r\n");

        ReceivedMail noParts = mail("Content-Type: multipart/mixed; boundary=b\n\nno part at all\n");
        assertThat(noParts.text()).contains("no part at all");

        ReceivedMail noBase64 =
                mail("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!no base64 at all\n");
        assertThat(noBase64.text()).contains("!!no base64 at all");
        assertThat(noBase64.problem()).contains("not encoded as it says");

        assertThat(mail("Content-Type: nonsense\n\ntext").text()).isEqualTo("text");
        assertThat(mail("Subject: s\nFrom: not an address @@ <<\n\ntext").from().address())
                .contains("not an address");
    }

    private static String parts(int count) {
        return "Subject: many\nContent-Type: multipart/mixed; boundary=b\n\n"
                + IntStream.range(0, count)
                        .mapToObj(
                                i -> "--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\""
                                        + i + ".pdf\"\n\nx" + i + "\n")
                        .collect(Collectors.joining())
                + "--b--\n";
    }

    @Test
    void thousand_attachments_are_a_message_and_one_more_is_refused() throws Exception {
        ReceivedMail mail = mail(parts(1000));

        assertThat(mail.attachments()).hasSize(1000);
        assertThat(mail.attachments().get(999).name()).isEqualTo("999.pdf");
        assertThat(mail.attachments().get(999).content().orElseThrow())
                .asString()
                .isEqualTo("x999");
        assertThatThrownBy(() -> mail(parts(1001))).hasMessageContaining("more than 1000 parts");
    }

    @Test
    void mail_that_would_need_too_much_memory_is_refused_before_it_is_parsed() {
        assertThatThrownBy(() -> mail("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\n".repeat(20_001)))
                .hasMessageContaining("more than 20000 lines that begin with --");
        assertThatThrownBy(() -> mail("a: b\n".repeat(200_000)))
                .hasMessageContaining("headers have more than 1048576 bytes");
    }

    @Test
    void deep_nesting_ends() throws Exception {
        String deep = IntStream.range(0, 200)
                .mapToObj(i -> "Content-Type: multipart/mixed; boundary=b" + i + "\n\n--b" + i + "\n")
                .collect(Collectors.joining());

        assertThat(mail("Subject: deep\n" + deep + "\nend").subject()).isEqualTo("deep");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "\u0001", "ä", "\"", "😀"})
    void large_text_is_cut_to_what_a_message_holds(String letter) throws Exception {
        ReceivedMail mail = mail("Subject: s\n\n" + letter.repeat(Limits.PAYLOAD_BYTES));

        assertThat(mail.isCut()).isTrue();
        assertThat(mail.text()).isEqualTo(letter.repeat(mail.text().length() / letter.length()));
        assertThat(mail.text().length()).isGreaterThan(150_000);
    }

    @Test
    void attachments_beyond_the_limit_have_name_and_size_alone() throws Exception {
        String large = "A".repeat(4000);
        String mail = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; name=l\n\n" + large
                + "\n--b\nContent-Type: text/plain; name=s\n\nsmall\n--b--\n";

        ReceivedMail limited = mail(
                ENTRY.property("attachments", "100"), mail.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));

        assertThat(limited.attachments())
                .satisfiesExactly(
                        one -> assertThat(one).isEqualTo(new Attachment("l", "text/plain", 4000, Optional.empty())),
                        two -> assertThat(two.content().orElseThrow())
                                .asString()
                                .isEqualTo("small"));
    }

    @Test
    void answer_to_a_mail_of_ours_has_the_id_of_its_message_as_correlation_id() throws Exception {
        String id = "019f2c1a-7b3c-7def-8abc-0123456789ab";
        String answer = "References: <x@y> <" + id + "@tickets.example.org>\nIn-Reply-To: <z@y>\n\nyes";

        assertThat(correlation(ENTRY, answer)).isEqualTo(id);
        assertThat(correlation(ENTRY.property("replyDomain", "Tickets.example.org"), answer))
                .isEqualTo(id);
        assertThat(correlation(ENTRY.property("replyDomain", "example.org"), answer))
                .isNotEqualTo(id);
        assertThat(correlation(ENTRY, "In-Reply-To: <1@tickets.example.org>\n\nno"))
                .isNotEqualTo("1");
    }

    private static String correlation(SettingsEntry entry, String rfc822) throws Exception {
        return read(entry, rfc822.getBytes(StandardCharsets.UTF_8))
                .message()
                .correlationId()
                .orElse("");
    }

    @Test
    void chosen_headers_are_kept_and_others_are_not() throws Exception {
        CreateMessage message = read(
                        ENTRY.property("keep-headers", "X-Spam-Score, List-Id"),
                        ("X-Spam-Score: 3\r\nX-Other: 1\r\nList-Id: " + "l".repeat(5000)
                                        + "\r\nMessage-ID: <i@x>\r\n\r\n")
                                .getBytes(StandardCharsets.UTF_8))
                .message();

        assertThat(message.headers())
                .containsEntry("x-spam-score", "3")
                .containsEntry("mailbox", "support")
                .containsEntry("mail-message-id", "i@x")
                .doesNotContainKey("x-other");
        assertThat(message.headers().get("list-id")).hasSize(1000);
    }

    @Test
    void raw_mail_is_kept_as_it_is_up_to_a_mebibyte() throws Exception {
        SettingsEntry raw = ENTRY.property("body", "raw");
        byte[] bytes = "Subject: raw\r\n\r\n\u0000".getBytes(StandardCharsets.UTF_8);

        Content.Body body = (Content.Body) read(raw, bytes).message().content();

        assertThat(body.bytes()).isEqualTo(bytes);
        assertThat(body.contentType()).isEqualTo("message/rfc822");
        assertThatThrownBy(() -> read(raw, new byte[Limits.PAYLOAD_BYTES + 1]))
                .hasMessageContaining("at most 1048576 are allowed");
    }

    @Test
    void mail_written_by_a_program_says_so() throws Exception {
        assertThat(mail("Auto-Submitted: auto-replied\n\naway").isAutomatic()).isTrue();
        assertThat(mail("Auto-Submitted: no\n\nhere").isAutomatic()).isFalse();
    }
}

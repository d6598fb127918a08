package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageIds;
import jakarta.mail.BodyPart;
import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import jakarta.mail.internet.MimeUtility;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MimeComposerTest {
    private static final UUID ID = MessageIds.next();
    private static final Instant CREATED_AT = Instant.parse("2026-03-01T10:15:30Z");
    private static final String LINES =
            "Dear Ann,\r\n.\r\n..\r\n.leading dot\r\nfrom: me\r\nFrom me\r\n" + "long ".repeat(2000) + "\r\n"
                    + "x".repeat(10_000) + "\r\ntrailing blank \r\n=_" + ID + "\r\n--=_" + ID + "_alternative\r\nКонец";

    private final MimeComposer composer =
            new MimeComposer(MailSettings.defaults().from("Ünal Ticket Office <tickets@example.org>"));

    private final Mail full = Mail.to("\"Lee, Ann\" <ann@example.org>", "Анна <anna@example.org>")
            .cc("bob@example.org")
            .bcc("eve@example.org")
            .replyTo("help@example.org")
            .subject("Заказ A-17 – «Hamlet», 2 × Reihe 7, " + "und noch viel mehr Text ".repeat(10))
            .text(LINES)
            .html("<p>Дорогая Анна</p>" + "y".repeat(10_000))
            .attach("Квитанция №17.pdf", "application/pdf", new byte[] {0, 13, 10, '.', 13, 10, -1})
            .attach("plain.csv", "text/csv; charset=UTF-8", "a;b\n.\n".getBytes(StandardCharsets.UTF_8))
            .header("X-Order", "заказ 17 " + "z".repeat(400))
            .header("List-Unsubscribe", "<mailto:leave@example.org>");

    @Test
    void everything_given_can_be_read_back() throws Exception {
        MimeMessage read = read(compose(full));

        assertThat(read.getFrom()[0].toString()).contains("tickets@example.org");
        assertThat(MailAddress.parse("from", MimeUtility.decodeText(read.getHeader("From", null)))
                        .name())
                .isEqualTo("Ünal Ticket Office");
        assertThat(read.getRecipients(Message.RecipientType.TO)).hasSize(2);
        assertThat(((InternetAddress) read.getRecipients(Message.RecipientType.TO)[0]).getPersonal())
                .isEqualTo("Lee, Ann");
        assertThat(read.getRecipients(Message.RecipientType.CC)).hasSize(1);
        assertThat(read.getReplyTo()).extracting(Object::toString).containsExactly("help@example.org");
        assertThat(read.getSubject()).isEqualTo(full.subject());
        assertThat(MimeUtility.decodeText(MimeUtility.unfold(read.getHeader("X-Order", null))))
                .isEqualTo(full.headers().get("X-Order"));
        assertThat(read.getHeader("List-Unsubscribe", null)).isEqualTo("<mailto:leave@example.org>");
        assertThat(read.getHeader("Auto-Submitted", null)).isEqualTo("auto-generated");

        MimeMultipart mixed = (MimeMultipart) read.getContent();
        MimeMultipart bodies = (MimeMultipart) mixed.getBodyPart(0).getContent();
        assertThat(text(bodies.getBodyPart(0))).isEqualTo(full.text().orElseThrow());
        assertThat(text(bodies.getBodyPart(1))).isEqualTo(full.html().orElseThrow());
        BodyPart receipt = mixed.getBodyPart(1);
        assertThat(receipt.getFileName()).isEqualTo("Квитанция №17.pdf");
        assertThat(receipt.getDisposition()).isEqualTo("attachment");
        assertThat(receipt.getHeader("Content-Disposition")[0]).contains("filename*=UTF-8''");
        assertThat(bytes(receipt)).isEqualTo(full.attachments().get(0).bytes());
        assertThat(bytes(mixed.getBodyPart(2)))
                .isEqualTo(full.attachments().get(1).bytes());
        assertThat(mixed.getCount()).isEqualTo(3);
    }

    /** Encoded words of any kind, those that lenient readers accept, and blanks that folding and trimming would drop. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "=?UTF-8?Q?hi?=",
                "Re: =?iso-8859-1?q?=E4?= and more",
                "a=?UTF-8?B?aGk=?=b",
                "=?UTF-8?Q?two?= =?UTF-8?Q?words?=",
                "Ünal =?UTF-8?Q?hi?=",
                "\"=?UTF-8?Q?hi?=\", <Ann>",
                "what is =?",
                "two  blanks",
            })
    void text_that_looks_like_an_encoded_word_is_read_back_as_it_is(String text) throws Exception {
        String longer = text + " and" + " so on".repeat(15) + " " + text;
        for (String stored : List.of(text, longer)) {
            Mail mail = Mail.to(new MailAddress(stored, "ann@example.org").toString())
                    .subject(stored)
                    .text("hello");

            MimeMessage read = read(compose(mail));

            assertThat(read.getSubject()).isEqualTo(stored);
            InternetAddress to = (InternetAddress) read.getRecipients(Message.RecipientType.TO)[0];
            assertThat(to.getPersonal()).isEqualTo(stored);
            assertThat(to.getAddress()).isEqualTo("ann@example.org");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {" leading", "trailing ", "  ", ""})
    void blanks_at_the_ends_of_a_subject_are_kept(String subject) throws Exception {
        assertThat(read(compose(full.subject(subject))).getSubject()).isEqualTo(subject);
    }

    @Test
    void id_and_date_are_the_messages_own() throws Exception {
        MimeMessage read = read(compose(full));

        assertThat(read.getMessageID()).isEqualTo("<" + ID + "@example.org>");
        assertThat(read.getSentDate()).isEqualTo(Date.from(CREATED_AT));
        assertThat(read.getHeader("Date", null)).isEqualTo("Sun, 1 Mar 2026 10:15:30 +0000");
    }

    @Test
    void the_same_message_is_the_same_mail_to_the_byte() {
        assertThat(compose(full)).isEqualTo(compose(full));
    }

    @Test
    void bcc_is_shown_only_where_it_is_asked_for() {
        assertThat(text(composer.compose(full, ID, CREATED_AT, false))).doesNotContain("eve@example.org");
        assertThat(text(composer.compose(full, ID, CREATED_AT, true))).contains("\r\nBcc: eve@example.org\r\n");
    }

    @Test
    void no_line_is_longer_than_SMTP_allows_and_all_end_in_CRLF() {
        String wire = text(compose(full));

        assertThat(wire.replace("\r\n", "")).doesNotContain("\r").doesNotContain("\n");
        assertThat(wire.split("\r\n")).allMatch(line -> line.length() <= 998);
        assertThat(wire.chars()).allMatch(c -> c < 0x80);
    }

    @Test
    void what_arrives_after_dot_stuffing_is_what_was_composed() throws Exception {
        try (ScriptedSmtpServer scripted = new ScriptedSmtpServer()) {
            MailChannel channel =
                    MailChannel.open(scripted.settings().from("Ünal Ticket Office <tickets@example.org>"));
            channel.send(full, ID, CREATED_AT);
            // Quoted-printable may begin any line with a dot; so may a file as text.
            channel.send(Mail.to("ann@example.org").text(".\n..\n.\r\n\r\n.\r\n"), ID, CREATED_AT);
            channel.close();

            assertThat(ScriptedSmtpServer.unstuffed(scripted.mails().get(0))).isEqualTo(compose(full));
            MimeMessage dots =
                    read(ScriptedSmtpServer.unstuffed(scripted.mails().get(1)));
            assertThat(dots.getContent()).isEqualTo(".\r\n..\r\n.\r\n\r\n.\r\n");
            assertThat(text(scripted.mails().get(1))).contains("\r\n..\r\n...\r\n..\r\n\r\n..\r\n");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u760D\u760A", "瘍瘊 DATA"})
    void letters_whose_low_bytes_are_line_ends_stay_letters(String letters) throws Exception {
        Mail mail = Mail.to(letters + " <ann@example.org>")
                .subject(letters)
                .text(letters)
                .header("X-Name", letters);

        byte[] wire = compose(mail);

        assertThat(text(wire).chars()).allMatch(c -> c < 0x80);
        assertThat(read(wire).getSubject()).isEqualTo(letters);
        assertThat(read(wire).getContent()).isEqualTo(letters);
    }

    @Test
    void one_body_needs_no_multipart() throws Exception {
        assertThat(read(compose(Mail.to("ann@example.org").text("hello"))).getContentType())
                .isEqualTo("text/plain; charset=UTF-8");
        assertThat(read(compose(Mail.to("ann@example.org").html("<p>hello"))).getContentType())
                .isEqualTo("text/html; charset=UTF-8");
    }

    @Test
    void it_composes_on_threads_whose_class_loader_knows_nothing() throws Exception {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(ClassLoader.getPlatformClassLoader());
        try {
            assertThat(compose(full)).isNotEmpty();
            assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(ClassLoader.getPlatformClassLoader());
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    /** CVE-2025-7962 was mended in 2.0.4. Ours is not affected, see {@link MailAddress}; a host that uses the library itself may be. */
    @Test
    void the_build_brings_a_mail_library_without_the_known_injection() throws IOException {
        Properties pom = new Properties();
        try (InputStream in =
                MimeMessage.class.getResourceAsStream("/META-INF/maven/org.eclipse.angus/angus-mail/pom.properties")) {
            pom.load(in);
        }

        assertThat(Runtime.Version.parse(pom.getProperty("version")))
                .isGreaterThanOrEqualTo(Runtime.Version.parse("2.0.4"));
    }

    private byte[] compose(Mail mail) {
        return composer.compose(mail, ID, CREATED_AT, false);
    }

    private static MimeMessage read(byte[] bytes) throws Exception {
        return new MimeMessage(Session.getInstance(new Properties()), new ByteArrayInputStream(bytes));
    }

    private static String text(BodyPart part) throws Exception {
        return (String) part.getContent();
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private static byte[] bytes(BodyPart part) throws Exception {
        return part.getInputStream().readAllBytes();
    }
}

package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MailTest {
    private static final Mail MAIL =
            Mail.to("ann@example.org").subject("Your order").text("Thank you.");

    static Stream<String> lineEnds() {
        return Stream.of(
                "a\rb",
                "a\nb",
                "a\r\nBcc: eve@example.org",
                "a\u0085b",
                "a\u2028b",
                "a\u2029b",
                "a\u0000b",
                "a\uDC00b");
    }

    @ParameterizedTest
    @MethodSource("lineEnds")
    void a_line_end_in_what_becomes_a_header_is_refused(String text) {
        assertRefused("subject", () -> MAIL.subject(text));
        assertRefused("headers", () -> MAIL.header("X-Order", text));
        assertRefused("headers", () -> MAIL.header("X-" + text, "A-17"));
        assertRefused("from", () -> MAIL.from(text + " <ann@example.org>"));
        assertRefused("replyTo", () -> MAIL.replyTo(text + " <ann@example.org>"));
        assertRefused("attachments", () -> MAIL.attach(text, "text/plain", new byte[1]));
        assertRefused("attachments", () -> MAIL.attach("a.txt", "text/plain; name=" + text, new byte[1]));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "From",
                "bcc",
                "Content-Type",
                "content-transfer-encoding",
                "Message-ID",
                "Date",
                "Subject",
                "Received",
                "MIME-Version",
                "Resent-To",
                "",
                "X Order",
                "X:Order",
                "Ü",
                "X-Ordér"
            })
    void a_header_the_mail_makes_itself_or_no_header_at_all_is_refused(String name) {
        assertRefused("headers", () -> MAIL.header(name, "x"));
    }

    @Test
    void there_are_at_most_50_recipients_of_all_kinds() {
        Mail full = MAIL;
        for (int i = 1; i < Mail.RECIPIENTS; i++) {
            String address = "user" + i + "@example.org";
            full = i % 2 == 0 ? full.cc(address) : full.bcc(address);
        }
        Mail fifty = full;

        assertThat(fifty.recipients()).hasSize(50);
        assertRefused("recipients", () -> fifty.cc("one.more@example.org"));
        String[] tenThousand = new String[10_000];
        java.util.Arrays.fill(tenThousand, "ann@example.org");
        assertRefused("to", () -> Mail.to("ann@example.org", tenThousand));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../../etc/passwd",
                "/etc/passwd",
                "a/b.txt",
                "..\\b.txt",
                "C:evil.txt",
                "..",
                ".profile",
                "",
                " ",
                "a\"b.txt",
                "a|b.txt"
            })
    void an_attachment_is_named_by_a_base_name(String name) {
        assertRefused("attachments", () -> MAIL.attach(name, "text/plain", new byte[1]));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "pdf",
                "text/",
                "text/plain\r\nX-Evil: 1",
                "text/plain; charset=utf-8\r\n\r\n<b>",
                "multipart/mixed",
                "Message/rfc822",
                "text/html; a=\"b\nc\"",
                "text /plain",
                "text/plain,text/html"
            })
    void a_content_type_is_a_content_type(String contentType) {
        assertRefused("attachments", () -> MAIL.attach("a.txt", contentType, new byte[1]));
    }

    @Test
    void sizes_have_their_limits() {
        assertRefused("subject", () -> MAIL.subject("s".repeat(Mail.SUBJECT_LENGTH + 1)));
        assertRefused("text", () -> MAIL.text("ж".repeat(Mail.BODY_BYTES / 2 + 1)));
        assertRefused("html", () -> MAIL.html("h".repeat(Mail.BODY_BYTES + 1)));
        assertRefused("headers", () -> MAIL.header("X-Long", "v".repeat(Mail.HEADER_LENGTH + 1)));
        assertRefused("attachments", () -> MAIL.attach("n".repeat(151), "text/plain", new byte[1]));
        assertRefused("attachments", () -> MAIL.attach("a.bin", "application/x", new byte[Mail.ATTACHMENT_BYTES + 1]));
        Mail half = MAIL.attach("a.bin", "application/x", new byte[Mail.ATTACHMENT_BYTES / 2 + 1]);
        assertRefused("attachments", () -> half.attach("b.bin", "application/x", new byte[Mail.ATTACHMENT_BYTES / 2]));
    }

    @Test
    void an_attachment_does_not_change_under_our_hands() {
        byte[] bytes = {1, 2, 3};
        Mail mail = MAIL.attach("a.bin", "application/x", bytes);
        bytes[0] = 9;
        mail.attachments().get(0).bytes()[1] = 9;

        assertThat(mail.attachments().get(0).bytes()).containsExactly(1, 2, 3);
    }

    @Test
    void a_mail_needs_something_to_read() {
        assertRefused("text", () -> Mail.to("ann@example.org").subject("empty").requireComplete());
        Mail.to("ann@example.org").text("").requireComplete();
        Mail.to("ann@example.org").html("<p>hello").requireComplete();
    }

    private static void assertRefused(String field, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(InvalidMessageException.class, e -> {
            assertThat(e.field()).isEqualTo(field);
            assertThat(e.limit()).isNotEmpty();
        });
    }
}

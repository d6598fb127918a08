package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A mail to be sent. Immutable, no {@code build()}: every method returns a changed copy, and refuses a value outside its limits with {@link
 * InvalidMessageException} at once. That it has a text or HTML is checked when it is sent.
 *
 * <pre>{@code
 * Mail.to("Ann Lee <ann@example.org>").subject("Your order A-17").text("…").html("<p>…</p>").attach("ticket.pdf", "application/pdf", bytes)
 * }</pre>
 *
 * @param from sender; the settings' sender when empty
 * @param bcc recipients that the mail does not name
 * @param text shown where HTML is not; at least one of text and html
 * @param headers further ones, such as {@code List-Unsubscribe}; not those that the other components make. A value in ASCII goes out as
 *     it is, any other as encoded words
 */
public record Mail(
        Optional<MailAddress> from,
        List<MailAddress> to,
        List<MailAddress> cc,
        List<MailAddress> bcc,
        List<MailAddress> replyTo,
        String subject,
        Optional<String> text,
        Optional<String> html,
        List<Attachment> attachments,
        Map<String, String> headers) {
    /** Most recipients: to, cc and bcc together. */
    public static final int RECIPIENTS = 50;

    public static final int SUBJECT_LENGTH = 500;
    /** Largest text or HTML body, in bytes of UTF-8. */
    public static final int BODY_BYTES = 1024 * 1024;

    public static final int ATTACHMENTS = 20;
    /** Most bytes of all attachments together; base64 adds a third on the wire. */
    public static final int ATTACHMENT_BYTES = 10 * 1024 * 1024;

    public static final int HEADERS = 30;
    public static final int HEADER_LENGTH = 500;

    private static final Pattern HEADER_NAME = Pattern.compile("[A-Za-z][A-Za-z0-9-]{0,75}");
    /** Headers made from the other components, or added by servers on the way. */
    private static final Set<String> RESERVED = Set.of(
            "from",
            "sender",
            "to",
            "cc",
            "bcc",
            "reply-to",
            "subject",
            "date",
            "message-id",
            "mime-version",
            "return-path",
            "received",
            "dkim-signature");

    public Mail {
        to = List.copyOf(to);
        cc = List.copyOf(cc);
        bcc = List.copyOf(bcc);
        replyTo = List.copyOf(replyTo);
        requireCount("recipients", to.size() + cc.size() + bcc.size(), RECIPIENTS);
        requireCount("replyTo", replyTo.size(), RECIPIENTS);
        subject = SingleLineText.require("subject", subject, SUBJECT_LENGTH);
        text.ifPresent(body -> requireBody("text", body));
        html.ifPresent(body -> requireBody("html", body));
        attachments = List.copyOf(attachments);
        requireCount("attachments", attachments.size(), ATTACHMENTS);
        long bytes = attachments.stream().mapToLong(Attachment::size).sum();
        if (bytes > ATTACHMENT_BYTES) {
            throw new InvalidMessageException(
                    "attachments", "at most " + ATTACHMENT_BYTES + " bytes in all", bytes + " bytes");
        }
        headers = requireHeaders(headers);
    }

    /** A mail to one person or several; each text is one mailbox. */
    public static Mail to(String first, String... more) {
        List<String> all = new ArrayList<>(List.of(more));
        all.add(0, first);
        return new Mail(
                Optional.empty(),
                addresses("to", all),
                List.of(),
                List.of(),
                List.of(),
                "",
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Map.of());
    }

    public Mail from(String mailbox) {
        Optional<MailAddress> sender = Optional.of(MailAddress.parse("from", mailbox));
        return new Mail(sender, to, cc, bcc, replyTo, subject, text, html, attachments, headers);
    }

    /** Adds one mailbox. */
    public Mail cc(String mailbox) {
        return new Mail(from, to, plus(cc, "cc", mailbox), bcc, replyTo, subject, text, html, attachments, headers);
    }

    /** Adds one mailbox. */
    public Mail bcc(String mailbox) {
        return new Mail(from, to, cc, plus(bcc, "bcc", mailbox), replyTo, subject, text, html, attachments, headers);
    }

    /** Adds one mailbox. */
    public Mail replyTo(String mailbox) {
        return new Mail(
                from, to, cc, bcc, plus(replyTo, "replyTo", mailbox), subject, text, html, attachments, headers);
    }

    public Mail subject(String subject) {
        return new Mail(from, to, cc, bcc, replyTo, subject, text, html, attachments, headers);
    }

    public Mail text(String text) {
        return new Mail(from, to, cc, bcc, replyTo, subject, Optional.of(text), html, attachments, headers);
    }

    public Mail html(String html) {
        return new Mail(from, to, cc, bcc, replyTo, subject, text, Optional.of(html), attachments, headers);
    }

    /** Adds a file. See {@link Attachment}. */
    public Mail attach(String name, String contentType, byte[] bytes) {
        List<Attachment> more = new ArrayList<>(attachments);
        more.add(new Attachment(name, contentType, bytes));
        return new Mail(from, to, cc, bcc, replyTo, subject, text, html, more, headers);
    }

    /** Adds or replaces a header. */
    public Mail header(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return new Mail(from, to, cc, bcc, replyTo, subject, text, html, attachments, more);
    }

    /** Returns to, cc and bcc together. */
    List<MailAddress> recipients() {
        List<MailAddress> all = new ArrayList<>(to);
        all.addAll(cc);
        all.addAll(bcc);
        return all;
    }

    /** Refuses a mail to nobody and one with nothing in it. */
    void requireComplete() {
        if (recipients().isEmpty()) {
            throw new InvalidMessageException("recipients", "1 to " + RECIPIENTS, "none");
        }
        if (text.isEmpty() && html.isEmpty()) {
            throw new InvalidMessageException("text", "given, or html", "");
        }
    }

    /**
     * A file that goes with a mail.
     *
     * @param name base name only: no folders, at most 150 characters; any letters
     * @param contentType {@code type/subtype} and parameters; shown as an attachment whatever it says
     * @param bytes copied in and out
     */
    public record Attachment(String name, String contentType, byte[] bytes) {
        public static final int NAME_LENGTH = 150;

        private static final String TOKEN = "[A-Za-z0-9!#$&^_.+-]{1,60}";
        private static final Pattern CONTENT_TYPE = Pattern.compile(
                TOKEN + "/" + TOKEN + "(; *" + TOKEN + "=(" + TOKEN + "|\"[A-Za-z0-9 ._+-]{0,60}\")){0,4}");

        public Attachment {
            SingleLineText.require("attachments", name, NAME_LENGTH);
            if (name.isBlank() || name.startsWith(".") || name.matches(".*[/\\\\:*?\"<>|].*")) {
                throw new InvalidMessageException(
                        "attachments",
                        "named by a base name without any of / \\ : * ? \" < > | and no leading dot",
                        name);
            }
            String type = contentType.toLowerCase(Locale.ROOT);
            if (!CONTENT_TYPE.matcher(contentType).matches()
                    || type.startsWith("multipart/")
                    || type.startsWith("message/")) {
                throw new InvalidMessageException(
                        "attachments",
                        "of a content type such as application/pdf, not a multipart or message",
                        contentType);
            }
            if (bytes.length > ATTACHMENT_BYTES) {
                throw new InvalidMessageException(
                        "attachments", "at most " + ATTACHMENT_BYTES + " bytes in all", bytes.length + " bytes");
            }
            bytes = bytes.clone();
        }

        @Override
        public byte[] bytes() {
            return bytes.clone();
        }

        int size() {
            return bytes.length;
        }
    }

    private static List<MailAddress> addresses(String field, List<String> mailboxes) {
        requireCount(field, mailboxes.size(), RECIPIENTS);
        return mailboxes.stream()
                .map(mailbox -> MailAddress.parse(field, mailbox))
                .toList();
    }

    private static List<MailAddress> plus(List<MailAddress> addresses, String field, String mailbox) {
        List<MailAddress> more = new ArrayList<>(addresses);
        more.add(MailAddress.parse(field, mailbox));
        return more;
    }

    private static void requireCount(String field, int count, int most) {
        if (count > most) {
            throw new InvalidMessageException(field, "at most " + most, count + " of them");
        }
    }

    private static void requireBody(String field, String body) {
        int bytes = body.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > BODY_BYTES) {
            throw new InvalidMessageException(field, "at most " + BODY_BYTES + " bytes", bytes + " bytes");
        }
    }

    private static Map<String, String> requireHeaders(Map<String, String> headers) {
        requireCount("headers", headers.size(), HEADERS);
        headers.forEach((name, value) -> {
            String lower = name.toLowerCase(Locale.ROOT);
            if (!HEADER_NAME.matcher(name).matches()
                    || RESERVED.contains(lower)
                    || lower.startsWith("content-")
                    || lower.startsWith("resent-")) {
                throw new InvalidMessageException(
                        "headers", "named with A-Z a-z 0-9 -, and not one the mail makes itself", name);
            }
            SingleLineText.require("headers", value, HEADER_LENGTH);
        });
        return Collections.unmodifiableMap(new LinkedHashMap<>(headers));
    }
}

package io.postroom.channel.mail;

import jakarta.activation.DataHandler;
import jakarta.mail.Address;
import jakarta.mail.Message;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.ContentDisposition;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import jakarta.mail.internet.MimePart;
import jakarta.mail.internet.MimeUtility;
import jakarta.mail.internet.ParameterList;
import jakarta.mail.util.ByteArrayDataSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.UnsupportedEncodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;

/**
 * Writes a mail as MIME. The same mail, id and time give the same bytes. Thread-safe.
 *
 * <pre>
 * multipart/mixed            only with attachments
 * ├─ multipart/alternative   only with both bodies
 * │  ├─ text/plain
 * │  └─ text/html
 * └─ attachment …
 * </pre>
 */
final class MimeComposer {
    private static final String UTF_8 = "UTF-8";
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern(
                    "EEE, d MMM yyyy HH:mm:ss Z", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);

    private final Session session = newSession(new Properties());
    private final MailAddress defaultFrom;
    private final String domain;

    MimeComposer(MailSettings settings) {
        this.defaultFrom = settings.from();
        this.domain = settings.effectiveDomain();
    }

    static Session newSession(Properties properties) {
        try (LibraryClassLoader loader = new LibraryClassLoader()) {
            return Session.getInstance(properties);
        }
    }

    /**
     * Composes the mail as bytes, with CRLF line ends and no line longer than 998.
     *
     * @param showBcc whether the mail names its bcc: only in a file, for no server would remove the header
     */
    byte[] compose(Mail mail, UUID id, Instant createdAt, boolean showBcc) {
        try (LibraryClassLoader loader = new LibraryClassLoader()) {
            MimeMessage message = new MessageWithId(session, "<" + id + "@" + domain + ">");
            writeHeaders(message, mail, createdAt, showBcc);
            writeContent(message, mail, "=_" + id);
            message.saveChanges();
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(4096);
            message.writeTo(bytes);
            return bytes.toByteArray();
        } catch (MessagingException e) {
            throw new IllegalStateException("The mail cannot be written as MIME: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void writeHeaders(MimeMessage message, Mail mail, Instant createdAt, boolean showBcc)
            throws MessagingException, UnsupportedEncodingException {
        message.setHeader("Date", DATE.format(createdAt));
        message.setFrom(toInternet(mail.from().orElse(defaultFrom)));
        message.setReplyTo(toInternet(mail.replyTo()));
        message.setRecipients(Message.RecipientType.TO, toInternet(mail.to()));
        message.setRecipients(Message.RecipientType.CC, toInternet(mail.cc()));
        if (showBcc) {
            message.setRecipients(Message.RecipientType.BCC, toInternet(mail.bcc()));
        }
        message.setHeader("Subject", MimeUtility.fold("Subject: ".length(), HeaderText.ofSubject(mail.subject())));
        // RFC 3834: keeps holiday notices from answering.
        message.setHeader("Auto-Submitted", "auto-generated");
        for (Map.Entry<String, String> header : mail.headers().entrySet()) {
            String value = MimeUtility.encodeText(header.getValue(), UTF_8, null);
            message.setHeader(header.getKey(), MimeUtility.fold(header.getKey().length() + 2, value));
        }
    }

    private static void writeContent(MimePart whole, Mail mail, String boundary) throws MessagingException {
        if (mail.attachments().isEmpty()) {
            writeBodies(whole, mail, boundary);
            return;
        }
        MimeMultipart mixed = new BoundedMultipart("mixed", boundary + "_mixed");
        MimeBodyPart bodies = new MimeBodyPart();
        writeBodies(bodies, mail, boundary);
        mixed.addBodyPart(bodies);
        for (Mail.Attachment attachment : mail.attachments()) {
            mixed.addBodyPart(attachmentPart(attachment));
        }
        whole.setContent(mixed);
    }

    private static void writeBodies(MimePart part, Mail mail, String boundary) throws MessagingException {
        if (mail.text().isPresent() && mail.html().isPresent()) {
            MimeBodyPart text = new MimeBodyPart();
            writeBody(text, "text/plain", mail.text().get());
            MimeBodyPart html = new MimeBodyPart();
            writeBody(html, "text/html", mail.html().get());
            // Plain text first: mail programs show the last part that they can.
            MimeMultipart alternative = new BoundedMultipart("alternative", boundary + "_alternative");
            alternative.addBodyPart(text);
            alternative.addBodyPart(html);
            part.setContent(alternative);
        } else if (mail.html().isPresent()) {
            writeBody(part, "text/html", mail.html().get());
        } else {
            writeBody(part, "text/plain", mail.text().orElse(""));
        }
    }

    /**
     * Encodes always as quoted-printable or base64: both keep lines short, and neither can contain a boundary, which begins with {@code
     * =_}.
     */
    private static void writeBody(MimePart part, String type, String body) throws MessagingException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        String contentType = type + "; charset=UTF-8";
        part.setDataHandler(new DataHandler(new ByteArrayDataSource(bytes, contentType)));
        part.setHeader("Content-Type", contentType);
        part.setHeader("Content-Transfer-Encoding", isMostlyAscii(bytes) ? "quoted-printable" : "base64");
    }

    private static MimeBodyPart attachmentPart(Mail.Attachment attachment) throws MessagingException {
        MimeBodyPart part = new MimeBodyPart();
        part.setDataHandler(new DataHandler(new ByteArrayDataSource(attachment.bytes(), attachment.contentType())));
        part.setHeader("Content-Type", attachment.contentType());
        part.setHeader("Content-Transfer-Encoding", "base64");
        // Not setFileName, which encodes in the platform's charset.
        ParameterList parameters = new ParameterList();
        parameters.set("filename", attachment.name(), UTF_8);
        part.setHeader("Content-Disposition", new ContentDisposition("attachment", parameters).toString());
        return part;
    }

    private static boolean isMostlyAscii(byte[] bytes) {
        int others = 0;
        for (byte b : bytes) {
            if (b < 0) {
                others++;
            }
        }
        return others <= bytes.length / 4;
    }

    private static Address[] toInternet(List<MailAddress> addresses) throws UnsupportedEncodingException {
        Address[] all = new Address[addresses.size()];
        for (int i = 0; i < all.length; i++) {
            all[i] = toInternet(addresses.get(i));
        }
        return all;
    }

    static InternetAddress toInternet(MailAddress address) throws UnsupportedEncodingException {
        return new ParsedAddress(address);
    }

    /** An address that is set without parsing: {@link MailAddress} has parsed it by stricter rules. */
    private static final class ParsedAddress extends InternetAddress {
        private static final long serialVersionUID = 1;

        private ParsedAddress(MailAddress parsed) throws UnsupportedEncodingException {
            address = parsed.address();
            if (!parsed.name().isEmpty()) {
                personal = parsed.name();
                encodedPersonal = HeaderText.ofName(parsed.name());
            }
        }
    }

    /** A message that keeps its Message-ID; {@code saveChanges} would make another one. */
    private static final class MessageWithId extends MimeMessage {
        private final String messageId;

        private MessageWithId(Session session, String messageId) {
            super(session);
            this.messageId = messageId;
        }

        @Override
        protected void updateMessageID() throws MessagingException {
            setHeader("Message-ID", messageId);
        }
    }

    /** A multipart whose boundary is given instead of made from the clock. */
    private static final class BoundedMultipart extends MimeMultipart {
        private BoundedMultipart(String subtype, String boundary) {
            super(subtype);
            contentType = "multipart/" + subtype + "; boundary=\"" + boundary + "\"";
        }
    }
}

package io.postroom.internal.mailboxes;

import io.postroom.api.CreateMessage;
import io.postroom.api.Direction;
import io.postroom.api.Limits;
import io.postroom.api.ReceivedMail;
import io.postroom.internal.mailboxes.MailParts.RejectedException;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.AddressException;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MailDateFormat;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeUtility;
import jakarta.mail.util.SharedByteArrayInputStream;
import java.io.UnsupportedEncodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Turns the bytes of a mail into a message. Thread-safe. */
final class MailReader {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int MOST_ADDRESSES = 200;
    private static final int LONGEST_LINE = 1_000;
    private static final int LONGEST_ID = 200;
    /** All headers of a message have 8 KB; names and the engine's own need a part of it. */
    private static final int BYTES_OF_HEADERS = Limits.HEADER_BYTES - 2048;
    /** The Message-ID of a mail that the channel mail has sent: the id of a message, which is a UUID of version 7. */
    private static final Pattern OURS = Pattern.compile(
            "<([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})@([^>\\s]{1,255})>",
            Pattern.CASE_INSENSITIVE);

    private final MailboxEntry entry;
    private final Session session;

    MailReader(MailboxEntry entry) {
        this.entry = entry;
        Properties properties = new Properties();
        properties.setProperty("mail.mime.allowutf8", "true");
        session = Session.getInstance(properties);
    }

    /**
     * What was read.
     *
     * @param fingerprint the same for the same mail in another life of its folder
     */
    record Read(CreateMessage message, byte[] fingerprint, String internetId) {}

    /**
     * Reads a mail.
     *
     * @throws RejectedException no message can be made of it
     */
    Read read(FoundMail found, byte[] bytes) throws RejectedException {
        try {
            return readParts(found, bytes);
        } catch (RuntimeException broken) { // of the library, about bytes that nobody has thought of
            throw new RejectedException("it cannot be read: " + broken);
        }
    }

    private Read readParts(FoundMail found, byte[] bytes) throws RejectedException {
        MailParts.requireReadable(bytes);
        MimeMessage mail;
        try {
            mail = new MimeMessage(session, new SharedByteArrayInputStream(bytes));
        } catch (MessagingException broken) {
            throw new RejectedException("its headers cannot be read: " + broken.getMessage());
        }
        String id = id(mail, "Message-ID");
        CreateMessage message = entry.raw() ? raw(bytes) : json(found, mail, bytes.length);
        message = message.direction(Direction.INCOMING).header(ReceivedMail.MAILBOX, entry.name());
        if (!id.isEmpty()) {
            message = message.header(ReceivedMail.MAIL_MESSAGE_ID, id);
        }
        message = withKept(message, mail);
        String answered = answered(mail);
        return new Read(answered == null ? message : message.correlationId(answered), fingerprint(mail, id, bytes), id);
    }

    private CreateMessage raw(byte[] bytes) throws RejectedException {
        if (bytes.length > Limits.PAYLOAD_BYTES) {
            throw new RejectedException("it has " + bytes.length + " bytes; with body=raw at most "
                    + Limits.PAYLOAD_BYTES + " are allowed");
        }
        CreateMessage message = CreateMessage.to(entry.queue());
        return entry.type().isEmpty()
                ? message.body(bytes, "message/rfc822")
                : message.body(entry.type(), entry.version(), bytes, "message/rfc822");
    }

    private CreateMessage withKept(CreateMessage message, MimeMessage mail) {
        int left = BYTES_OF_HEADERS;
        CreateMessage with = message;
        for (String name : entry.keptHeaders()) {
            String value = header(mail, name);
            left -= name.length() + value.getBytes(StandardCharsets.UTF_8).length;
            if (!value.isEmpty() && left >= 0) {
                with = with.header(name, value);
            }
        }
        return with;
    }

    // ---- JSON

    private CreateMessage json(FoundMail found, MimeMessage mail, int size) throws RejectedException {
        MailParts parts = MailParts.of(mail);
        ObjectNode json = JSON.createObjectNode();
        ArrayNode from = addresses(mail, "From");
        json.set("from", from.isEmpty() ? address("", "") : from.get(0));
        json.set("to", addresses(mail, "To"));
        json.set("cc", addresses(mail, "Cc"));
        json.set("replyTo", addresses(mail, "Reply-To"));
        json.put("subject", header(mail, "Subject"));
        Date date = date(mail);
        if (date != null) {
            json.put("date", date.toInstant().toString());
        }
        found.arrivedAt().ifPresent(arrived -> json.put("arrivedAt", arrived.toString()));
        json.put("messageId", id(mail, "Message-ID"));
        json.put("inReplyTo", id(mail, "In-Reply-To"));
        String automatic = header(mail, "Auto-Submitted").toLowerCase(Locale.ROOT);
        json.put("isAutomatic", !automatic.isEmpty() && !automatic.startsWith("no"));
        json.put("isCut", false);
        json.put("problem", parts.problem());
        MailJson.fill(json, parts, entry.attachments());
        CreateMessage message = CreateMessage.to(entry.queue());
        String text = JSON.writeValueAsString(json);
        return entry.type().isEmpty() ? message.json(text) : message.json(entry.type(), entry.version(), text);
    }

    private static @Nullable Date date(MimeMessage mail) {
        try {
            String[] given = mail.getHeader("Date");
            return given == null ? null : new MailDateFormat().parse(given[0]);
        } catch (MessagingException | java.text.ParseException | RuntimeException broken) {
            return null;
        }
    }

    private static ArrayNode addresses(MimeMessage mail, String name) {
        ArrayNode all = JSON.createArrayNode();
        String given = null;
        try {
            given = mail.getHeader(name, ",");
            if (given == null) {
                return all;
            }
            for (InternetAddress one : InternetAddress.parseHeader(MimeUtility.unfold(given), false)) {
                if (all.size() < MOST_ADDRESSES) {
                    String person = one.getPersonal();
                    all.add(address(person == null ? "" : person, one.getAddress() == null ? "" : one.getAddress()));
                }
            }
        } catch (AddressException broken) {
            all.add(address("", String.valueOf(given)));
        } catch (MessagingException broken) {
            // as if it were not there
        }
        return all;
    }

    private static ObjectNode address(String name, String address) {
        return JSON.createObjectNode()
                .put("name", MailText.line(name, 200))
                .put("address", MailText.line(address, 320));
    }

    // ---- headers

    private static String header(MimeMessage mail, String name) {
        try {
            String[] given = mail.getHeader(name);
            if (given == null) {
                return "";
            }
            String unfolded = MimeUtility.unfold(given[0]);
            try {
                unfolded = MimeUtility.decodeText(unfolded);
            } catch (UnsupportedEncodingException unknown) {
                // stays as it was sent
            }
            return MailText.line(unfolded, LONGEST_LINE);
        } catch (MessagingException broken) {
            return "";
        }
    }

    /** A Message-ID without its angle brackets. */
    private static String id(MimeMessage mail, String name) {
        String given = header(mail, name);
        int open = given.indexOf('<');
        int close = given.indexOf('>', open + 1);
        return MailText.line(open >= 0 && close > open ? given.substring(open + 1, close) : given, LONGEST_ID);
    }

    /** The id of the message whose mail is answered; null: none of ours is. */
    private @Nullable String answered(MimeMessage mail) {
        List<String> ids = new ArrayList<>();
        for (String name : List.of("References", "In-Reply-To")) { // the last one is the nearest
            Matcher ours = OURS.matcher(header(mail, name));
            while (ours.find()) {
                if (entry.replyDomain().isEmpty() || entry.replyDomain().equalsIgnoreCase(ours.group(2))) {
                    ids.add(ours.group(1).toLowerCase(Locale.ROOT));
                }
            }
        }
        return ids.isEmpty() ? null : ids.get(ids.size() - 1);
    }

    /** Of what no server changes: an id alone could be copied by another mail. Without an id, of all bytes. */
    private static byte[] fingerprint(MimeMessage mail, String id, byte[] bytes) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
        if (id.isEmpty()) {
            return digest.digest(bytes);
        }
        for (String name : List.of("Message-ID", "Date", "From", "Subject")) {
            digest.update((header(mail, name) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return digest.digest();
    }
}

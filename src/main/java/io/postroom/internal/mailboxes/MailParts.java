package io.postroom.internal.mailboxes;

import jakarta.mail.BodyPart;
import jakarta.mail.MessagingException;
import jakarta.mail.Part;
import jakarta.mail.internet.ContentType;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import jakarta.mail.internet.MimeUtility;
import jakarta.mail.internet.ParseException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Finds text, HTML and attachments of a mail. What breaks the rules of MIME is read as far as it can be, and named as a problem: the sender
 * will not correct it. One thread may use it.
 */
final class MailParts {
    static final int MOST_PARTS = 1_000;
    private static final int DEEPEST = 20;
    /** Lines that begin with two dashes may each begin a part, and the library makes objects of all before it can be asked. */
    private static final int MOST_DASHED_LINES = 20_000;

    private static final int LARGEST_HEADERS = 1024 * 1024;
    /** What senders of Latin letters mean when they name no charset, or one that is unknown here. */
    private static final Charset LATIN = Charset.forName("windows-1252");

    private final StringBuilder text = new StringBuilder();
    private final StringBuilder html = new StringBuilder();
    private final List<Attached> attachments = new ArrayList<>();
    private @Nullable String problem;
    private int parts;

    /** An attached file. */
    record Attached(String name, String contentType, byte[] bytes) {}

    /** Says why no message can be made of a mail. */
    static final class RejectedException extends Exception {
        private static final long serialVersionUID = 1;

        RejectedException(String message) {
            super(message);
        }
    }

    /**
     * Refuses a mail that would need much more memory than it has bytes.
     *
     * @throws RejectedException it has too many lines that may begin a part, or its headers are too large
     */
    static void requireReadable(byte[] mail) throws RejectedException {
        int dashed = 0;
        int lineBegin = 0;
        boolean inHeaders = true;
        for (int i = 0; i < mail.length; i++) {
            if (mail[i] != '\n') {
                continue;
            }
            boolean isEmpty = i == lineBegin || i == lineBegin + 1 && mail[lineBegin] == '\r';
            inHeaders &= !isEmpty;
            if (inHeaders && i > LARGEST_HEADERS) {
                throw new RejectedException("its headers have more than " + LARGEST_HEADERS + " bytes");
            }
            if (i > lineBegin + 1
                    && mail[lineBegin] == '-'
                    && mail[lineBegin + 1] == '-'
                    && ++dashed > MOST_DASHED_LINES) {
                throw new RejectedException(
                        "it has more than " + MOST_DASHED_LINES + " lines that begin with --, as parts do");
            }
            lineBegin = i + 1;
        }
    }

    /** @throws RejectedException it has too many parts */
    static MailParts of(MimeMessage mail) throws RejectedException {
        MailParts parts = new MailParts();
        parts.add(mail, 0);
        return parts;
    }

    String text() {
        return text.toString();
    }

    String html() {
        return html.toString();
    }

    List<Attached> attachments() {
        return attachments;
    }

    /** Empty text: none. */
    String problem() {
        return problem == null ? "" : problem;
    }

    private void add(Part part, int depth) throws RejectedException {
        // The mail itself counts as well: it is the first part.
        if (++parts > MOST_PARTS + 1) {
            throw new RejectedException("it has more than " + MOST_PARTS + " parts");
        }
        String type = contentType(part);
        if (type.startsWith("multipart/") && depth < DEEPEST && addAll(part, depth)) {
            return;
        }
        byte[] bytes = bytes(part);
        String name = name(part);
        boolean isAttached = !name.isEmpty() || isAttachment(part);
        if (type.equals("text/html") && !isAttached) {
            append(html, decoded(part, bytes));
        } else if (depth == 0 && !type.startsWith("text/") && isAttached) {
            attachments.add(new Attached(name, type, bytes)); // the mail is nothing but a file
        } else if (type.startsWith("text/") && !isAttached || depth == 0 && type.startsWith("multipart/")) {
            append(text, decoded(part, bytes));
        } else {
            attachments.add(new Attached(name, type, bytes));
        }
    }

    /** Returns false: it has no parts that can be found. */
    private boolean addAll(Part part, int depth) throws RejectedException {
        List<BodyPart> found = new ArrayList<>();
        try {
            MimeMultipart multipart = new MimeMultipart(part.getDataHandler().getDataSource());
            int count = multipart.getCount();
            if (count > MOST_PARTS) {
                throw new RejectedException("it has more than " + MOST_PARTS + " parts");
            }
            for (int i = 0; i < count; i++) {
                found.add(multipart.getBodyPart(i));
            }
        } catch (MessagingException | RuntimeException broken) {
            note("its parts cannot be told apart: " + broken.getMessage());
            return false;
        }
        for (BodyPart one : found) {
            add(one, depth + 1);
        }
        return !found.isEmpty();
    }

    private void note(String what) {
        if (problem == null) {
            problem = MailText.line(what, 200);
        }
    }

    private String contentType(Part part) {
        try {
            String given = part.getContentType();
            int end = given.indexOf(';');
            String type = (end < 0 ? given : given.substring(0, end)).strip().toLowerCase(Locale.ROOT);
            if (type.matches("[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")) {
                return type;
            }
            note("it has the content type " + given);
        } catch (MessagingException broken) {
            note("a content type cannot be read: " + broken.getMessage());
        }
        return "text/plain";
    }

    private static boolean isAttachment(Part part) {
        try {
            return Part.ATTACHMENT.equalsIgnoreCase(part.getDisposition());
        } catch (MessagingException broken) {
            return false;
        }
    }

    private String name(Part part) {
        try {
            String name = part.getFileName();
            return name == null ? "" : MailText.line(decodedWords(name), 200);
        } catch (MessagingException broken) {
            note("the name of an attachment cannot be read: " + broken.getMessage());
            return "";
        }
    }

    private static String decodedWords(String text) {
        try {
            return text.contains("=?") ? MimeUtility.decodeText(text) : text;
        } catch (java.io.UnsupportedEncodingException unknown) {
            return text;
        }
    }

    /** The content without its transfer encoding; with it where it is broken. */
    private byte[] bytes(Part part) {
        try (InputStream in = part.getInputStream()) {
            return in.readAllBytes();
        } catch (IOException | MessagingException | RuntimeException broken) {
            note("a part is not encoded as it says: " + broken.getMessage());
        }
        try (InputStream in = part instanceof MimeMessage mail
                ? mail.getRawInputStream()
                : ((MimeBodyPart) part).getRawInputStream()) {
            return in.readAllBytes();
        } catch (IOException | MessagingException | RuntimeException broken) {
            return new byte[0];
        }
    }

    private String decoded(Part part, byte[] bytes) {
        String named = charset(part);
        if (!named.isEmpty()) {
            try {
                return new String(bytes, Charset.forName(MimeUtility.javaCharset(named)));
            } catch (IllegalArgumentException unknown) {
                note("its charset " + named + " is unknown");
            }
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException other) {
            return new String(bytes, LATIN);
        }
    }

    /** Empty text: none is named, or US-ASCII, which senders name for anything. */
    private static String charset(Part part) {
        try {
            String charset = new ContentType(part.getContentType()).getParameter("charset");
            return charset == null || charset.equalsIgnoreCase("us-ascii") ? "" : charset;
        } catch (ParseException broken) {
            return "";
        } catch (MessagingException broken) {
            return "";
        }
    }

    private static void append(StringBuilder to, String more) {
        if (to.length() > 0 && !more.isEmpty()) {
            to.append('\n');
        }
        to.append(more);
    }
}

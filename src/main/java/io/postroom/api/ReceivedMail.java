package io.postroom.api;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A mail that became a message: the payload that handlers of a mailbox's queue take. Made from JSON by the codec; a missing list is empty,
 * and a missing text is the empty one. All of it was written by the sender and is proven by nobody.
 *
 * @param from the sender, as the mail says
 * @param replyTo where answers are to go; empty: to the sender
 * @param subject decoded, on one line, at most 1,000 characters
 * @param date by the sender's clock; empty: the mail has none that can be read
 * @param arrivedAt by the mail server's clock; empty for POP3
 * @param messageId without angle brackets; empty text: none
 * @param inReplyTo the Message-ID that the mail answers, without angle brackets; empty text: none
 * @param isAutomatic whether a program says that it wrote the mail (Auto-Submitted). Answering such a mail may begin an endless exchange
 * @param text the plain text; empty text: the mail has only HTML, or no text
 * @param html the HTML as it was sent; empty: none. It may hold scripts
 * @param isCut whether text or HTML was left out because a message has at most 1 MiB
 * @param attachments in the mail's order
 * @param problem what of the mail could not be read by the rules of MIME; empty text: nothing
 */
@MessageType("mail.received")
public record ReceivedMail(
        Address from,
        List<Address> to,
        List<Address> cc,
        List<Address> replyTo,
        String subject,
        Optional<Instant> date,
        Optional<Instant> arrivedAt,
        String messageId,
        String inReplyTo,
        boolean isAutomatic,
        String text,
        Optional<String> html,
        boolean isCut,
        List<Attachment> attachments,
        String problem) {
    /** Header of each message: the name of the mailbox's entry. */
    public static final String MAILBOX = "mailbox";
    /** Header of each message: the mail's Message-ID, cut at 200 characters. Left out where the mail has none. */
    public static final String MAIL_MESSAGE_ID = "mail-message-id";

    /**
     * A person or a list.
     *
     * @param name empty text: none
     * @param address not checked
     */
    public record Address(String name, String address) {
        public Address {
            name = Objects.requireNonNullElse(name, "");
            address = Objects.requireNonNullElse(address, "");
        }
    }

    /**
     * An attached file.
     *
     * @param name as the sender gives it: no name for a file of one's own. Empty text: none
     * @param contentType as in {@code application/pdf}
     * @param size in bytes
     * @param content empty: it was larger than the mailbox's property {@code attachments} allows
     */
    public record Attachment(String name, String contentType, long size, Optional<byte[]> content) {
        public Attachment {
            name = Objects.requireNonNullElse(name, "");
            contentType = Objects.requireNonNullElse(contentType, "");
            content = Objects.requireNonNullElse(content, Optional.empty());
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Attachment that
                    && name.equals(that.name)
                    && contentType.equals(that.contentType)
                    && size == that.size
                    && Arrays.equals(content.orElse(null), that.content.orElse(null));
        }

        @Override
        public int hashCode() {
            return Objects.hash(name, contentType, size, Arrays.hashCode(content.orElse(null)));
        }
    }

    public ReceivedMail {
        from = Objects.requireNonNullElse(from, new Address("", ""));
        to = listOf(to);
        cc = listOf(cc);
        replyTo = listOf(replyTo);
        subject = Objects.requireNonNullElse(subject, "");
        date = Objects.requireNonNullElse(date, Optional.empty());
        arrivedAt = Objects.requireNonNullElse(arrivedAt, Optional.empty());
        messageId = Objects.requireNonNullElse(messageId, "");
        inReplyTo = Objects.requireNonNullElse(inReplyTo, "");
        text = Objects.requireNonNullElse(text, "");
        html = Objects.requireNonNullElse(html, Optional.empty());
        attachments = listOf(attachments);
        problem = Objects.requireNonNullElse(problem, "");
    }

    private static <T> List<T> listOf(List<T> given) {
        return given == null ? List.of() : List.copyOf(given);
    }
}

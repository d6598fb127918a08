package io.postroom.internal.mailboxes;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.SettingsEntry;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * An entry of the channel mailbox: checked, with its defaults. The table in docs/mail.md shows each property.
 *
 * @param port the protocol's own where the endpoint names none
 * @param plain whether mails and password may go over the network without encryption
 * @param folder of IMAP
 * @param type empty: none, for raw messages
 * @param moveTo a folder of IMAP, for {@link After#MOVE}
 * @param all whether mails that were there and read before the first look are taken
 * @param idle whether IDLE is used where the server has it
 * @param raw whether the payload is the mail as it is
 * @param attachments bytes of attachments in a message
 * @param keptHeaders in lower case
 * @param replyDomain of Message-IDs that are ours; empty: any
 */
record MailboxEntry(
        String name,
        Protocol protocol,
        String host,
        int port,
        boolean plain,
        String user,
        String folder,
        String queue,
        String type,
        int version,
        After after,
        String moveTo,
        boolean all,
        Duration every,
        boolean idle,
        boolean raw,
        int maxMail,
        int attachments,
        Set<String> keptHeaders,
        String replyDomain,
        Duration connectTimeout,
        Duration readTimeout) {
    static final String CHANNEL = "mailbox";
    static final Set<String> KNOWN = Set.of(
            "user",
            "queue",
            "type",
            "version",
            "folder",
            "after",
            "moveTo",
            "existing",
            "every",
            "idle",
            "body",
            "maxMail",
            "attachments",
            "keepHeaders",
            "replyDomain",
            "plain",
            "connectTimeout",
            "readTimeout");
    static final String TYPE = "mail.received";

    private static final int MEGABYTE = 1024 * 1024;
    private static final int MOST_BYTES = 100 * MEGABYTE;
    private static final String ENDPOINT =
            "imaps://host, imap://host, pop3s://host or pop3://host, with a port where it is not the usual one";

    /** How mails are read. */
    enum Protocol {
        IMAP(143),
        IMAPS(993),
        POP3(110),
        POP3S(995);

        private final int port;

        Protocol(int port) {
            this.port = port;
        }

        boolean isImap() {
            return this == IMAP || this == IMAPS;
        }

        boolean isTls() {
            return this == IMAPS || this == POP3S;
        }

        /** The name in URLs and in properties of the library. */
        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What becomes of a mail on the server once its message is committed. */
    enum After {
        /** It is marked as read. */
        SEEN,
        /** It moves to another folder. */
        MOVE,
        DELETE,
        /** Nothing. */
        KEEP
    }

    /** @throws InvalidMessageException something breaks a limit; the text names the field */
    static MailboxEntry of(SettingsEntry entry) {
        if (!entry.channel().equals(CHANNEL)) {
            throw new InvalidMessageException("channel", CHANNEL, entry.channel());
        }
        URI endpoint = endpoint(entry.endpoint().orElse(""));
        Protocol protocol = Protocol.valueOf(endpoint.getScheme().toUpperCase(Locale.ROOT));
        if (entry.secret().isEmpty()) {
            throw new InvalidMessageException("secret", "given: where the password is found", "");
        }
        MailboxProperties given = MailboxProperties.of(entry.properties(), KNOWN);
        boolean raw = given.oneOf("body", "json", List.of("json", "raw")).equals("raw");
        String type = given.text("type", raw ? "" : TYPE);
        After after = after(given, protocol);
        String moveTo = given.text("moveTo", "");
        if (moveTo.isEmpty() == (after == After.MOVE)) {
            throw new InvalidMessageException(
                    "properties.moveTo",
                    after == After.MOVE ? "given: a folder" : "left out unless after=move",
                    moveTo);
        }
        return new MailboxEntry(
                entry.name(),
                protocol,
                endpoint.getHost().toLowerCase(Locale.ROOT),
                endpoint.getPort() < 0 ? protocol.port : endpoint.getPort(),
                given.flag("plain", false),
                Limits.requireText("properties.user", given.text("user", ""), 320),
                folder(given, protocol),
                Limits.requireName("properties.queue", given.text("queue", "")),
                type.isEmpty() ? "" : Limits.requireName("properties.type", type),
                given.number("version", 1, 1, Short.MAX_VALUE),
                after,
                moveTo,
                given.oneOf(
                                "existing",
                                protocol.isImap() ? "unread" : "all",
                                protocol.isImap() ? List.of("unread", "all") : List.of("all"))
                        .equals("all"),
                given.time("every", Duration.ofMinutes(1), Duration.ofSeconds(1), Duration.ofDays(1)),
                given.flag("idle", true),
                raw,
                given.number("maxMail", 25 * MEGABYTE, 1, MOST_BYTES),
                given.number("attachments", 256 * 1024, 0, Limits.PAYLOAD_BYTES),
                given.words(
                        "keepHeaders", // without the two that a sender must not set
                        "(?!(?i:mailbox|mail-message-id)$)[A-Za-z0-9][A-Za-z0-9_-]{0,99}",
                        "names of headers with commas between them, without mailbox and mail-message-id"),
                given.text("replyDomain", "").toLowerCase(Locale.ROOT),
                given.time("connectTimeout", Duration.ofSeconds(10), Duration.ofMillis(1), Duration.ofMinutes(10)),
                given.time("readTimeout", Duration.ofSeconds(30), Duration.ofMillis(1), Duration.ofMinutes(10)));
    }

    private static URI endpoint(String text) {
        URI endpoint;
        try {
            endpoint = new URI(text);
        } catch (URISyntaxException unreadable) {
            throw new InvalidMessageException("endpoint", ENDPOINT, text.contains("@") ? "not shown" : text);
        }
        String scheme = endpoint.getScheme() == null ? "" : endpoint.getScheme().toLowerCase(Locale.ROOT);
        String path = endpoint.getRawPath() == null ? "" : endpoint.getRawPath();
        if (endpoint.getRawAuthority() != null && endpoint.getRawAuthority().contains("@")) {
            throw new InvalidMessageException(
                    "endpoint", ENDPOINT, "not shown", "Name the user in properties.user, and the password in secret");
        } else if (!List.of("imap", "imaps", "pop3", "pop3s").contains(scheme)
                || endpoint.getHost() == null
                || endpoint.getPort() == 0
                || endpoint.getPort() > 65_535
                || !path.isEmpty() && !path.equals("/")
                || endpoint.getRawQuery() != null
                || endpoint.getRawFragment() != null) {
            throw new InvalidMessageException("endpoint", ENDPOINT, text, "Name the folder in properties.folder");
        }
        return endpoint;
    }

    private static After after(MailboxProperties given, Protocol protocol) {
        List<String> allowed =
                protocol.isImap() ? List.of("seen", "move", "delete", "keep") : List.of("keep", "delete");
        return After.valueOf(given.oneOf("after", allowed.get(0), allowed).toUpperCase(Locale.ROOT));
    }

    private static String folder(MailboxProperties given, Protocol protocol) {
        String folder = Limits.requireText("properties.folder", given.text("folder", "INBOX"), 200);
        if (!protocol.isImap() && !folder.equals("INBOX")) {
            throw new InvalidMessageException("properties.folder", "left out: POP3 has one folder", folder);
        }
        return folder;
    }

    /** Whether the connection must be encrypted. Nobody reads along on the way to this machine. */
    boolean isEncryptionNeeded() {
        return !plain && !isLoopback();
    }

    private boolean isLoopback() {
        return host.equals("localhost") || host.equals("[::1]") || host.matches("127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}");
    }

    /** What mails are compared within: another user, host or folder holds other mails. */
    String source() {
        return user + " at " + (protocol.isImap() ? "imap" : "pop3") + "://" + host + ":" + port + ", " + folder;
    }
}

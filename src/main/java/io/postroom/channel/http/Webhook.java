package io.postroom.channel.http;

import io.postroom.api.CreateMessage;
import io.postroom.api.Deduplication;
import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.SettingsEntry;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * An entry of the channel webhook: checked, with its defaults. It turns a request into a message. The table in docs/inbound.md shows each
 * property. Immutable.
 */
public final class Webhook {
    static final Set<String> KNOWN = Set.of(
            "queue",
            "type",
            "version",
            "unsigned",
            WebhookSignature.SCHEME,
            "algorithm",
            "signatureHeader",
            "signaturePrefix",
            "signatureEncoding",
            "secretEncoding",
            "timestampHeader",
            "maxAge",
            "signed",
            "deduplicationHeader",
            "keepHeaders",
            "maxBody",
            "contentTypes",
            "body");
    /** Taken for a request without a Content-Type. */
    static final String OCTETS = "application/octet-stream";

    private static final String MEDIA_TYPE = "[A-Za-z0-9!#$&^_.+-]{1,100}/([A-Za-z0-9!#$&^_.+-]{1,100}|\\*)";
    private static final Pattern JSON_TYPE = Pattern.compile("application/([a-z0-9!#$&^_.-]+\\+)?json");
    private static final Set<String> SECRET_HEADERS = Set.of("authorization", "proxy-authorization", "cookie");

    private final String name;
    private final String queue;
    private final Optional<String> type;
    private final int version;
    private final Optional<WebhookSignature> signature;
    private final Optional<String> deduplicationHeader;
    private final Set<String> keptHeaders;
    private final int maxBody;
    private final Set<String> contentTypes;
    private final boolean isRaw;

    private Webhook(SettingsEntry entry, EntryProperties given) {
        name = entry.name();
        queue = Limits.requireName("properties.queue", given.text("queue", ""));
        type = Optional.of(given.text("type", ""))
                .filter(text -> !text.isEmpty())
                .map(text -> Limits.requireName("properties.type", text));
        version = given.number("version", 1, 1, Short.MAX_VALUE);
        deduplicationHeader = given.optionalHeader("deduplicationHeader", "");
        boolean isUnsigned = given.flag("unsigned");
        requireSecret(entry, isUnsigned);
        WebhookSignature checked = WebhookSignature.of(given, deduplicationHeader.isPresent());
        signature = isUnsigned ? Optional.empty() : Optional.of(checked);
        keptHeaders = given.words(
                "keepHeaders", "[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "names of headers with commas between them");
        keptHeaders.stream().filter(SECRET_HEADERS::contains).forEach(header -> {
            throw new InvalidMessageException("properties.keepHeaders", "headers that hold no secret", header);
        });
        maxBody = given.number("maxBody", Limits.PAYLOAD_BYTES, 1, Limits.PAYLOAD_BYTES);
        contentTypes = given.limits(
                "contentTypes", MEDIA_TYPE, "media types with commas between them, as in application/json, text/*");
        isRaw = given.oneOf("body", "json", List.of("json", "raw")).equals("raw");
    }

    /** @throws InvalidMessageException something breaks a limit; the text names the field */
    static Webhook of(SettingsEntry entry) {
        if (!entry.channel().equals(WebhookReceiver.CHANNEL)) {
            throw new InvalidMessageException("channel", WebhookReceiver.CHANNEL, entry.channel());
        }
        entry.endpoint().ifPresent(endpoint -> {
            throw new InvalidMessageException(
                    "endpoint", "left out: the sender calls POST /in/" + entry.name(), endpoint);
        });
        return new Webhook(entry, EntryProperties.of(WebhookReceiver.CHANNEL, entry.properties(), KNOWN));
    }

    /** An entry that lost its secret by a mistake would take requests of anybody. So it must say that it wants to. */
    private static void requireSecret(SettingsEntry entry, boolean isUnsigned) {
        if (isUnsigned == entry.secret().isPresent()) {
            throw new InvalidMessageException(
                    "secret",
                    isUnsigned
                            ? "left out, because properties.unsigned is true"
                            : "given, unless properties.unsigned is true",
                    isUnsigned ? "not shown" : "");
        }
    }

    /** Largest body that is taken, in bytes: 1 to 1,048,576. */
    public int maxBody() {
        return maxBody;
    }

    /** Whether the entry takes this media type; parameters such as charset do not count. */
    public boolean takes(Optional<String> contentType) {
        String media = media(contentType.orElse(OCTETS));
        return contentTypes.isEmpty()
                || contentTypes.contains(media)
                || contentTypes.contains(media.replaceFirst("/.*", "/*"));
    }

    /**
     * Turns a request into a message, if its sender is proven.
     *
     * @param secret of the entry
     * @param now by this machine's clock, for the age of the signature
     * @throws WebhookRefusedException the signature is missing or wrong, or a header is
     * @throws InvalidMessageException a header that is kept is too large, or the secret is not in its encoding
     */
    public CreateMessage message(WebhookRequest request, Optional<String> secret, Instant now) {
        Optional<String> id = deduplicationHeader.flatMap(request::single);
        if (signature.isPresent()
                && (secret.isEmpty() || !signature.get().isOf(request, secret.get(), id.orElse(""), now))) {
            throw new WebhookRefusedException(
                    WebhookRefusedException.Reason.UNPROVEN, "its signature or time is missing or wrong");
        }
        CreateMessage message = withContent(request).direction(Direction.INCOMING);
        for (String header : keptHeaders) {
            String value = String.join(", ", request.headers().apply(header));
            message = value.isEmpty() ? message : message.header(header, value);
        }
        if (deduplicationHeader.isEmpty()) {
            return message;
        }
        String delivery = id.orElseThrow(() -> new WebhookRefusedException(
                WebhookRefusedException.Reason.MALFORMED,
                "the header " + deduplicationHeader.get() + " must be given once"));
        // Whatever the content: senders count attempts in headers, and write the body anew with another time.
        return message.deduplicate(key(delivery), Deduplication.untilPurged().keepFirst());
    }

    /**
     * Answers the message with the body as bytes: for JSON that no payload can be, such as one with a name twice. Nothing else changes.
     */
    public CreateMessage withRawBody(CreateMessage message, WebhookRequest request) {
        return raw(message, request);
    }

    private CreateMessage withContent(WebhookRequest request) {
        CreateMessage message = CreateMessage.to(queue);
        Optional<String> json = isRaw ? Optional.empty() : json(request);
        if (json.isEmpty()) {
            return raw(message, request);
        }
        return type.isPresent() ? message.json(type.get(), version, json.get()) : message.json(json.get());
    }

    private CreateMessage raw(CreateMessage message, WebhookRequest request) {
        String contentType = request.contentType().orElse(OCTETS);
        return type.isPresent()
                ? message.body(type.get(), version, request.body(), contentType)
                : message.body(request.body(), contentType);
    }

    /** The text of a JSON body; empty: it is no JSON by its Content-Type, or no UTF-8. */
    private static Optional<String> json(WebhookRequest request) {
        String contentType = request.contentType().orElse(OCTETS);
        if (!JSON_TYPE.matcher(media(contentType)).matches() || HttpHeaders.namesOtherCharset(contentType)) {
            return Optional.empty();
        }
        try {
            return Optional.of(StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(request.body()))
                    .toString());
        } catch (CharacterCodingException other) {
            return Optional.empty();
        }
    }

    private static String media(String contentType) {
        return contentType.replaceFirst(";.*", "").strip().toLowerCase(Locale.ROOT);
    }

    /** Ids of two senders may be equal, and both may feed one queue. So the name of the entry stands before each. */
    private String key(String delivery) {
        String key = name + "/" + delivery;
        return key.length() <= Limits.KEY_LENGTH ? key : name + "/sha256:" + sha256(delivery);
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible); // every Java has it
        }
    }
}

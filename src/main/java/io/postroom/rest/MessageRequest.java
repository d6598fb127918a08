package io.postroom.rest;

import io.postroom.api.CreateMessage;
import io.postroom.api.Deduplication;
import io.postroom.api.Direction;
import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;

/**
 * Turns the text of a {@code POST} into a {@link CreateMessage}, member by member instead of by a class. The payload's text is cut out as
 * it stands, so that no number in it becomes a {@code double}. An unknown member is refused by name, because a misspelt {@code timeToLive}
 * would be noticed only much later.
 *
 * <p>A member that is {@code null} counts as absent, except the payload.
 */
public final class MessageRequest {
    private static final Set<String> MEMBERS = Set.of(
            "queue",
            "exchange",
            "routingKey",
            "mandatory",
            "payload",
            "body",
            "contentType",
            "type",
            "version",
            "id",
            "delay",
            "at",
            "timeToLive",
            "priority",
            "deduplicationKey",
            "deduplicateUntil",
            "onDuplicate",
            "correlationId",
            "group",
            "headers",
            "direction",
            "batch");

    // Deeper and longer than a payload may be: payloads are checked later, by a check that names the place.
    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(RequestBody.LONGEST)
                    .build())
            .build();

    private static final Pattern UUID_TEXT =
            Pattern.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");
    private static final int SHOWN = 80;

    private final String text;
    private final JsonParser parser;
    private final Direction usual;
    private final Map<String, Object> given = new LinkedHashMap<>();

    private MessageRequest(String text, JsonParser parser, Direction usual) {
        this.text = text;
        this.parser = parser;
        this.usual = usual;
    }

    /**
     * @param idempotencyKey the header: the deduplication key of a request that names none itself
     * @throws ProblemException not JSON, or too large
     * @throws InvalidMessageException a member is not known, or not what it must be
     */
    public static CreateMessage read(String text, @Nullable String idempotencyKey) {
        return read(text, idempotencyKey, Direction.INCOMING);
    }

    /** Reads the message of a schedule. It comes from nowhere, so it is OUTGOING unless the text says otherwise. */
    static CreateMessage readScheduled(String text) {
        return read(text, null, Direction.OUTGOING);
    }

    private static CreateMessage read(String text, @Nullable String idempotencyKey, Direction usual) {
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), text)) {
            MessageRequest request = new MessageRequest(text, parser, usual);
            request.readMembers();
            return request.message(idempotencyKey);
        } catch (StreamConstraintsException tooMuch) {
            throw new InvalidMessageException("payload", "JSON within its limits", "", shown(tooMuch));
        } catch (JacksonException notJson) {
            TokenStreamLocation at = notJson.getLocation();
            String place = at == null ? "" : "line " + at.getLineNr() + ", column " + at.getColumnNr() + ": ";
            throw new ProblemException(Problem.malformed("The body is not JSON: " + place + shown(notJson)));
        }
    }

    /** Reads a message's id in exactly the usual form; {@link UUID#fromString} would accept {@code 1-2-3-4-5}. */
    static @Nullable UUID uuid(String text) {
        return UUID_TEXT.matcher(text).matches() ? UUID.fromString(text) : null;
    }

    private static String shown(JacksonException error) {
        String message = String.valueOf(error.getOriginalMessage());
        return message.length() > SHOWN ? message.substring(0, SHOWN) + "…" : message;
    }

    // ---- members

    private void readMembers() {
        JsonToken first = parser.nextToken();
        if (first == null) {
            throw new ProblemException(Problem.malformed("The body is not JSON: it is empty"));
        }
        if (first != JsonToken.START_OBJECT) {
            parser.skipChildren();
            parser.finishToken();
            requireEnd();
            throw new InvalidMessageException("request", "a JSON object", "another JSON value");
        }
        Set<String> names = new HashSet<>();
        InvalidMessageException refused = null;
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            parser.nextToken();
            // Read to the end in any case: text that is no JSON is refused before anything else.
            if (refused == null) {
                try {
                    readMember(names, name);
                } catch (InvalidMessageException invalid) {
                    refused = invalid;
                }
            }
            parser.skipChildren();
            parser.finishToken();
        }
        requireEnd();
        if (refused != null) {
            throw refused;
        }
    }

    private void requireEnd() {
        if (parser.nextToken() != null) {
            throw new ProblemException(Problem.malformed("The body is not JSON: there is more after its end"));
        }
    }

    private void readMember(Set<String> names, String name) {
        if (!MEMBERS.contains(name)) {
            throw new InvalidMessageException(
                    name.length() > SHOWN ? name.substring(0, SHOWN) + "…" : name,
                    "left out: there is no such member",
                    valueShown(),
                    "Known are " + String.join(", ", MEMBERS.stream().sorted().toList()));
        }
        if (!names.add(name)) {
            throw new InvalidMessageException(name, "given once", "a second one");
        }
        if (parser.currentToken() != JsonToken.VALUE_NULL) { // null counts as left out
            given.put(
                    name,
                    switch (name) {
                        case "payload" -> payload();
                        case "version", "priority" -> integer(name);
                        case "headers" -> headers();
                        case "mandatory" -> bool(name);
                        default -> text(name);
                    });
        }
    }

    private String payload() {
        int start = (int) parser.currentTokenLocation().getCharOffset();
        parser.skipChildren();
        parser.finishToken();
        return text.substring(start, (int) parser.currentLocation().getCharOffset());
    }

    private int integer(String name) {
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
                || parser.getString().length() > 11
                || parser.getLongValue() != (int) parser.getLongValue()) {
            throw new InvalidMessageException(name, "a whole number of 32 bits", valueShown());
        }
        return parser.getIntValue();
    }

    private boolean bool(String name) {
        if (parser.currentToken() != JsonToken.VALUE_TRUE && parser.currentToken() != JsonToken.VALUE_FALSE) {
            throw new InvalidMessageException(name, "true or false", valueShown());
        }
        return parser.getBooleanValue();
    }

    private String text(String name) {
        if (parser.currentToken() != JsonToken.VALUE_STRING) {
            throw new InvalidMessageException(name, "a string", valueShown());
        }
        return parser.getString();
    }

    private Map<String, String> headers() {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw new InvalidMessageException("headers", "an object of strings", valueShown());
        }
        Map<String, String> headers = new LinkedHashMap<>();
        InvalidMessageException refused = null;
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                refused = new InvalidMessageException("headers", "an object of strings", valueShown());
                parser.skipChildren();
            } else if (headers.putIfAbsent(name, parser.getString()) != null) {
                refused = new InvalidMessageException("headers", "names given once", name);
            }
        }
        if (refused != null) {
            throw refused;
        }
        return headers;
    }

    private String valueShown() {
        return parser.getString();
    }

    // ---- the message

    private CreateMessage message(@Nullable String idempotencyKey) {
        CreateMessage message = withContent(addressed()).direction(direction());
        message = with(message, "delay", (made, delay) -> made.delay(Durations.parse("delay", delay)));
        message = with(message, "at", (made, at) -> made.at(instant(at)));
        message = with(message, "timeToLive", (made, time) -> made.timeToLive(Durations.parse("timeToLive", time)));
        message = with(message, "id", (made, id) -> made.id(requireUuid("id", "a UUID of version 7", id)));
        message = with(
                message, "batch", (made, batch) -> made.batch(requireUuid("batch", "the id of an open batch", batch)));
        message = with(message, "correlationId", CreateMessage::correlationId);
        message = with(message, "group", CreateMessage::group);
        message = deduplicated(message, idempotencyKey);
        Integer priority = (Integer) given.get("priority");
        return withHeaders(priority == null ? message : message.priority(priority));
    }

    private CreateMessage deduplicated(CreateMessage message, @Nullable String idempotencyKey) {
        String until = string("deduplicateUntil");
        String onDuplicate = string("onDuplicate");
        Deduplication deduplication = new Deduplication(
                until == null ? Deduplication.Until.PURGED : Deduplication.Until.ofCode(until),
                onDuplicate == null ? Deduplication.OnDuplicate.REFUSE : Deduplication.OnDuplicate.ofCode(onDuplicate));
        String key = string("deduplicationKey");
        if (key == null) {
            key = idempotencyKey;
        }
        if (key != null) {
            return message.deduplicate(key, deduplication);
        } else if (!deduplication.equals(Deduplication.DEFAULT)) {
            throw new InvalidMessageException(
                    "deduplicationKey", "given with deduplicateUntil or onDuplicate", "nothing");
        }
        return message;
    }

    private CreateMessage addressed() {
        String queue = string("queue");
        String exchange = string("exchange");
        String routingKey = string("routingKey");
        if (exchange == null) {
            if (routingKey != null) {
                throw new InvalidMessageException("routingKey", "given only with exchange", routingKey);
            } else if (queue == null) {
                throw new InvalidMessageException("queue", "given, unless exchange is", "nothing");
            }
            return CreateMessage.to(queue);
        } else if (queue != null) {
            throw new InvalidMessageException("queue", "left out with exchange", queue);
        }
        return CreateMessage.via(exchange, routingKey == null ? "" : routingKey)
                .mandatory(!Boolean.FALSE.equals(given.get("mandatory")));
    }

    private CreateMessage with(
            CreateMessage message, String name, BiFunction<CreateMessage, String, CreateMessage> setter) {
        String value = string(name);
        return value == null ? message : setter.apply(message, value);
    }

    private @Nullable String string(String name) {
        return (String) given.get(name);
    }

    private CreateMessage withContent(CreateMessage message) {
        String type = string("type");
        Integer givenVersion = (Integer) given.get("version");
        if (type == null && givenVersion != null) {
            throw new InvalidMessageException("version", "given only with type", givenVersion.toString());
        }
        int version = givenVersion == null ? 1 : givenVersion;
        String body = string("body");
        String contentType = string("contentType");
        if (body == null) {
            if (contentType != null) {
                throw new InvalidMessageException("contentType", "given only with body", contentType);
            }
            String payload = given.get("payload") instanceof String json ? json : "null";
            requireSize("payload", payload.getBytes(StandardCharsets.UTF_8).length);
            return type == null ? message.json(payload) : message.json(type, version, payload);
        }
        if (given.containsKey("payload")) {
            throw new InvalidMessageException("body", "given only without payload", body);
        }
        byte[] bytes = bytes(body);
        String known = contentType == null ? "application/octet-stream" : contentType;
        return type == null ? message.body(bytes, known) : message.body(type, version, bytes, known);
    }

    private static byte[] bytes(String base64) {
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException notBase64) {
            throw new InvalidMessageException("body", "Base64", base64);
        }
        requireSize("body", bytes.length);
        return bytes;
    }

    private static void requireSize(String name, int bytes) {
        if (bytes > Limits.PAYLOAD_BYTES) {
            throw new ProblemException(Problem.tooLarge(name, Limits.PAYLOAD_BYTES));
        }
    }

    /** Reads an instant, which must have a zone. Instant's own parser would accept a 61st second and move it. */
    static Instant instant(String text) {
        try {
            return OffsetDateTime.parse(text, DateTimeFormatter.ISO_OFFSET_DATE_TIME)
                    .toInstant();
        } catch (DateTimeException unreadable) {
            throw new InvalidMessageException("at", "a time with a zone, such as 2030-01-31T08:00:00Z", text);
        }
    }

    private static UUID requireUuid(String field, String limit, String text) {
        UUID id = uuid(text);
        if (id == null) {
            throw new InvalidMessageException(field, limit, text);
        }
        return id;
    }

    private Direction direction() {
        String direction = string("direction");
        if (direction == null) {
            return usual;
        }
        for (Direction known : Direction.values()) {
            if (known.name().equals(direction)) {
                return known;
            }
        }
        throw new InvalidMessageException("direction", "INCOMING or OUTGOING", direction);
    }

    private CreateMessage withHeaders(CreateMessage message) {
        if (!(given.get("headers") instanceof Map<?, ?> headers)) {
            return message;
        }
        if (headers.size() > Limits.HEADERS) { // before they are added one by one, each to a copy
            throw new InvalidMessageException("headers", "at most " + Limits.HEADERS, headers.size() + " headers");
        }
        CreateMessage withHeaders = message;
        for (Map.Entry<?, ?> header : headers.entrySet()) {
            withHeaders = withHeaders.header((String) header.getKey(), (String) header.getValue());
        }
        return withHeaders;
    }
}

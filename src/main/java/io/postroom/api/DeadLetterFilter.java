package io.postroom.api;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Says which dead letters are meant. Immutable: every method returns a changed copy. Conditions are joined by AND. The same words are used
 * in SQL and over HTTP, where a filter is a JSON object: {@code {"queue": "mail.*", "fingerprint": "f3a9"}}. The database checks it, and
 * refuses an unknown queue, an instant without a zone, and a filter without any condition.
 */
public final class DeadLetterFilter {
    private final String json;
    /** Whether the text is the caller's, and not made by the methods here. */
    private final boolean isGiven;

    /** Headers that the letters must have; they are a member of {@link #json()}. */
    private final Map<String, String> headers;

    private DeadLetterFilter(String json) {
        this(json, false, Map.of());
    }

    private DeadLetterFilter(String json, boolean isGiven, Map<String, String> headers) {
        this.json = json;
        this.isGiven = isGiven;
        this.headers = headers;
    }

    /** Means every dead letter. Nothing may be added to it. */
    public static DeadLetterFilter all() {
        return new DeadLetterFilter("{\"all\":true}");
    }

    /** Means those of a queue, or of all queues that a pattern such as {@code mail.*} or {@code mail.#} matches. */
    public static DeadLetterFilter queue(String nameOrPattern) {
        return new DeadLetterFilter("{}").with("queue", Limits.requireQueueOrPattern("queue", nameOrPattern));
    }

    /** Means those whose error has this fingerprint ({@code dead_letters.fingerprint}), in any queue. */
    public static DeadLetterFilter fingerprint(String errorFingerprint) {
        return new DeadLetterFilter("{}").with("fingerprint", errorFingerprint);
    }

    /**
     * Takes a filter as a JSON object. Nothing may be added to it here, unless it is {@code {}}.
     *
     * @throws InvalidMessageException the text has no braces around it; what else is no JSON is refused by the call that uses it
     */
    public static DeadLetterFilter json(String object) {
        String text = object.strip();
        if (!text.startsWith("{") || !text.endsWith("}")) {
            throw new InvalidMessageException("filter", "a JSON object", object);
        }
        return new DeadLetterFilter(text, !text.equals("{}"), Map.of());
    }

    /** Narrows to those whose error has this fingerprint. */
    public DeadLetterFilter withFingerprint(String errorFingerprint) {
        return with("fingerprint", errorFingerprint);
    }

    /** Narrows to a class of exceptions, by its full name. */
    public DeadLetterFilter errorClass(String name) {
        return with("errorClass", name);
    }

    /** Narrows to a reason such as {@code attempts_spent} or {@code rejected}. */
    public DeadLetterFilter reason(String reason) {
        return with("reason", reason);
    }

    /** Narrows to messages of this type, whatever version. */
    public DeadLetterFilter type(String type) {
        return with("type", type);
    }

    /** Narrows to messages of a business process. */
    public DeadLetterFilter correlationId(String id) {
        return with("correlationId", id);
    }

    /**
     * Narrows to messages that have this header with this value, compared exactly. With several calls they must have all of them. The
     * limits are those of {@link MessageFilter#header}.
     */
    public DeadLetterFilter header(String name, String value) {
        requireOwn("headers", name);
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return new DeadLetterFilter(json, false, MessageRules.requireHeaders(more));
    }

    /** Narrows to those that died at {@code from} or later and before {@code to}, by the database's clock. */
    public DeadLetterFilter dead(Instant from, Instant to) {
        return with("deadFrom", from.toString()).with("deadTo", to.toString());
    }

    /** Narrows to messages created at {@code from} or later and before {@code to}, by the database's clock. */
    public DeadLetterFilter created(Instant from, Instant to) {
        return with("createdFrom", from.toString()).with("createdTo", to.toString());
    }

    /** The filter as a JSON object. */
    public String json() {
        return headers.isEmpty()
                ? json
                : withMember(
                        json,
                        "headers",
                        headers.entrySet().stream()
                                .map(header -> quoted(header.getKey()) + ":" + quoted(header.getValue()))
                                .collect(Collectors.joining(",", "{", "}")));
    }

    @Override
    public String toString() {
        return json();
    }

    private DeadLetterFilter with(String member, String text) {
        requireOwn(member, text);
        Limits.requireStorable(member, text);
        return new DeadLetterFilter(withMember(json, member, quoted(text)), false, headers);
    }

    private void requireOwn(String member, String text) {
        if (isGiven) {
            throw new InvalidMessageException(
                    member, "left out beside a filter that is given as JSON", text, "Write it into the JSON object");
        }
    }

    private static String withMember(String json, String member, String value) {
        String start = json.substring(0, json.lastIndexOf('}'));
        return start + (start.equals("{") ? "" : ",") + quoted(member) + ":" + value + "}";
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", "\\t") + '"';
    }
}

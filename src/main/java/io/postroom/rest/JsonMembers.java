package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The members of a small JSON object, each a string, a whole number, true or false, an object of strings, or another object. Refuses
 * members that are not known, and names the known ones. A member that is {@code null} counts as absent.
 */
final class JsonMembers {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();
    private static final int SHOWN = 80;

    private final String text;
    private final JsonNode object;

    private JsonMembers(String text, JsonNode object) {
        this.text = text;
        this.object = object;
    }

    /** A member that is a list of strings; empty: it is not there. */
    List<String> list(String name) {
        List<String> texts = new ArrayList<>();
        value(name, JsonNode::isArray, "a list of strings")
                .ifPresent(list -> list.forEach(text -> {
                    if (!text.isString()) {
                        throw new InvalidMessageException(name, "a list of strings", text.toString());
                    }
                    texts.add(text.stringValue());
                }));
        return texts;
    }

    /**
     * @throws ProblemException it is no JSON
     * @throws InvalidMessageException it is no object, or a member is not known
     */
    static JsonMembers read(String text, String... known) {
        JsonNode object;
        try {
            object = JSON.readTree(text);
        } catch (JacksonException notJson) {
            String why = String.valueOf(notJson.getOriginalMessage());
            throw new ProblemException(Problem.malformed(
                    "The body is not JSON: " + (why.length() > SHOWN ? why.substring(0, SHOWN) + "…" : why)));
        }
        if (object == null || !object.isObject()) {
            throw new InvalidMessageException("request", "a JSON object", "another JSON value");
        }
        for (Map.Entry<String, JsonNode> member : object.properties()) {
            if (!List.of(known).contains(member.getKey())) {
                String name = member.getKey();
                throw new InvalidMessageException(
                        name.length() > SHOWN ? name.substring(0, SHOWN) + "…" : name,
                        "left out: there is no such member",
                        member.getValue().toString(),
                        "Known are " + String.join(", ", known));
            }
        }
        return new JsonMembers(text, object);
    }

    Optional<String> text(String name) {
        return value(name, JsonNode::isString, "a string").map(JsonNode::stringValue);
    }

    Optional<Integer> integer(String name) {
        return value(name, value -> value.isIntegralNumber() && value.canConvertToInt(), "a whole number of 32 bits")
                .map(JsonNode::intValue);
    }

    Optional<Boolean> bool(String name) {
        return value(name, JsonNode::isBoolean, "true or false").map(JsonNode::booleanValue);
    }

    /** The text of an object, for somebody else to read. Numbers keep their digits. */
    Optional<String> json(String name) {
        return value(name, JsonNode::isObject, "a JSON object").map(JsonNode::toString);
    }

    /** An object of texts, where null stands for an empty value. */
    Map<String, Optional<String>> texts(String name) {
        Map<String, Optional<String>> texts = new LinkedHashMap<>();
        Optional<JsonNode> given = value(name, JsonNode::isObject, "an object of strings");
        if (given.isEmpty()) {
            return texts;
        }
        for (Map.Entry<String, JsonNode> member : given.get().properties()) {
            JsonNode text = member.getValue();
            if (!text.isString() && !text.isNull()) {
                throw new InvalidMessageException(name, "an object of strings", member.getKey() + ": " + text);
            }
            texts.put(member.getKey(), text.isNull() ? Optional.empty() : Optional.of(text.stringValue()));
        }
        return texts;
    }

    /** The text of an object as it stands, so that no number in it becomes a {@code double}. */
    Optional<String> object(String name) {
        if (value(name, JsonNode::isObject, "an object").isEmpty()) {
            return Optional.empty();
        }
        try (JsonParser parser = JSON.createParser(text)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                boolean isIt = parser.currentName().equals(name);
                parser.nextToken();
                int start = (int) parser.currentTokenLocation().getCharOffset();
                parser.skipChildren();
                if (isIt) {
                    return Optional.of(
                            text.substring(start, (int) parser.currentLocation().getCharOffset()));
                }
            }
        }
        throw new IllegalStateException(name + " was there before");
    }

    private Optional<JsonNode> value(String name, Predicate<JsonNode> fits, String limit) {
        JsonNode value = object.get(name);
        if (value == null || value.isNull()) {
            return Optional.empty();
        } else if (!fits.test(value)) {
            // what is given for a secret may be one
            throw new InvalidMessageException(
                    name, limit, name.equals("secret") ? "another JSON value" : value.toString());
        }
        return Optional.of(value);
    }
}

package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The members of a small JSON object, each a string, a whole number, true or false, or an object of strings. Refuses members that are not
 * known, and names the known ones. A member that is {@code null} counts as absent.
 */
final class JsonMembers {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final int SHOWN = 80;

    private final JsonNode object;

    private JsonMembers(JsonNode object) {
        this.object = object;
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
        return new JsonMembers(object);
    }

    Optional<String> text(String name) {
        JsonNode value = object.get(name);
        if (value == null || value.isNull()) {
            return Optional.empty();
        } else if (!value.isString()) {
            throw new InvalidMessageException(name, "a string", value.toString());
        }
        return Optional.of(value.stringValue());
    }

    Optional<Integer> integer(String name) {
        JsonNode value = object.get(name);
        if (value == null || value.isNull()) {
            return Optional.empty();
        } else if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw new InvalidMessageException(name, "a whole number of 32 bits", value.toString());
        }
        return Optional.of(value.intValue());
    }

    Optional<Boolean> bool(String name) {
        JsonNode value = object.get(name);
        if (value == null || value.isNull()) {
            return Optional.empty();
        } else if (!value.isBoolean()) {
            throw new InvalidMessageException(name, "true or false", value.toString());
        }
        return Optional.of(value.booleanValue());
    }

    /** An object of texts, where null stands for an empty value. */
    Map<String, Optional<String>> texts(String name) {
        JsonNode value = object.get(name);
        if (value == null || value.isNull()) {
            return Map.of();
        } else if (!value.isObject()) {
            throw new InvalidMessageException(name, "an object of strings", value.toString());
        }
        Map<String, Optional<String>> texts = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> member : value.properties()) {
            if (!member.getValue().isString() && !member.getValue().isNull()) {
                throw new InvalidMessageException(
                        name, "an object of strings", member.getKey() + ": " + member.getValue());
            }
            texts.put(
                    member.getKey(),
                    member.getValue().isNull()
                            ? Optional.empty()
                            : Optional.of(member.getValue().stringValue()));
        }
        return texts;
    }
}

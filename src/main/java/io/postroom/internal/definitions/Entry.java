package io.postroom.internal.definitions;

import io.postroom.api.Definitions;
import io.postroom.api.InvalidMessageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One definition of a file: an object of a list. A member of the wrong type is refused with its place. A member that is {@code null}
 * counts as absent.
 *
 * @param place where it stands, as in {@code queues[3]}
 */
record Entry(String place, JsonNode object) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final int SHOWN = 80;

    /** @throws InvalidMessageException the text is too long or no JSON */
    static JsonNode parse(String file) {
        if (file.length() > Definitions.LONGEST_FILE) {
            throw new InvalidMessageException(
                    "file", "at most " + Definitions.LONGEST_FILE + " characters", file.length() + " characters");
        }
        try {
            return JSON.readTree(file);
        } catch (JacksonException notJson) {
            String why = String.valueOf(notJson.getOriginalMessage());
            throw new InvalidMessageException(
                    "file", "JSON", why.length() > SHOWN ? why.substring(0, SHOWN) : why, "Is it whole?");
        }
    }

    /** The objects of a list of the file; none when the list is absent. */
    static List<Entry> list(JsonNode root, String list) {
        JsonNode value = root.get(list);
        if (value == null || value.isNull()) {
            return List.of();
        } else if (!value.isArray()) {
            throw new InvalidMessageException(list, "a list", shown(value));
        }
        List<Entry> entries = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            String place = list + "[" + i + "]";
            if (!value.get(i).isObject()) {
                throw new InvalidMessageException(place, "an object", shown(value.get(i)));
            }
            entries.add(new Entry(place, value.get(i)));
        }
        return entries;
    }

    static String shown(@Nullable JsonNode value) {
        String text = String.valueOf(value);
        return text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
    }

    /** Refuses a member that is not one of these. */
    void requireKnown(List<String> members) {
        for (Map.Entry<String, JsonNode> member : object.properties()) {
            if (!members.contains(member.getKey())) {
                throw new InvalidMessageException(
                        place + "." + member.getKey(),
                        "left out: there is no such member",
                        shown(member.getValue()),
                        "Known are " + String.join(", ", members));
            }
        }
    }

    String text(String member) {
        return optionalText(member)
                .orElseThrow(() -> new InvalidMessageException(place + "." + member, "a string", "nothing"));
    }

    Optional<String> optionalText(String member) {
        return value(member, JsonNode::isString, "a string").map(JsonNode::stringValue);
    }

    boolean flag(String member) {
        return optionalFlag(member).orElse(false);
    }

    Optional<Boolean> optionalFlag(String member) {
        return value(member, JsonNode::isBoolean, "true or false").map(JsonNode::booleanValue);
    }

    int number(String member) {
        return optionalNumber(member).orElse(0);
    }

    Optional<Integer> optionalNumber(String member) {
        return value(member, JsonNode::isInt, "a whole number of 32 bits").map(JsonNode::intValue);
    }

    Map<String, JsonNode> members(String member) {
        Map<String, JsonNode> members = new LinkedHashMap<>();
        value(member, JsonNode::isObject, "an object")
                .ifPresent(value -> value.properties().forEach(entry -> members.put(entry.getKey(), entry.getValue())));
        return members;
    }

    private Optional<JsonNode> value(String member, Predicate<JsonNode> fits, String limit) {
        JsonNode value = object.get(member);
        if (value == null || value.isNull()) {
            return Optional.empty();
        } else if (!fits.test(value)) {
            throw new InvalidMessageException(place + "." + member, limit, shown(value));
        }
        return Optional.of(value);
    }
}

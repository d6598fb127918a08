package io.postroom.internal.storage;

import io.postroom.api.SettingsEntry;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An entry as a JSON object, as the database keeps it in its history. The members are those of {@code set_settings}. */
public final class SettingsDocument {
    private static final JsonMapper JSON = JsonMapper.shared();

    private SettingsDocument() {}

    public static String write(SettingsEntry entry) {
        return JSON.writeValueAsString(entry.members());
    }

    /** Reads what the database wrote. Members that a newer version has added are left out. */
    public static SettingsEntry read(String name, String json) {
        JsonNode document = JSON.readTree(json);
        return new SettingsEntry(
                name,
                text(document, "channel").orElse(""),
                text(document, "endpoint"),
                Optional.ofNullable(document.get("attempts")).map(JsonNode::intValue),
                text(document, "retryAfter"),
                texts(document, "headers"),
                texts(document, "templates"),
                texts(document, "properties"),
                text(document, "secret"),
                text(document, "validFrom").map(Instant::parse),
                text(document, "validUntil").map(Instant::parse),
                !document.has("enabled") || document.get("enabled").booleanValue());
    }

    private static Optional<String> text(JsonNode document, String member) {
        return Optional.ofNullable(document.get(member)).map(JsonNode::stringValue);
    }

    private static Map<String, String> texts(JsonNode document, String member) {
        Map<String, String> texts = new LinkedHashMap<>();
        JsonNode given = document.get(member);
        if (given != null) {
            given.properties()
                    .forEach(one -> texts.put(one.getKey(), one.getValue().asString()));
        }
        return texts;
    }
}

package io.postroom.internal.execution;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Turns stored headers, a JSON object of texts, into the map that handlers and callers see. A value that was stored by
 * hand in another shape is read as its JSON text.
 */
public final class Headers {
    private static final JsonMapper JSON = JsonMapper.shared();

    private Headers() {}

    /** Answers an unmodifiable map in the stored order; empty for null. */
    public static Map<String, String> read(@Nullable String stored) {
        if (stored == null) {
            return Map.of();
        }
        JsonNode node = JSON.readTree(stored);
        Map<String, String> headers = new LinkedHashMap<>();
        node.properties().forEach(header -> headers.put(header.getKey(), text(header.getValue())));
        return Collections.unmodifiableMap(headers);
    }

    private static String text(JsonNode value) {
        return value.isString() ? value.stringValue() : value.toString();
    }
}

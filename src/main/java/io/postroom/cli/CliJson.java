package io.postroom.cli;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Reads and writes JSON so that numbers of payloads keep their digits. */
final class CliJson {
    static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    private CliJson() {}

    /** Sets a member, unless there is no value. */
    static void put(ObjectNode object, String member, @Nullable String value) {
        if (value != null) {
            object.put(member, value);
        }
    }

    /** Sets a member, unless there is no value. */
    static void put(ObjectNode object, String member, @Nullable Integer value) {
        if (value != null) {
            object.put(member, value);
        }
    }

    /** Sets an object of texts, unless there are none. */
    static void put(ObjectNode object, String member, Map<String, String> values) {
        if (!values.isEmpty()) {
            ObjectNode texts = object.putObject(member);
            values.forEach(texts::put);
        }
    }
}

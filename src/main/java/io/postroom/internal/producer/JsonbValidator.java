package io.postroom.internal.producer;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * Refuses JSON that {@code jsonb} would refuse or silently change. {@code jsonb} refuses NUL and lone surrogates. It keeps only the last
 * of two equal keys, with no error. It prints a number of eight characters ({@code 1e131071}) as 131,072 digits. Thread-safe.
 */
final class JsonbValidator {
    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(Limits.JSON_DEPTH)
                    .maxNumberLength(Limits.NUMBER_LENGTH)
                    .maxStringLength(Limits.PAYLOAD_BYTES)
                    .maxNameLength(Limits.PAYLOAD_BYTES)
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private JsonbValidator() {}

    static void requireStorable(String json) {
        if (!PlainJson.is(json)) {
            requireStorableByParser(json);
        }
    }

    /** Decides for any text. Tests compare {@link PlainJson} with it. */
    static void requireStorableByParser(String json) {
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), json)) {
            int depth = 0;
            int values = 0;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token.isStructEnd()) {
                    depth--;
                    continue;
                }
                if (depth == 0 && ++values > 1) {
                    throw refused("one JSON value", "", "more than one");
                }
                if (token.isStructStart()) {
                    depth++;
                } else {
                    requireStorable(parser, token);
                }
            }
            if (values == 0) {
                throw refused("JSON", "", "");
            }
        } catch (JacksonException notJson) {
            // Not only StreamReadException: a broken limit of the parser is another subclass.
            throw refused(
                    "JSON within its limits (depth " + Limits.JSON_DEPTH + ", numbers of " + Limits.NUMBER_LENGTH
                            + " characters, no key twice)",
                    "",
                    notJson.getOriginalMessage());
        }
    }

    private static void requireStorable(JsonParser parser, JsonToken token) {
        if (token == JsonToken.PROPERTY_NAME || token == JsonToken.VALUE_STRING) {
            String text = parser.getString();
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == 0) {
                    throw refused("without NUL (\\u0000)", pointer(parser), "NUL");
                }
                if (Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1))) {
                    i++;
                } else if (Character.isSurrogate(c)) {
                    throw refused("valid Unicode (no lone surrogate)", pointer(parser), "a lone surrogate");
                }
            }
        } else if (token == JsonToken.VALUE_NUMBER_FLOAT || token == JsonToken.VALUE_NUMBER_INT) {
            requireSmallExponent(parser);
        }
    }

    private static void requireSmallExponent(JsonParser parser) {
        String number = parser.getString();
        int e = Math.max(number.indexOf('e'), number.indexOf('E'));
        if (e < 0) {
            return;
        }
        String exponent = number.substring(e + 1);
        if (exponent.length() > 5 || Math.abs(Integer.parseInt(exponent)) > Limits.NUMBER_EXPONENT) {
            throw refused("numbers with an exponent up to " + Limits.NUMBER_EXPONENT, pointer(parser), number);
        }
    }

    private static String pointer(JsonParser parser) {
        return parser.streamReadContext().pathAsPointer().toString();
    }

    private static InvalidMessageException refused(String limit, String pointer, String value) {
        return new InvalidMessageException("payload", limit, value, pointer.isEmpty() ? "" : "At " + pointer);
    }
}

package io.postroom.console;

import io.postroom.api.Message;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/**
 * The content of a message for people: JSON with line ends and masked fields, other texts as they are, bytes as Base64.
 *
 * @param note what is not shown, as a sentence; empty: all is
 */
record PayloadText(String text, String note) {
    /** Most characters that are shown. A page with a megabyte of text makes browsers slow, and nobody reads it. */
    static final int MOST = 64_000;

    private static final JsonMapper JSON = new JsonMapper();
    private static final String MASK = "\"•••\"";

    static PayloadText of(Message message, MaskedFields masked) {
        if (message.contentType().equals("application/json")) {
            return json(message.payload(), masked);
        }
        if (!masked.isEmpty()) {
            return new PayloadText("", "Content that is not JSON is not shown, because fields are masked here.");
        }
        byte[] bytes = Base64.getDecoder().decode(message.payload());
        if (message.contentType().startsWith("text/")) {
            return cut(new String(bytes, StandardCharsets.UTF_8), "characters");
        }
        return cut(message.payload(), "characters of Base64");
    }

    private static PayloadText cut(String text, String unit) {
        return text.length() <= MOST
                ? new PayloadText(text, "")
                : new PayloadText(text.substring(0, MOST), tooLong(text.length(), unit));
    }

    private static String tooLong(int length, String unit) {
        return "The first " + Cells.grouped(MOST) + " of " + Cells.grouped(length) + " " + unit + " are shown.";
    }

    private static PayloadText json(String json, MaskedFields masked) {
        try (JsonParser parser = JSON.createParser(json)) {
            Writer writer = new Writer(parser, masked);
            return writer.write()
                    ? new PayloadText(writer.out.toString(), "")
                    : new PayloadText(
                            writer.out.substring(0, Math.min(MOST, writer.out.length())),
                            tooLong(json.length(), "characters"));
        } catch (JacksonException unreadable) {
            return masked.isEmpty()
                    ? cut(json, "characters")
                    : new PayloadText("", "The content cannot be read as JSON, and fields are masked here.");
        }
    }

    /** Copies tokens: no tree is built, and numbers keep their digits. */
    private static final class Writer {
        private final JsonParser parser;
        private final MaskedFields masked;
        private final StringBuilder out = new StringBuilder();
        private final List<String> path = new ArrayList<>();

        Writer(JsonParser parser, MaskedFields masked) {
            this.parser = parser;
            this.masked = masked;
        }

        /** Returns whether all was written. */
        boolean write() {
            parser.nextToken();
            value(0);
            return out.length() <= MOST;
        }

        private void value(int depth) {
            JsonToken token = parser.currentToken();
            if (!path.isEmpty() && masked.hides(path)) {
                parser.skipChildren();
                out.append(MASK);
            } else if (token == JsonToken.START_OBJECT) {
                members(depth);
            } else if (token == JsonToken.START_ARRAY) {
                elements(depth);
            } else if (token == JsonToken.VALUE_STRING) {
                quote(parser.getString());
            } else {
                out.append(parser.getString());
            }
        }

        private void members(int depth) {
            out.append('{');
            boolean isFirst = true;
            while (parser.nextToken() != JsonToken.END_OBJECT && out.length() <= MOST) {
                out.append(isFirst ? "" : ",");
                isFirst = false;
                indent(depth + 1);
                String name = parser.currentName();
                quote(name);
                out.append(": ");
                parser.nextToken();
                path.add(name);
                value(depth + 1);
                path.remove(path.size() - 1);
            }
            if (!isFirst) {
                indent(depth);
            }
            out.append('}');
        }

        private void elements(int depth) {
            out.append('[');
            boolean isFirst = true;
            while (parser.nextToken() != JsonToken.END_ARRAY && out.length() <= MOST) {
                out.append(isFirst ? "" : ",");
                isFirst = false;
                indent(depth + 1);
                value(depth + 1);
            }
            if (!isFirst) {
                indent(depth);
            }
            out.append(']');
        }

        private void indent(int depth) {
            out.append('\n').append("  ".repeat(depth));
        }

        private void quote(String text) {
            out.append('"');
            for (int i = 0; i < text.length() && out.length() <= MOST; i++) {
                char c = text.charAt(i);
                switch (c) {
                    case '"', '\\' -> out.append('\\').append(c);
                    case '\n' -> out.append("\\n");
                    case '\r' -> out.append("\\r");
                    case '\t' -> out.append("\\t");
                    default -> {
                        if (c < ' ') {
                            out.append(String.format("\\u%04x", (int) c));
                        } else {
                            out.append(c);
                        }
                    }
                }
            }
            out.append('"');
        }
    }
}

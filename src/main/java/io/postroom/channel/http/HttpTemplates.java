package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.handler.JacksonPayloadCodec;
import java.math.BigDecimal;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The templates {@code body} and {@code path} of an entry. {@code {customer.email}} stands for a member of the payload. Values are escaped
 * by where they stand, so that no payload adds a member, a parameter or a part of a path.
 *
 * @param body empty: the payload is sent
 * @param path empty: the endpoint is called
 */
record HttpTemplates(Optional<String> body, Optional<String> path, Form form) {
    private static final Pattern PLACE = Pattern.compile("\\{([A-Za-z_][A-Za-z0-9_-]*(?:\\.[A-Za-z0-9_-]+)*)}");
    /** By the rules of stored payloads: a number keeps its digits. */
    private static final JsonMapper JSON = JacksonPayloadCodec.rules().build();

    /** Digits behind the point, or zeros in front of it, of a number in a text: as many as a stored payload can have. */
    private static final int MOST_DIGITS = Limits.NUMBER_EXPONENT + Limits.NUMBER_LENGTH;

    /** The language of the body. */
    enum Form {
        JSON,
        FORM,
        XML,
        TEXT
    }

    /** @throws InvalidMessageException there is another template, or the path is none */
    static HttpTemplates of(Map<String, String> templates, Optional<String> contentType) {
        for (Map.Entry<String, String> one : templates.entrySet()) {
            if (!one.getKey().equals("body") && !one.getKey().equals("path")) {
                throw new InvalidMessageException(
                        "templates." + one.getKey(),
                        "left out: the channel http knows no such template",
                        one.getValue(),
                        "Known are body and path");
            }
        }
        Optional<String> path = Optional.ofNullable(templates.get("path"));
        if (path.isPresent() && !PLACE.matcher(path.get()).replaceAll("x").matches("[/?][!-\"$-~]*")) {
            throw new InvalidMessageException(
                    "templates.path", "a path that begins with / or ?, of ASCII without spaces and #", path.get());
        }
        return new HttpTemplates(Optional.ofNullable(templates.get("body")), path, formOf(contentType.orElse("")));
    }

    private static Form formOf(String contentType) {
        String type = contentType.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (type.isEmpty() || type.equals("application/json") || type.endsWith("+json")) {
            return Form.JSON;
        } else if (type.equals("application/x-www-form-urlencoded")) {
            return Form.FORM;
        }
        return type.endsWith("/xml") || type.endsWith("+xml") || type.equals("text/html") ? Form.XML : Form.TEXT;
    }

    boolean isEmpty() {
        return body.isEmpty() && path.isEmpty();
    }

    /** @throws InvalidMessageException a codec of the host's wrote something that is not JSON */
    static JsonNode read(byte[] payload) {
        try {
            return JSON.readTree(payload);
        } catch (JacksonException notJson) {
            throw new InvalidMessageException("payload", "JSON", new String(payload, StandardCharsets.UTF_8));
        }
    }

    /** @throws InvalidMessageException the payload lacks a member, or a value could change where the path leads */
    Optional<String> path(JsonNode payload) {
        return path.map(template -> filled(template, (name, inQuotes) -> {
            String value = text(payload, name);
            if (value.isEmpty() || value.equals(".") || value.equals("..")) {
                throw new InvalidMessageException("payload." + name, "a part of a path", value);
            }
            return encoded(value);
        }));
    }

    /** @throws InvalidMessageException the payload lacks a member, or the body would be no JSON */
    Optional<String> body(JsonNode payload) {
        Optional<String> made = body.map(template -> filled(template, (name, inQuotes) -> switch (form) {
            case JSON ->
                inQuotes ? escaped(text(payload, name)) : member(payload, name).toString();
            case FORM -> encoded(text(payload, name));
            case XML -> xml(text(payload, name));
            case TEXT -> text(payload, name);
        }));
        if (form == Form.JSON) {
            made.ifPresent(HttpTemplates::requireJson);
        }
        return made;
    }

    private interface Values {
        /** @param inQuotes whether the place stands in a JSON string */
        String at(String name, boolean inQuotes);
    }

    private static String filled(String template, Values values) {
        StringBuilder filled = new StringBuilder();
        Matcher place = PLACE.matcher(template);
        boolean inQuotes = false;
        int done = 0;
        while (place.find()) {
            inQuotes = isInQuotes(template, done, place.start(), inQuotes);
            filled.append(template, done, place.start()).append(values.at(place.group(1), inQuotes));
            done = place.end();
        }
        return filled.append(template.substring(done)).toString();
    }

    private static boolean isInQuotes(String template, int from, int to, boolean before) {
        boolean inQuotes = before;
        for (int i = from; i < to; i++) {
            if (template.charAt(i) == '\\' && inQuotes) {
                i++;
            } else if (template.charAt(i) == '"') {
                inQuotes = !inQuotes;
            }
        }
        return inQuotes;
    }

    private static JsonNode member(JsonNode payload, String name) {
        JsonNode at = payload;
        for (String part : name.split("\\.")) {
            at = at.path(part);
        }
        if (at.isMissingNode() || at.isNull()) {
            throw new InvalidMessageException("payload." + name, "given, because a template of the entry names it", "");
        }
        return at;
    }

    private static String text(JsonNode payload, String name) {
        JsonNode member = member(payload, name);
        if (member.isBigDecimal()) {
            return withoutExponent(name, member.decimalValue());
        }
        return member.isString() ? member.stringValue() : member.toString();
    }

    /** A reader of a text may be a person, or know no exponents. */
    private static String withoutExponent(String name, BigDecimal number) {
        if (Math.abs((long) number.scale()) > MOST_DIGITS) {
            throw new InvalidMessageException(
                    "payload." + name,
                    "a number with an exponent up to " + Limits.NUMBER_EXPONENT + " where it stands in a text",
                    number.toString());
        }
        return number.toPlainString();
    }

    private static String encoded(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static String escaped(String value) {
        String quoted = JSON.writeValueAsString(value);
        return quoted.substring(1, quoted.length() - 1);
    }

    private static String xml(String value) {
        return value.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("'", "&#39;");
    }

    private static void requireJson(String body) {
        try {
            JSON.readTree(body);
        } catch (JacksonException notJson) {
            throw new InvalidMessageException(
                    "templates.body", "JSON when it is filled", body, "Another form needs properties.contentType");
        }
    }
}

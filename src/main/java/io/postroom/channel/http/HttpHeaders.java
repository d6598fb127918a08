package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/** Refuses headers that could end a header or a request, and those that the sender or the connection makes. */
final class HttpHeaders {
    static final String IDEMPOTENCY_KEY = "Idempotency-Key";

    private static final int LONGEST = 2000;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}");
    /** Another value of these would change where a request ends, whom it reaches or what it costs to read its answer. */
    private static final Set<String> RESERVED = Set.of(
            "accept-encoding",
            "authorization",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "expect",
            "host",
            "idempotency-key",
            "keep-alive",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade");

    /** The blanks are possessive: given back one by one, they would stand in front of the name that is looked for. */
    private static final Pattern OTHER_CHARSET =
            Pattern.compile(";\\s*+charset\\s*+=\\s*+(?!\"?utf-8\"?\\s*+(;|$))", Pattern.CASE_INSENSITIVE);

    private HttpHeaders() {}

    /** Tells whether a content type names another encoding than UTF-8. */
    static boolean namesOtherCharset(String contentType) {
        return OTHER_CHARSET.matcher(contentType).find();
    }

    /** @param field that is named in the error */
    static String requireForm(String field, String name) {
        if (!NAME.matcher(name).matches()) {
            throw new InvalidMessageException(field, "1 to 100 letters, digits and - of a header's name", name);
        }
        return name;
    }

    /** @param field that is named in the error */
    static String requireName(String field, String name) {
        requireForm(field, name);
        if (RESERVED.contains(name.toLowerCase(Locale.ROOT))) {
            throw new InvalidMessageException(
                    field,
                    "another header than those that the sender makes",
                    name,
                    name.equalsIgnoreCase("Content-Type") ? "Set properties.contentType" : "");
        }
        return name;
    }

    static String requireValue(String field, String value) {
        if (value.length() > LONGEST || !value.chars().allMatch(c -> c == '\t' || c >= ' ' && c < 0x7F)) {
            throw new InvalidMessageException(field, "at most " + LONGEST + " characters of ASCII on one line", value);
        }
        return value;
    }
}

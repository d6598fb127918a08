package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a sender signs: the body, with the time and its id for the delivery around it, as in <code>{timestamp}.{body}</code>.
 *
 * @param parts texts as they are, and places
 */
record SignedText(List<String> parts) {
    static final String FIELD = "properties.signed";
    static final String TIMESTAMP = "{timestamp}";
    static final String ID = "{id}";
    static final String BODY = "{body}";

    private static final Pattern PART = Pattern.compile("\\{[^{}]*}|[^{]+|\\{");

    /** @throws InvalidMessageException there is not one body in it, or an unknown place */
    static SignedText of(String text) {
        List<String> parts = new ArrayList<>();
        Matcher part = PART.matcher(text);
        while (part.find()) {
            if (part.group().startsWith("{") && !List.of(TIMESTAMP, ID, BODY).contains(part.group())) {
                throw new InvalidMessageException(FIELD, "with the places {timestamp}, {id} and {body} alone", text);
            }
            parts.add(part.group());
        }
        if (parts.stream().filter(BODY::equals).count() != 1) {
            throw new InvalidMessageException(FIELD, "with {body} once, as in {timestamp}.{body}", text);
        }
        return new SignedText(List.copyOf(parts));
    }

    boolean has(String place) {
        return parts.contains(place);
    }

    /** Fills the places; a place that the text does not have may be given empty. */
    List<byte[]> bytes(String timestamp, String id, byte[] body) {
        return parts.stream()
                .map(part -> switch (part) {
                    case BODY -> body;
                    case TIMESTAMP -> timestamp.getBytes(StandardCharsets.UTF_8);
                    case ID -> id.getBytes(StandardCharsets.UTF_8);
                    default -> part.getBytes(StandardCharsets.UTF_8);
                })
                .toList();
    }
}

package io.postroom.internal.mailboxes;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Reads the properties of an entry, each with its limit. Those whose names begin with {@code x-} are the host's own. */
record MailboxProperties(Map<String, String> given) {
    private static final String FIELD = "properties.";

    /** Finds names without case and dashes, too, as those of the channel http. */
    static MailboxProperties of(Map<String, String> given, Set<String> known) {
        Map<String, String> named = new HashMap<>();
        given.forEach((key, value) -> {
            if (key.startsWith("x-")) {
                return;
            }
            String name = known.stream()
                    .filter(each -> each.equalsIgnoreCase(key.replace("-", "")))
                    .findFirst()
                    .orElseThrow(() -> new InvalidMessageException(
                            FIELD + key,
                            "left out: the channel " + MailboxEntry.CHANNEL + " knows no such property",
                            value,
                            "Known are " + String.join(", ", new TreeSet<>(known)) + ", and x-… of your own"));
            if (named.put(name, value) != null) {
                throw new InvalidMessageException(FIELD + name, "given once", key);
            }
        });
        return new MailboxProperties(named);
    }

    String text(String name, String otherwise) {
        return given.getOrDefault(name, otherwise).strip();
    }

    String oneOf(String name, String otherwise, List<String> allowed) {
        String value = text(name, otherwise);
        if (!allowed.contains(value)) {
            throw new InvalidMessageException(FIELD + name, "one of " + String.join(", ", allowed), value);
        }
        return value;
    }

    boolean flag(String name, boolean otherwise) {
        return oneOf(name, String.valueOf(otherwise), List.of("true", "false")).equals("true");
    }

    int number(String name, int otherwise, int least, int most) {
        String value = text(name, String.valueOf(otherwise));
        if (!value.matches("\\d{1,9}") || Integer.parseInt(value) < least || Integer.parseInt(value) > most) {
            throw new InvalidMessageException(FIELD + name, least + " to " + most, value);
        }
        return Integer.parseInt(value);
    }

    Duration time(String name, Duration otherwise, Duration shortest, Duration longest) {
        String value = text(name, Durations.format(otherwise));
        Duration time = Durations.parse(FIELD + name, value);
        if (time.compareTo(shortest) < 0 || time.compareTo(longest) > 0) {
            throw new InvalidMessageException(
                    FIELD + name, Durations.format(shortest) + " to " + Durations.format(longest), value);
        }
        return time;
    }

    /** Words in lower case, with commas between them. */
    Set<String> words(String name, String form, String limit) {
        Set<String> words = new LinkedHashSet<>();
        Arrays.stream(text(name, "").split(","))
                .map(String::strip)
                .filter(word -> !word.isEmpty())
                .forEach(word -> {
                    if (!word.matches(form)) {
                        throw new InvalidMessageException(FIELD + name, limit, word);
                    }
                    words.add(word.toLowerCase(Locale.ROOT));
                });
        return words;
    }
}

package io.postroom.channel.http;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Reads the properties of an entry, each with its limit. Those whose names begin with {@code x-} are the host's own. */
record EntryProperties(String channel, Map<String, String> given) {
    private static final String FIELD = "properties.";
    private static final String OWN = "x-";

    /**
     * Finds names without case and dashes, too: Spring writes {@code allow-private}, and the environment has capitals alone.
     *
     * @throws InvalidMessageException one is not known; the text lists the known ones
     */
    static EntryProperties of(String channel, Map<String, String> given, Set<String> known) {
        Map<String, String> named = new HashMap<>();
        for (Map.Entry<String, String> one : given.entrySet()) {
            if (one.getKey().startsWith(OWN)) {
                continue;
            }
            String name = known.stream()
                    .filter(each -> each.equalsIgnoreCase(one.getKey().replace("-", "")))
                    .findFirst()
                    .orElseThrow(() -> unknown(channel, one, known));
            if (named.put(name, one.getValue()) != null) {
                throw new InvalidMessageException(FIELD + name, "given once", one.getKey());
            }
        }
        return new EntryProperties(channel, named);
    }

    private static InvalidMessageException unknown(String channel, Map.Entry<String, String> one, Set<String> known) {
        return new InvalidMessageException(
                FIELD + one.getKey(),
                "left out: the channel " + channel + " knows no such property",
                one.getValue(),
                "Known are " + String.join(", ", new TreeSet<>(known)) + ", and x-… of your own");
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

    int number(String name, int otherwise, int least, int most) {
        String value = text(name, String.valueOf(otherwise));
        if (!value.matches("\\d{1,9}") || Integer.parseInt(value) < least || Integer.parseInt(value) > most) {
            throw new InvalidMessageException(FIELD + name, least + " to " + most, value);
        }
        return Integer.parseInt(value);
    }

    boolean flag(String name) {
        return Boolean.parseBoolean(oneOf(name, "false", List.of("true", "false")));
    }

    Duration time(String name, Duration otherwise, Duration longest) {
        String value = text(name, Durations.format(otherwise));
        Duration time = Durations.parse(FIELD + name, value);
        if (time.compareTo(Duration.ofMillis(1)) < 0 || time.compareTo(longest) > 0) {
            throw new InvalidMessageException(FIELD + name, "1ms to " + Durations.format(longest), value);
        }
        return time;
    }

    /** Names of headers. */
    String header(String name, String otherwise) {
        return HttpHeaders.requireName(FIELD + name, text(name, otherwise));
    }

    /** Names of headers that another system makes. */
    String anyHeader(String name, String otherwise) {
        return HttpHeaders.requireForm(FIELD + name, text(name, otherwise));
    }

    /** As {@link #anyHeader}; empty: the property is not given, and has no default. */
    Optional<String> optionalHeader(String name, String otherwise) {
        return text(name, otherwise).isEmpty() ? Optional.empty() : Optional.of(anyHeader(name, otherwise));
    }

    /**
     * As {@link #words}, of a property that limits what is taken; empty: the property is not given.
     *
     * @throws InvalidMessageException it is given and names nothing, as a variable does that is not set; it would limit nothing
     */
    Set<String> limits(String name, String form, String limit) {
        Set<String> words = words(name, form, limit);
        if (words.isEmpty() && given.containsKey(name)) {
            throw new InvalidMessageException(
                    FIELD + name, limit, given.get(name), "Leave it out if there is no limit");
        }
        return words;
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

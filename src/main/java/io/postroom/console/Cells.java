package io.postroom.console;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Optional;

/** What stands in a cell of a table or behind a name. */
final class Cells {
    private static final Duration HOURS = Duration.ofHours(48);

    private Cells() {}

    /** Writes itself. */
    @FunctionalInterface
    interface Cell {
        void write(Html html);
    }

    static Cell text(String text) {
        return html -> html.text(text);
    }

    static Cell text(Optional<String> text) {
        return text(text.orElse(""));
    }

    static Cell number(long number) {
        return html -> html.element("span", grouped(number), "class", "n");
    }

    /** A count that stops at a bound: behind it stands a plus then. */
    static Cell count(long count, long most) {
        return html ->
                html.element("span", grouped(count) + (count >= most ? "+" : ""), "class", count == 0 ? "n none" : "n");
    }

    static Cell link(String text, String href) {
        return html -> html.element("a", text, "href", href);
    }

    static Cell code(String text) {
        return html -> html.element("code", text);
    }

    /** A word with a colour; the word alone says it, too. */
    static Cell state(String state) {
        return html -> html.element(
                "span",
                state,
                "class",
                "state s-" + state.toLowerCase(Locale.ROOT).replaceAll("[^a-z]", "-"));
    }

    /** An instant with the time that has passed since it, or that is left until it. */
    static Cell time(Instant at) {
        return html -> {
            String exact = at.truncatedTo(ChronoUnit.MILLIS).toString();
            html.open("time", "datetime", exact, "title", distance(at, Instant.now()));
            html.text(at.truncatedTo(ChronoUnit.SECONDS).toString().replace('T', ' '))
                    .close();
            html.text(" ").element("span", distance(at, Instant.now()), "class", "ago");
        };
    }

    static Cell time(Optional<Instant> at) {
        return at.map(Cells::time).orElse(text(""));
    }

    /** A count with its thousands apart. */
    static String grouped(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    static String distance(Instant at, Instant now) {
        Duration passed = Duration.between(at, now);
        boolean ahead = passed.isNegative();
        Duration length = passed.abs();
        String text = length.toSeconds() < 120
                ? length.toSeconds() + " s"
                : length.toMinutes() < 120
                        ? length.toMinutes() + " min"
                        : length.compareTo(HOURS) < 0 ? length.toHours() + " h" : length.toDays() + " days";
        return ahead ? "in " + text : text + " ago";
    }
}

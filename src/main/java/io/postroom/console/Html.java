package io.postroom.console;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes HTML. Every text and every value of an attribute is escaped here, and nothing can be added without that. Not thread-safe.
 *
 * <p>Characters that a reader cannot see are written as {@code \\u202e}: control characters, halves of surrogate pairs, and those that turn
 * the direction of text, by which a name could look like another one.
 */
final class Html {
    private static final Set<String> VOID = Set.of("br", "hr", "input", "link", "meta");

    private final StringBuilder out = new StringBuilder(16 * 1024);
    private final Deque<String> opened = new ArrayDeque<>();

    Html() {
        out.append("<!doctype html>\n");
    }

    /**
     * Opens an element.
     *
     * @param attributes names and values in turn; one whose value is null is left out
     */
    Html open(String element, @Nullable String... attributes) {
        out.append('<').append(element);
        for (int i = 0; i < attributes.length; i += 2) {
            String value = attributes[i + 1];
            if (value != null) {
                out.append(' ').append(attributes[i]).append("=\"");
                escape(value);
                out.append('"');
            }
        }
        out.append('>');
        if (!VOID.contains(element)) {
            opened.push(element);
        }
        return this;
    }

    /** Closes the element that was opened last. */
    Html close() {
        out.append("</").append(opened.pop()).append('>');
        return this;
    }

    Html text(String text) {
        escape(text);
        return this;
    }

    /** Writes an element with a text in it. */
    Html element(String element, String text, @Nullable String... attributes) {
        return open(element, attributes).text(text).close();
    }

    /** Ends a line of the source, for people who read that. */
    Html line() {
        out.append('\n');
        return this;
    }

    /** The whole text; closes what is open. */
    String finish() {
        while (!opened.isEmpty()) {
            close();
        }
        return out.append('\n').toString();
    }

    private void escape(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                case '\n', '\t' -> out.append(c);
                default -> {
                    if (Character.isHighSurrogate(c)
                            && i + 1 < text.length()
                            && Character.isLowSurrogate(text.charAt(i + 1))) {
                        out.append(c).append(text.charAt(++i));
                    } else if (isUnseen(c)) {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
    }

    private static boolean isUnseen(char c) {
        return Character.isISOControl(c)
                || Character.isSurrogate(c)
                || c >= '\u200B' && c <= '\u200F'
                || c >= '\u2028' && c <= '\u202E'
                || c >= '\u2060' && c <= '\u206F'
                || c == '\u061C'
                || c == '\uFEFF'
                || c >= '\uFFFE';
    }
}

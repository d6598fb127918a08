package io.postroom.channel.mail;

import io.postroom.api.InvalidMessageException;

/** Checks text that must be a single line: subjects, names, header values. */
final class SingleLineText {
    private static final char LINE_SEPARATOR = 0x2028;
    private static final char PARAGRAPH_SEPARATOR = 0x2029;

    private SingleLineText() {}

    /** Returns the text, or refuses a long one and one with line ends, control characters or half a surrogate pair. May be empty. */
    static String require(String field, String text, int longest) {
        if (text.length() > longest) {
            throw new InvalidMessageException(field, "at most " + longest + " characters", text);
        }
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            // ISO control characters hold CR, LF, NUL and U+0085 (next line).
            if (Character.isISOControl(c) || c == LINE_SEPARATOR || c == PARAGRAPH_SEPARATOR) {
                throw new InvalidMessageException(
                        field, String.format("one line without control characters (U+%04X at %d)", (int) c, i), text);
            }
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(c)) {
                throw new InvalidMessageException(field, "valid Unicode (no lone surrogate)", text);
            }
        }
        return text;
    }

    static boolean isAscii(String text) {
        return text.chars().allMatch(c -> c < 0x80);
    }
}

package io.postroom.internal.loop;

/** Makes texts that came with a message fit for a line of the log. */
public final class LogText {
    private LogText() {}

    /**
     * Returns the first line of a text. What a reader of the log could take for a line end, a terminal for a command, or nobody would see
     * (controls, separators of lines, formats as those that turn the direction of writing) becomes a replacement character. Logged as an
     * argument, the rest is never read as a pattern.
     *
     * @param longest most characters; a longer line ends with …
     */
    public static String firstLine(String text, int longest) {
        int end = text.indexOf('\n');
        String line = end < 0 ? text : text.substring(0, end);
        String cut = line.length() <= longest ? line : line.substring(0, longest - 1) + "…";
        return cut.codePoints().allMatch(LogText::isPlain)
                ? cut
                : cut.codePoints()
                        .map(c -> isPlain(c) ? c : '\uFFFD')
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
    }

    /**
     * Makes one line of a text. Controls and what ends a line become blanks; what nobody would see, or what turns the direction of writing,
     * becomes a replacement character.
     *
     * @param most most characters of the text, whole ones; a longer text ends with …, and of 0 nothing is left
     */
    public static String oneLine(String text, int most) {
        StringBuilder line = new StringBuilder();
        text.codePoints().limit(most).forEach(c -> line.appendCodePoint(isPlain(c) ? c : isBreak(c) ? ' ' : '\uFFFD'));
        boolean cut = most > 0 && text.codePointCount(0, text.length()) > most;
        return cut ? line + "…" : line.toString();
    }

    private static boolean isBreak(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> true;
            default -> false;
        };
    }

    /** Tells whether a character is seen as what it is. */
    public static boolean isPlain(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }
}

package io.postroom.internal.mailboxes;

/** Makes texts of mails storable: PostgreSQL takes no U+0000, and UTF-8 no half of a surrogate pair. */
final class MailText {
    private static final char REPLACEMENT = '\uFFFD';

    private MailText() {}

    /** Replaces what cannot be stored. */
    static String storable(String text) {
        StringBuilder changed = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean isPair = Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1));
            if (isPair) {
                i++;
            } else if (c == 0 || Character.isSurrogate(c)) {
                changed = changed == null ? new StringBuilder(text) : changed;
                changed.setCharAt(i, REPLACEMENT);
            }
        }
        return changed == null ? text : changed.toString();
    }

    /** Makes one line of it, with blanks instead of control characters, cut at so many characters. */
    static String line(String text, int longest) {
        StringBuilder line = new StringBuilder();
        storable(text).codePoints().limit(longest).forEach(c -> {
            int type = Character.getType(c);
            boolean isPlain = type != Character.CONTROL
                    && type != Character.LINE_SEPARATOR
                    && type != Character.PARAGRAPH_SEPARATOR;
            line.appendCodePoint(isPlain ? c : ' ');
        });
        return line.toString().strip();
    }
}

package io.postroom.internal.producer;

/**
 * Recognises JSON that {@code jsonb} surely stores as it is, in one pass without a parser. It is JSON as most hosts write it: no
 * backslash, no surrogate, no exponent, at most {@value #DEPTH} levels and {@value #KEYS} keys in an object, none of them twice. Any other
 * text goes to the parser of {@link JsonbValidator}, which takes five times as long and says what is wrong. Each instance looks at one
 * text.
 */
final class PlainJson {
    private static final int DEPTH = 16;
    private static final int KEYS = 24;
    private static final int NUMBER = 64;
    private static final int NOT_PLAIN = -1;

    private final String text;
    private final int length;

    private PlainJson(String text) {
        this.text = text;
        this.length = text.length();
    }

    /** Whether the text is one JSON value of that kind. False says nothing about the text. */
    static boolean is(String text) {
        PlainJson json = new PlainJson(text);
        int end = json.value(json.skipSpace(0), 0);
        return end != NOT_PLAIN && json.skipSpace(end) == json.length;
    }

    /** The index after the value that begins there, or {@link #NOT_PLAIN}. */
    private int value(int at, int depth) {
        if (at >= length) {
            return NOT_PLAIN;
        }
        switch (text.charAt(at)) {
            case '{':
                return depth == DEPTH ? NOT_PLAIN : object(skipSpace(at + 1), depth + 1);
            case '[':
                return depth == DEPTH ? NOT_PLAIN : array(skipSpace(at + 1), depth + 1);
            case '"':
                return string(at);
            case 't':
                return word("true", at);
            case 'f':
                return word("false", at);
            case 'n':
                return word("null", at);
            default:
                return number(at);
        }
    }

    private int object(int from, int depth) {
        if (isAt('}', from)) {
            return from + 1;
        }
        int[] begins = new int[KEYS];
        int[] ends = new int[KEYS];
        int at = from;
        for (int keys = 0; keys < KEYS; keys++) {
            int end = isAt('"', at) ? string(at) : NOT_PLAIN;
            if (end == NOT_PLAIN || isKnown(at, end, begins, ends, keys)) {
                return NOT_PLAIN;
            }
            begins[keys] = at;
            ends[keys] = end;
            at = skipSpace(end);
            at = isAt(':', at) ? value(skipSpace(at + 1), depth) : NOT_PLAIN;
            if (at == NOT_PLAIN) {
                return NOT_PLAIN;
            }
            at = skipSpace(at);
            if (isAt('}', at)) {
                return at + 1;
            } else if (!isAt(',', at)) {
                return NOT_PLAIN;
            }
            at = skipSpace(at + 1);
        }
        return NOT_PLAIN;
    }

    private boolean isKnown(int begin, int end, int[] begins, int[] ends, int keys) {
        for (int i = 0; i < keys; i++) {
            if (ends[i] - begins[i] == end - begin && text.regionMatches(begins[i], text, begin, end - begin)) {
                return true;
            }
        }
        return false;
    }

    private int array(int from, int depth) {
        if (isAt(']', from)) {
            return from + 1;
        }
        int at = from;
        while (true) {
            at = value(at, depth);
            if (at == NOT_PLAIN) {
                return NOT_PLAIN;
            }
            at = skipSpace(at);
            if (isAt(']', at)) {
                return at + 1;
            } else if (!isAt(',', at)) {
                return NOT_PLAIN;
            }
            at = skipSpace(at + 1);
        }
    }

    private int string(int quote) {
        for (int at = quote + 1; at < length; at++) {
            char c = text.charAt(at);
            if (c == '"') {
                return at + 1;
            } else if (c < ' ' || c == '\\' || Character.isSurrogate(c)) {
                return NOT_PLAIN;
            }
        }
        return NOT_PLAIN;
    }

    private int word(String word, int at) {
        return text.startsWith(word, at) ? at + word.length() : NOT_PLAIN;
    }

    private int number(int from) {
        int first = isAt('-', from) ? from + 1 : from;
        int end = skipDigits(first);
        if (end == first || isAt('0', first) && end > first + 1) {
            return NOT_PLAIN;
        }
        if (isAt('.', end)) {
            int fraction = end + 1;
            end = skipDigits(fraction);
            if (end == fraction) {
                return NOT_PLAIN;
            }
        }
        return end - from > NUMBER || isAt('e', end) || isAt('E', end) ? NOT_PLAIN : end;
    }

    private int skipDigits(int from) {
        int at = from;
        while (at < length && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        return at;
    }

    private int skipSpace(int from) {
        int at = from;
        while (at < length && isSpace(text.charAt(at))) {
            at++;
        }
        return at;
    }

    private static boolean isSpace(char c) {
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
    }

    private boolean isAt(char c, int at) {
        return at < length && text.charAt(at) == c;
    }
}

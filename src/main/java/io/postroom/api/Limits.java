package io.postroom.api;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * The limits of messages, named once. The SQL function {@code postroom.create_message} has the same ones. A value that breaks one is
 * refused with {@link InvalidMessageException}.
 */
public final class Limits {
    /** Longest name of a queue or type, in characters. */
    public static final int NAME_LENGTH = 127;
    /** Longest deduplication key, correlation id or content type, in characters. */
    public static final int KEY_LENGTH = 200;
    /** Largest payload in bytes of UTF-8 or of the body: 1 MiB. */
    public static final int PAYLOAD_BYTES = 1024 * 1024;
    /** Most headers. */
    public static final int HEADERS = 64;
    /** Largest size of all headers, names and values: 8 KB. */
    public static final int HEADER_BYTES = 8 * 1024;
    /** Longest name of a header, in characters. */
    public static final int HEADER_NAME_LENGTH = 100;
    /** Most messages of one {@code createMessages}. */
    public static final int BATCH = 10_000;
    /** Deepest nesting of JSON. */
    public static final int JSON_DEPTH = 64;
    /** Longest number in JSON, in characters. */
    public static final int NUMBER_LENGTH = 64;
    /** Largest exponent of a number in JSON, of either sign. */
    public static final int NUMBER_EXPONENT = 308;
    /** Longest routing key or pattern, in bytes of UTF-8. */
    public static final int ROUTING_KEY_BYTES = 255;
    /** Largest maximum length of a queue, in messages. */
    public static final long QUEUE_LENGTH = 1_000_000_000;
    /** Longest delay, time to live and retention: 400 days. */
    public static final Duration HORIZON = Duration.ofDays(400);

    private static final Pattern HEADER_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");

    private Limits() {}

    /**
     * Checks the name of a queue or type, and returns it. Names are compared exactly, case included.
     *
     * @throws InvalidMessageException it is not 1 to 127 of {@code A-Z a-z 0-9 . _ : -}, first a letter or digit
     */
    public static String requireName(String field, String name) {
        if (!isName(name)) {
            throw new InvalidMessageException(field, "1 to 127 of A-Z a-z 0-9 . _ : -, first a letter or digit", name);
        }
        return name;
    }

    /** Whether the text is a name of a queue or type, as {@link #requireName} wants it. */
    public static boolean isName(String name) {
        // A loop instead of a regular expression: two names are checked for each message, and that took a tenth of its
        // time here.
        int length = name.length();
        if (length == 0 || length > NAME_LENGTH || !isLetterOrDigit(name.charAt(0))) {
            return false;
        }
        for (int i = 1; i < length; i++) {
            char c = name.charAt(i);
            if (!isLetterOrDigit(c) && c != '.' && c != '_' && c != ':' && c != '-') {
                return false;
            }
        }
        return true;
    }

    private static boolean isLetterOrDigit(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
    }

    /** Whether the text has a {@code *} or {@code #}, which no name has. {@link #requireQueueOrPattern} checks its form. */
    public static boolean isQueuePattern(String text) {
        return text.indexOf('*') >= 0 || text.indexOf('#') >= 0;
    }

    /**
     * Checks the name of a queue or a pattern for such names, and returns it. A pattern is words with dots between them, as in {@code
     * tenant.*.mail}: {@code *} stands for exactly one word, {@code #} for any number of words, also for none.
     *
     * @throws InvalidMessageException it is neither a name nor a pattern, it is longer than 127 characters, or a word of it has more than
     *     {@code *} or {@code #}
     */
    public static String requireQueueOrPattern(String field, String text) {
        if (!isQueuePattern(text)) {
            return requireName(field, text);
        }
        boolean wellFormed = text.length() <= NAME_LENGTH;
        boolean isFirst = true;
        for (String word : text.split("\\.", -1)) {
            boolean open = word.equals("*") || word.equals("#");
            wellFormed &= open || (isFirst ? isName(word) : isName("a" + word));
            isFirst = false;
        }
        if (!wellFormed) {
            throw new InvalidMessageException(
                    field,
                    "1 to 127 characters: a name, or words with dots between them, where a word is * (one word), # (any number of words),"
                            + " or of A-Z a-z 0-9 _ : - alone; the first character a letter, a digit, * or #",
                    text);
        }
        return text;
    }

    /** Checks a routing key or the pattern of a binding, and returns it. It may be empty. */
    static String requireRoutingKey(String key) {
        return requireRoutingKey("routingKey", key);
    }

    static String requireRoutingKey(String field, String key) {
        int bytes = key.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > ROUTING_KEY_BYTES) {
            throw new InvalidMessageException(field, "0 to " + ROUTING_KEY_BYTES + " bytes of UTF-8", key);
        }
        requireStorable(field, key);
        return key;
    }

    static String requireHeaderName(String name) {
        if (!HEADER_NAME.matcher(name).matches()) {
            throw new InvalidMessageException(
                    "headers", "names of 1 to 100 of A-Z a-z 0-9 . _ -, first a letter or digit", name);
        }
        return name;
    }

    /**
     * Reads a condition on a header as people write it: its name, an equals sign, its value. The value may have further ones.
     *
     * @return the name and the value
     * @throws InvalidMessageException there is no equals sign, the name is not 1 to 100 of {@code A-Z a-z 0-9 . _ -}, first a letter or
     *     digit, the value has control characters, or both have more than 8 KB
     */
    public static Map.Entry<String, String> requireHeader(String field, String text) {
        int end = text.indexOf('=');
        if (end < 0) {
            throw new InvalidMessageException(field, "a name and a value with = between them", text);
        }
        Map<String, String> header =
                MessageRules.requireHeaders(Map.of(text.substring(0, end), text.substring(end + 1)));
        return header.entrySet().iterator().next();
    }

    /** Checks a text, and returns it. Refuses an empty or long one, and one with control characters or half a surrogate pair. */
    public static String requireText(String field, String text, int longest) {
        if (text.isEmpty() || text.codePointCount(0, text.length()) > longest) {
            throw new InvalidMessageException(field, "1 to " + longest + " characters", text);
        }
        requireStorable(field, text);
        return text;
    }

    static void requireStorable(String field, String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ' && c != '\t' || c == 0x7F) {
                throw new InvalidMessageException(field, "no control characters", text);
            }
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(c)) {
                throw new InvalidMessageException(field, "valid Unicode (no lone surrogate)", text);
            }
        }
    }

    /**
     * Finds the constant of an enum that has this word in SQL, JSON or files.
     *
     * @param words all words, as an error names them
     */
    static <T> T requireWord(String field, T[] known, Function<T, String> wordOf, String given, String words) {
        for (T one : known) {
            if (wordOf.apply(one).equals(given)) {
                return one;
            }
        }
        throw new InvalidMessageException(field, words, given);
    }

    /** Checks that a number is one of these, and returns it. */
    public static int requireRange(String field, int value, int least, int most) {
        if (value < least || value > most) {
            throw new InvalidMessageException(field, least + " to " + most, String.valueOf(value));
        }
        return value;
    }

    /** Checks the maximum length of a queue, and returns it; 0: none. */
    static long requireQueueLength(long value) {
        if (value < 0 || value > QUEUE_LENGTH) {
            throw new InvalidMessageException(
                    "maxLength", "1 to " + QUEUE_LENGTH + ", or 0 for none", String.valueOf(value));
        }
        return value;
    }

    static Duration requireRetention(Duration value) {
        if (value.isNegative() || value.compareTo(HORIZON) > 0 && !value.equals(QueueSettings.FOR_EVER)) {
            throw new InvalidMessageException(
                    "retention", Duration.ZERO + " to 400 days, or QueueSettings.FOR_EVER", String.valueOf(value));
        }
        return value;
    }

    static Duration requireDuration(String field, Duration value, Duration least) {
        if (value.compareTo(least) < 0 || value.compareTo(HORIZON) > 0) {
            throw new InvalidMessageException(field, least + " to 400 days", String.valueOf(value));
        }
        return value;
    }
}

package io.postroom.api;

import java.util.Locale;

/** How an exchange compares a message with its bindings. */
public enum ExchangeKind {
    /** A binding matches when its routing key is the message's. */
    DIRECT,
    /** A binding matches by its pattern: words between dots, {@code *} for exactly one word, {@code #} for any number of words. */
    TOPIC,
    /** Every binding matches. */
    FANOUT,
    /** A binding matches by its arguments, which are compared with the message's headers. */
    HEADERS;

    /** Returns the word that SQL and REST use, as in {@code topic}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Reads the word that SQL and REST use.
     *
     * @throws InvalidMessageException the word names no kind
     */
    public static ExchangeKind ofWord(String word) {
        return Limits.requireWord("kind", values(), ExchangeKind::word, word, "direct, topic, fanout or headers");
    }
}

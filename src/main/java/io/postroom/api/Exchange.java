package io.postroom.api;

import java.util.Optional;

/**
 * An exchange: takes messages that name no queue, and chooses their queues by its bindings. Immutable.
 *
 * @param name 1 to 127 of {@code A-Z a-z 0-9 . _ : -}, first a letter or digit
 * @param kind how it compares a message with its bindings
 * @param alternate name of the exchange that a message goes on to where no binding of this one matches; it need not exist, and reaches no
 *     queue then
 */
public record Exchange(String name, ExchangeKind kind, Optional<String> alternate) {
    public Exchange {
        Limits.requireName("exchange", name);
        alternate.ifPresent(other -> Limits.requireName("alternate", other));
    }

    /** Makes a direct exchange without an alternate exchange. */
    public static Exchange direct(String name) {
        return new Exchange(name, ExchangeKind.DIRECT, Optional.empty());
    }

    /** Makes a topic exchange without an alternate exchange. */
    public static Exchange topic(String name) {
        return new Exchange(name, ExchangeKind.TOPIC, Optional.empty());
    }

    /** Makes a fanout exchange without an alternate exchange. */
    public static Exchange fanout(String name) {
        return new Exchange(name, ExchangeKind.FANOUT, Optional.empty());
    }

    /** Makes a headers exchange without an alternate exchange. */
    public static Exchange headers(String name) {
        return new Exchange(name, ExchangeKind.HEADERS, Optional.empty());
    }

    /** Sets the exchange that a message goes on to where no binding of this one matches. */
    public Exchange alternate(String exchange) {
        return new Exchange(name, kind, Optional.of(exchange));
    }
}

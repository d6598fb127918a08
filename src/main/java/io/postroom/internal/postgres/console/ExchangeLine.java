package io.postroom.internal.postgres.console;

import java.util.Optional;

/** An exchange, its kind in lower case, and the exchange that takes what reaches no queue. */
public record ExchangeLine(String name, String kind, Optional<String> alternate) {}

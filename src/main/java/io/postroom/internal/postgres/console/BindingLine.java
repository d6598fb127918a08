package io.postroom.internal.postgres.console;

import java.util.Optional;

/** A binding that begins at an exchange and leads to a queue or to another exchange: one of the two is there. */
public record BindingLine(
        Optional<String> queue, Optional<String> toExchange, String routingKey, Optional<String> arguments) {}

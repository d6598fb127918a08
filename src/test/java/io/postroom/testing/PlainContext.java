package io.postroom.testing;

import io.postroom.handler.MessageContext;
import java.sql.Connection;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a handler knows of a message that went to its queue directly: no type, no headers, no group, no question to reply to. Unless told
 * otherwise, this is its first delivery, and one attempt is left.
 */
public interface PlainContext extends MessageContext {
    @Override
    default String type() {
        return "";
    }

    @Override
    default int version() {
        return 0;
    }

    @Override
    default int failures() {
        return 0;
    }

    @Override
    default int deliveries() {
        return 1;
    }

    @Override
    default int attemptsLeft() {
        return 1;
    }

    @Override
    default Map<String, String> headers() {
        return Map.of();
    }

    @Override
    default Optional<String> correlationId() {
        return Optional.empty();
    }

    @Override
    default Optional<String> exchange() {
        return Optional.empty();
    }

    @Override
    default String routingKey() {
        return "";
    }

    @Override
    default Optional<String> group() {
        return Optional.empty();
    }

    @Override
    default void reply(@Nullable Object payload) {
        throw new IllegalStateException("nobody asked for a reply");
    }

    @Override
    default boolean isStillOurs() {
        return true;
    }

    @Override
    default Connection connection() {
        throw new IllegalStateException("no ATOMIC handler");
    }
}

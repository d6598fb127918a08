package io.postroom.testing;

import io.postroom.handler.MessageContext;
import java.sql.Connection;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a handler knows of a message that went to its queue directly: no headers, no group, no question to reply to. */
public interface PlainContext extends MessageContext {
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

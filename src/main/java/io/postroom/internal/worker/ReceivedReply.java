package io.postroom.internal.worker;

import io.postroom.api.Reply;
import io.postroom.internal.execution.Delivery;
import io.postroom.internal.execution.Headers;
import io.postroom.internal.storage.Content;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A reply as its caller gets it. */
record ReceivedReply(UUID id, Content content, Map<String, String> headers, Delivery delivery) implements Reply {
    static ReceivedReply of(UUID id, Content content, Delivery delivery) {
        return new ReceivedReply(id, content, Headers.read(content.headers()), delivery);
    }

    @Override
    public String type() {
        return content.type() == null ? "" : content.type();
    }

    @Override
    public int version() {
        return content.version();
    }

    @Override
    public Optional<String> correlationId() {
        return Optional.ofNullable(content.correlationId());
    }

    @Override
    public <T> @Nullable T as(Class<T> payload) {
        return delivery.readReply(payload, content);
    }

    /** The id of the request; empty: the header is missing or no id. */
    Optional<UUID> request() {
        try {
            return Optional.ofNullable(headers.get(IN_REPLY_TO)).map(UUID::fromString);
        } catch (IllegalArgumentException noId) {
            return Optional.empty();
        }
    }

    @Override
    public String toString() {
        return "Reply[id=" + id + ", type=" + type() + ", headers=" + headers
                + "]"; // the content does not belong into a log
    }
}

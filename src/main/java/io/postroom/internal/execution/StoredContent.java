package io.postroom.internal.execution;

import io.postroom.internal.storage.ClaimedMessage;
import java.nio.charset.StandardCharsets;

/** A held message's content, as JSON text or bytes. Decoded only when asked for. */
record StoredContent(ClaimedMessage message) implements Delivery.Content {
    private static final byte[] NULL = "null".getBytes(StandardCharsets.UTF_8);

    static StoredContent of(ClaimedMessage message) {
        return new StoredContent(message);
    }

    @Override
    public byte[] bytes() {
        if (message.content().body() != null) {
            return message.content().body();
        }
        return message.content().payload() == null
                ? NULL
                : message.content().payload().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String text() {
        if (message.content().body() != null) {
            return new String(message.content().body(), StandardCharsets.UTF_8);
        }
        return message.content().payload() == null ? "null" : message.content().payload();
    }
}

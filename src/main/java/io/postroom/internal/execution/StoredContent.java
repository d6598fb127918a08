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
        if (message.body() != null) {
            return message.body();
        }
        return message.payload() == null ? NULL : message.payload().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String text() {
        if (message.body() != null) {
            return new String(message.body(), StandardCharsets.UTF_8);
        }
        return message.payload() == null ? "null" : message.payload();
    }
}

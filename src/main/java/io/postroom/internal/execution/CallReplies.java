package io.postroom.internal.execution;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.ReplyMessage;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The replies that one call of a handler has set, by message. Thread-safe: a handler's own threads may reply. */
final class CallReplies {
    private @Nullable Map<UUID, ReplyMessage> byMessage; // most calls reply to nobody

    /** @throws IllegalStateException the message has a reply */
    synchronized void set(ClaimedMessage message, ReplyMessage reply) {
        if (byMessage == null) {
            byMessage = new HashMap<>();
        }
        if (byMessage.putIfAbsent(message.id(), reply) != null) {
            throw new IllegalStateException("message " + message.id()
                    + " was replied to already in this attempt, and a request has one reply. Call reply once, or put both answers into"
                    + " one payload");
        }
    }

    /** Takes back the reply of an attempt that failed: what decides about the error may set another one. */
    synchronized void forget(ClaimedMessage message) {
        if (byMessage != null) {
            byMessage.remove(message.id());
        }
    }

    synchronized @Nullable ReplyMessage to(ClaimedMessage message) {
        return byMessage == null ? null : byMessage.get(message.id());
    }
}

package io.postroom.internal.execution;

import io.postroom.api.Limits;
import io.postroom.internal.loop.LogText;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ends deliveries whose payload could not be read here. Says so in the log once a minute for each handler. Thread-safe. */
final class UndecodableMessages {
    private static final Logger log = LoggerFactory.getLogger(UndecodableMessages.class);
    private static final long QUIET_NANOS = Duration.ofMinutes(1).toNanos();

    private final LeaseStore store;
    private final Map<String, Long> saidNanos = new ConcurrentHashMap<>();

    UndecodableMessages(LeaseStore store) {
        this.store = store;
    }

    /** Asks the store for how long the message has been undecodable: other processes count, too. */
    Completion end(HandledQueue queue, ClaimedMessage message, Delivery.UndecodableException error) {
        Optional<Duration> since = store.undecodableSince(message);
        Completion end = StateTransitions.undecodable(message, error, since, System.nanoTime());
        if (since.isEmpty() && isTimeToSay(error.handler())) {
            log.warn(
                    "message {} of queue {} cannot be read by handler {} (type {} version {}: {}; its history has the text). "
                            + "It waits for a process that can read it, and is dead after {} hours",
                    message.id(),
                    queue.name(),
                    error.handler(),
                    LogText.firstLine(String.valueOf(message.content().type()), Limits.NAME_LENGTH),
                    message.content().version(),
                    error.errorClass(), // not its text, which may quote the payload
                    StateTransitions.UNDECODABLE_FOR.toHours());
        }
        return end;
    }

    private boolean isTimeToSay(String handler) {
        long now = System.nanoTime();
        return saidNanos.merge(handler, now, (said, next) -> next - said < QUIET_NANOS ? said : next) == now;
    }
}

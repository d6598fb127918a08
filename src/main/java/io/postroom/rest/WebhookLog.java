package io.postroom.rest;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs requests that an entry refused: the first at once, then at most one line a minute with their number. Anybody can send such requests,
 * and must not fill the log. Holds one counter for each entry that is used. Thread-safe.
 */
final class WebhookLog {
    private static final Logger log = LoggerFactory.getLogger(WebhooksController.class);
    private static final long PAUSE_NANOS = Duration.ofMinutes(1).toNanos();

    private final Map<String, Count> counts = new ConcurrentHashMap<>();

    /**
     * Counts a request.
     *
     * @param name of an entry, never of a request alone
     * @param why as the end of a sentence
     */
    void refused(String name, String why) {
        Count count = counts.computeIfAbsent(name, unused -> new Count());
        count.refused.incrementAndGet();
        long now = System.nanoTime();
        long due = count.dueNanos.get();
        if (now - due >= 0 && count.dueNanos.compareAndSet(due, now + PAUSE_NANOS)) {
            log.warn(
                    "Webhook \"{}\" refused {} requests since the line before, the last one: {}",
                    name,
                    count.refused.getAndSet(0),
                    why);
        }
    }

    private static final class Count {
        private final AtomicLong refused = new AtomicLong();
        private final AtomicLong dueNanos = new AtomicLong(System.nanoTime());
    }
}

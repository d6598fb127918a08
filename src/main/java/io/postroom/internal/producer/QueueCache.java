package io.postroom.internal.producer;

import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Names of queues to their rows. A queue seen for the first time is declared in a short transaction of its own, before the caller's message: in the
 * caller's own it would make hosts that use a new queue at the same time wait for one another. Remembered for a few seconds, so that settings and deletions are
 * noticed. Thread-safe.
 */
public final class QueueCache {
    private static final long REMEMBERED_NANOS = Duration.ofSeconds(10).toNanos();

    private final QueueStore store;
    private final boolean declareOnUse;
    private final Map<String, Known> known = new ConcurrentHashMap<>();

    public QueueCache(QueueStore store, boolean declareOnUse) {
        this.store = store;
        this.declareOnUse = declareOnUse;
    }

    public QueueRow get(String name) {
        Known entry = known.get(name);
        if (entry != null && System.nanoTime() - entry.sinceNanos < REMEMBERED_NANOS) {
            return entry.row;
        }
        QueueRow row = ask(name);
        known.put(name, new Known(row, System.nanoTime()));
        return row;
    }

    /** As it is now. */
    QueueRow ask(String name) {
        return store.queue(name).orElseGet(() -> declare(name));
    }

    private QueueRow declare(String name) {
        if (!declareOnUse) {
            throw new QueueNotFoundException(
                    name, "Declare it with queues().declare(...), or set postroom.declare-on-use=true");
        }
        return store.declare(QueueSettings.of(name));
    }

    /** For messages to people; the id itself when its name is not known here. */
    String nameOf(int id) {
        return known.values().stream()
                .filter(entry -> entry.row.id() == id)
                .map(entry -> entry.row.name())
                .findFirst()
                .orElse(String.valueOf(id));
    }

    void forget(String name) {
        known.remove(name);
    }

    private record Known(QueueRow row, long sinceNanos) {}
}

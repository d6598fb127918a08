package io.postroom.internal.producer;

import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Finds the row of a queue by the queue's name. Thread-safe.
 *
 * <p>A queue that is used for the first time is declared in a short transaction of its own, before the caller's message. In the caller's
 * transaction, the declaration would make hosts that use a new queue at the same time wait for one another. A row is remembered for ten
 * seconds, so that changed settings and deletions are noticed.
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

    /** Gives the queue's row, at most ten seconds old. Declares an unknown queue, or refuses it, as the settings say. */
    public QueueRow get(String name) {
        Known entry = known.get(name);
        if (entry != null && System.nanoTime() - entry.sinceNanos < REMEMBERED_NANOS) {
            return entry.row;
        }
        QueueRow row = current(name);
        known.put(name, new Known(row, System.nanoTime()));
        return row;
    }

    /** Reads the queue's row from the store, whatever is remembered. */
    QueueRow current(String name) {
        return store.queue(name).orElseGet(() -> declare(name));
    }

    private QueueRow declare(String name) {
        if (!declareOnUse) {
            throw new QueueNotFoundException(
                    name, "Declare it with queues().declare(...), or set postroom.declare-on-use=true");
        }
        return store.declare(QueueSettings.of(name));
    }

    /** Gives the queue's name for a text that people read, or the id as text when this process does not know the name. */
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

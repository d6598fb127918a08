package io.postroom.internal.producer;

import io.postroom.api.Limits;
import io.postroom.api.QueueNotFoundException;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the row of a queue by the queue's name. Thread-safe.
 *
 * <p>A queue that is used for the first time is declared in a short transaction of its own, before the caller's message. In the caller's
 * transaction, the declaration would make hosts that use a new queue at the same time wait for one another. A row is remembered for ten
 * seconds, so that changed settings and deletions are noticed. The making of a queue by its first use is logged: its name may be misspelt.
 */
public final class QueueCache {
    private static final Logger log = LoggerFactory.getLogger(QueueCache.class);
    private static final long REMEMBERED_NANOS = Duration.ofSeconds(10).toNanos();

    /** Queues that are remembered at once. A producer that may name any queue must not fill the memory with their names. */
    static final int MOST_REMEMBERED = 20_000;

    private final QueueStore store;
    private final boolean declareOnUse;
    private final Map<String, Known> known = new ConcurrentHashMap<>();
    /** Whether a queue with a maximum length was seen. */
    private volatile boolean someAreLimited;
    /** Names that were logged: threads that use a new queue at the same time log it once. */
    private final Set<String> madeByUse = ConcurrentHashMap.newKeySet();

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
        return lookUp(name);
    }

    /** Reads the queue's row from the store as {@link #current} does, and remembers it. */
    QueueRow lookUp(String name) {
        QueueRow row = current(name);
        remember(row);
        return row;
    }

    /**
     * Whether some of the messages are for a queue that is known to have a maximum length. A limit that this process does not know of is
     * found by the store, which writes nothing then. While no queue has a limit this reads one field.
     */
    boolean areAnyLimited(List<NewMessage> messages) {
        if (someAreLimited) {
            for (NewMessage message : messages) {
                for (String name : message.queues()) {
                    Known entry = known.get(name);
                    if (entry != null && entry.row.limited()) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /** Reads the queue's row from the store, whatever is remembered. */
    QueueRow current(String name) {
        return store.queue(name).orElseGet(() -> declare(name));
    }

    /**
     * Gives the times to live of queues, at most ten seconds old; null for a queue without one. Declares none: a queue that is unknown by
     * now has none.
     */
    Map<String, @Nullable Duration> timesToLive(Collection<String> names) {
        Map<String, @Nullable Duration> times = new HashMap<>();
        List<String> unknown = new ArrayList<>();
        for (String name : names) {
            Known entry = known.get(name);
            if (entry != null && System.nanoTime() - entry.sinceNanos < REMEMBERED_NANOS) {
                times.put(name, entry.row.timeToLive());
            } else {
                unknown.add(name);
            }
        }
        if (!unknown.isEmpty()) {
            for (QueueRow row : store.queues(unknown)) {
                remember(row);
                times.put(row.name(), row.timeToLive());
            }
        }
        return times;
    }

    private void remember(QueueRow row) {
        if (known.size() >= MOST_REMEMBERED) {
            // Rare: whoever uses more queues than this pays for looking them up again. All goes, since most of it is
            // older than ten seconds.
            known.clear();
            madeByUse.clear();
        }
        known.put(row.name(), new Known(row, System.nanoTime()));
        if (row.limited()) {
            someAreLimited = true;
        }
    }

    private QueueRow declare(String name) {
        if (!declareOnUse) {
            throw new QueueNotFoundException(
                    name, "Declare it with queues().declare(...), or set postroom.declare-on-use=true");
        }
        QueueRow row = store.use(Limits.requireName("queue", name));
        if (madeByUse.add(name)) {
            log.info(
                    "queue \"{}\" was not declared before and is made by this first use of it. If its name is misspelt, delete it:"
                            + " queues.delete(\"{}\", false, true). With postroom.declare-on-use=false an unknown name is an error",
                    name,
                    name);
        }
        return row;
    }

    /** Gives the queue's name for a text that people read, or the id as text when this process does not know the name. */
    String nameOf(int id) {
        return known.values().stream()
                .filter(entry -> entry.row.id() == id)
                .map(entry -> entry.row.name())
                .findFirst()
                .orElse(String.valueOf(id));
    }

    int remembered() {
        return known.size();
    }

    void forget(String name) {
        known.remove(name);
        madeByUse.remove(name);
    }

    private record Known(QueueRow row, long sinceNanos) {}
}

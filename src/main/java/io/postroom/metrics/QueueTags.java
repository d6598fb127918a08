package io.postroom.metrics;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Values of tags that name a queue or an exchange. Each value is a time series for as long as the process lives, so there is one for each
 * of the first thousand names, one for all further ones, and one for queues that {@code Queues.declareTemporary} named. Thread-safe.
 */
final class QueueTags {
    /** Stands for the names beyond the first thousand. */
    static final String OTHER = "other";
    /** Stands for all temporary queues. */
    static final String TEMPORARY = "temporary";

    private static final String TEMPORARY_PREFIX = "tmp.";
    private static final int MOST = 1_000;

    private final int most;
    private final Set<String> names = ConcurrentHashMap.newKeySet();

    QueueTags() {
        this(MOST);
    }

    /** @param most names that get a value of their own */
    QueueTags(int most) {
        this.most = most;
    }

    String of(String name) {
        if (name.startsWith(TEMPORARY_PREFIX)) {
            return TEMPORARY;
        }
        return names.contains(name) || names.size() < most && names.add(name) ? name : OTHER;
    }
}

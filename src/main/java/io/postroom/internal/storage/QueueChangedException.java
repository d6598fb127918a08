package io.postroom.internal.storage;

import java.util.Collection;

/**
 * The number under which a queue was known here belongs to another queue or to none: the database was restored, truncated or failed over.
 * Nothing was written. Whoever looks the queue up again may repeat the call in the same transaction.
 */
public final class QueueChangedException extends RuntimeException {
    public QueueChangedException(Collection<String> queues) {
        super("the database does not know the queues " + queues
                + " under the numbers that this process remembers. Nothing was written; repeat the call");
    }
}

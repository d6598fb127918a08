package io.postroom.internal.storage;

import java.util.Collection;

/**
 * What this process remembers is out of date. A queue has another number: the database was restored, truncated or failed over. Or exchanges
 * and bindings have changed. Nothing was written. Whoever looks again may repeat the call in the same transaction.
 */
public final class QueueChangedException extends RuntimeException {
    public QueueChangedException(Collection<String> queues) {
        super("the queues " + queues
                + " have other numbers in the database, or exchanges and bindings have changed since this process read them."
                + " Nothing was written; repeat the call");
    }
}

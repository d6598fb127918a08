package io.postroom.internal.storage;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The queues of a message that is created through an exchange.
 *
 * @param version of the exchanges and bindings that chose the queues: the store writes nothing under another one. Null: they were chosen in
 *     the transaction that writes
 * @param exchangeId 0: the default exchange, or one that is not known yet
 * @param mandatory whether a message that reaches no queue is refused
 * @param timeToLive of the message itself; null: none
 * @param queues in the order of their names; empty: none are known, so the transaction that writes looks for itself
 */
public record Targets(
        @Nullable UUID version,
        int exchangeId,
        boolean mandatory,
        @Nullable Duration timeToLive,
        List<Target> queues) {

    /**
     * One of them.
     *
     * @param timeToLive of the queue; null: none
     */
    public record Target(
            int queueId, String queue, @Nullable Duration timeToLive) {}

    /** Whether the message has one entry, as a message that names its queue has. */
    public boolean isSingle() {
        return queues.size() == 1;
    }

    /** The same for these queues, which the transaction that writes has chosen itself. */
    public Targets chosenAnew(int exchange, List<Target> chosen) {
        return new Targets(null, exchange, mandatory, timeToLive, chosen);
    }

    /** The names of the queues. */
    public List<String> names() {
        return queues.stream().map(Target::queue).toList();
    }
}

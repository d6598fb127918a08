package io.postroom.internal.storage;

import io.postroom.api.ConsumerInfo;
import io.postroom.api.Reason;
import io.postroom.api.Receipts;
import io.postroom.api.StoreException;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What people do to consumers. A consumer is what one process consumes of one queue. Thread-safe.
 *
 * <p>Each call is a transaction of its own. Failures are {@link StoreException}s. A queue that does not exist is refused with {@link
 * io.postroom.api.QueueNotFoundException}. What processes answer comes through {@link WorkerStore#reportStopped}.
 */
public interface ConsumerStore {
    /** Lists the live consumers of a queue. */
    List<ConsumerInfo> consumers(String queue);

    /**
     * Tells consumers to stop. On record in {@code operator_action}. Not to be repeated: a repeat stops others.
     *
     * @param howMany null: all
     * @param reason here and below, why and by whom, for the record; null: nobody said
     */
    StopOrder stop(String queue, @Nullable Integer howMany, @Nullable Reason reason);

    default StopOrder stop(String queue, @Nullable Integer howMany) {
        return stop(queue, howMany, null);
    }

    /** Answers how an order stands. */
    Receipts receipts(StopOrder order);

    /** Lets all consumers of the queue go on. Answers how many live ones were told to stop. On record in {@code operator_action}. */
    int start(String queue, @Nullable Reason reason);

    default int start(String queue) {
        return start(queue, null);
    }

    /** Carries out a kill signal that this process has claimed. May be repeated: a message stops consumers once. */
    KillAnswer obey(UUID message, int queueId, String queue);

    /**
     * What became of a kill signal.
     *
     * @param kind what to do with the message
     * @param reason why it waits or is refused, as a sentence
     */
    record KillAnswer(Kind kind, String reason) {
        /** What to do with a kill signal. */
        public enum Kind {
            /** The consumers were told. */
            DONE,
            /** Messages that came before it are READY. */
            WAIT,
            /** Its sender may not, or its content is wrong. */
            REFUSED
        }
    }

    /**
     * An order to stop.
     *
     * @param id its line in {@code operator_action}
     * @param queue name of the queue
     * @param isForAll whether it concerns consumers that start later, too
     * @param told how many consumers were told by it at once
     */
    record StopOrder(UUID id, String queue, boolean isForAll, int told) {}
}

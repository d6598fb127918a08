package io.postroom.internal.storage;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A reply on its way to the queue that its request names. The store writes it together with the end of the request, and notes here where it
 * went. Thread-safe.
 */
public final class ReplyMessage {
    /** How the names of reply queues begin. No pattern of a handler matches such a queue: it would take the replies away. */
    public static final String QUEUE_PREFIX = "postroom.reply.";

    private final UUID request;
    private final String queue;
    private final @Nullable NewMessage message;
    private volatile @Nullable Arrival arrival;
    private volatile @Nullable String refusal;

    private ReplyMessage(UUID request, String queue, @Nullable NewMessage message) {
        this.request = request;
        this.queue = queue;
        this.message = message;
    }

    /**
     * Makes a reply to this request.
     *
     * @param message names its queue, whose number is not known yet
     */
    public static ReplyMessage of(UUID request, NewMessage message) {
        return new ReplyMessage(request, message.queue(), message);
    }

    /** Makes a reply to a queue that cannot exist, because no queue may have such a name. It is counted, and nothing is written. */
    public static ReplyMessage withoutQueue(UUID request, String queue) {
        return new ReplyMessage(request, queue, null);
    }

    /** The id of the request. */
    public UUID request() {
        return request;
    }

    /** The name of the queue that the request names for its reply. */
    public String queue() {
        return queue;
    }

    /** The message that is to be written; null: none is. */
    public @Nullable NewMessage message() {
        return message;
    }

    /** Notes where the reply waits now, once its transaction commits. */
    public void stored(Arrival place) {
        arrival = place;
        refusal = null;
    }

    /** Notes that the reply was not written, or that its transaction rolled back. */
    public void notStored() {
        arrival = null;
        refusal = null;
    }

    /** Notes that the database refused the reply, once its transaction commits. */
    public void refused(String why) {
        arrival = null;
        refusal = why;
    }

    /** Why the database refused it; null: it did not. A reply that is neither stored nor refused had no queue. */
    public @Nullable String refusal() {
        return refusal;
    }

    /** The place where the reply waits; null: it was not written. */
    public @Nullable Arrival arrival() {
        return arrival;
    }
}

package io.postroom.api;

/**
 * The queue has its maximum length and refuses more. Nothing of the call was written: a batch, and a message for several queues, is refused
 * as a whole. A caller's transaction can go on.
 */
public class QueueFullException extends PostroomException {
    private final String queue;
    private final long maxLength;

    /**
     * @param queue name of the queue
     * @param maxLength its limit
     * @param waiting how many messages are READY in it
     */
    public QueueFullException(String queue, long maxLength, long waiting) {
        super("queue \"" + queue + "\" is full: " + waiting + " messages are READY in it, and its maximum length is "
                + maxLength
                + ". Nothing was written; try again when its consumers have taken some, or raise the limit");
        this.queue = queue;
        this.maxLength = maxLength;
    }

    /** The name of the full queue. */
    public String queue() {
        return queue;
    }

    /** The most READY messages of the queue. */
    public long maxLength() {
        return maxLength;
    }
}

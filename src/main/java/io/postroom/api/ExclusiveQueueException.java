package io.postroom.api;

/**
 * The queue is exclusive and belongs to another process, or it was to become exclusive while other processes consume it. Nothing was
 * changed. The text names those processes, with their host and since when they run.
 */
public class ExclusiveQueueException extends PostroomException {
    private final String queue;

    /**
     * @param queue name of the queue
     * @param owner the processes that are in the way, for people
     * @param isOwned whether one of them owns the queue; false: they consume it
     */
    public ExclusiveQueueException(String queue, String owner, boolean isOwned) {
        super("queue \"" + queue + "\" "
                + (isOwned ? "is exclusive to " + owner : "cannot become exclusive: it is consumed by " + owner)
                + ". Nothing was changed. "
                + (isOwned ? "Only that process may use it; others may create messages in it" : "Use another name"));
        this.queue = queue;
    }

    public String queue() {
        return queue;
    }
}

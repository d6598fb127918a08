package io.postroom.api;

/** The queue does not exist, and the call does not make one. Nothing was written. */
public class QueueNotFoundException extends PostroomException {
    private final String queue;

    public QueueNotFoundException(String queue, String hint) {
        super("queue \"" + queue + "\" does not exist. " + hint);
        this.queue = queue;
    }

    public String queue() {
        return queue;
    }
}

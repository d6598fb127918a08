package io.postroom.api;

/** No such queue, where one is not made by itself. Nothing was written. */
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

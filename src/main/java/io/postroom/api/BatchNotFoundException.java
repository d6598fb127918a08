package io.postroom.api;

import java.util.UUID;

/** There is no batch with this id: it never was, or it was completed more than seven days ago. Nothing was written. */
public class BatchNotFoundException extends PostroomException {
    private final UUID batch;

    public BatchNotFoundException(UUID batch) {
        super("batch " + batch + " does not exist. It never was, or it was completed more than seven days ago");
        this.batch = batch;
    }

    public UUID batch() {
        return batch;
    }
}

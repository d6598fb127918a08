package io.postroom.internal.producer;

import io.postroom.api.Operation;
import io.postroom.api.OperationStatus;
import io.postroom.api.Reason;
import io.postroom.internal.storage.DeadLetterStore;
import java.util.UUID;

/** An operation on dead letters. Each question reads its row. */
record RecordedOperation(DeadLetterStore store, UUID id) implements Operation {
    private static final Reason NO_WORDS = Reason.of("stopped");

    @Override
    public OperationStatus status() {
        return store.operation(id).orElseThrow(() -> new IllegalStateException("operation " + id + " is gone"));
    }

    @Override
    public void stop() {
        store.stop(id, NO_WORDS);
    }
}

package io.postroom.internal.producer;

import io.postroom.api.Operation;
import io.postroom.internal.storage.OperatorStore;
import java.util.UUID;

/** A bulk action of an operator. Each question reads its row in {@code operator_action}. */
record RecordedOperation(OperatorStore store, UUID id) implements Operation {
    @Override
    public long planned() {
        return store.operation(id).planned();
    }

    @Override
    public long done() {
        return store.operation(id).done();
    }

    @Override
    public boolean finished() {
        return store.operation(id).finished();
    }

    @Override
    public void stop() {
        store.stopOperation(id);
    }
}

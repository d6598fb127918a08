package io.postroom.internal.storage;

import io.postroom.api.MessageState;

/** Where a message goes when its lease lets go of it. The order is the code the store is given. */
public enum NextState {
    FINISHED,
    DELAYED,
    READY,
    DEAD;

    /** The state it has there; a finished one has the state of its outcome. */
    public MessageState state(AttemptOutcome outcome) {
        return switch (this) {
            case DELAYED -> MessageState.DELAYED;
            case READY -> MessageState.READY;
            case DEAD -> MessageState.DEAD;
            case FINISHED ->
                switch (outcome) {
                    case CANCELLED -> MessageState.CANCELLED;
                    case EXPIRED -> MessageState.EXPIRED;
                    default -> MessageState.DONE;
                };
        };
    }
}

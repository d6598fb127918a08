package io.postroom.internal.storage;

import io.postroom.api.MessageState;

/** The place a message goes to when its lease ends. */
public enum NextState {
    FINISHED(0),
    DELAYED(1),
    READY(2),
    DEAD(3);

    private final int code;

    NextState(int code) {
        this.code = code;
    }

    /** The number that {@code postroom.complete} takes. It never changes, whatever the order of the constants. */
    public int code() {
        return code;
    }

    /** The state of a message in that place; a finished message has the state of its outcome. */
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

package io.postroom.internal.consumer;

import io.postroom.api.Direction;
import io.postroom.internal.storage.ClaimedMessage;
import java.util.UUID;

/** Makes the mark that tells a thread to end. */
final class EndMark {
    private EndMark() {}

    static ClaimedMessage create() {
        return new ClaimedMessage(
                0,
                0,
                0,
                0,
                0,
                0,
                new UUID(0, 0),
                0,
                0,
                0,
                false,
                false,
                null,
                null,
                0,
                Direction.OUTGOING,
                null,
                null,
                null,
                null,
                null);
    }
}

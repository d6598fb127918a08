package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Content;
import java.util.UUID;

/** Makes the mark that tells a thread to end. */
final class EndMark {
    private EndMark() {}

    static ClaimedMessage create() {
        return new ClaimedMessage(
                new UUID(0, 0),
                0,
                0,
                0,
                new ClaimedMessage.Lease(0, 0, 0),
                ClaimedMessage.Counters.ZERO,
                false,
                false,
                null,
                Content.NONE);
    }
}

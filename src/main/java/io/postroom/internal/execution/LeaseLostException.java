package io.postroom.internal.execution;

import io.postroom.api.PostroomException;
import io.postroom.internal.storage.ClaimedMessage;

/**
 * The lease on a message had gone when its ATOMIC handler was to be completed. The handler's writes roll back, and the attempt counts as
 * failed.
 */
final class LeaseLostException extends PostroomException {
    LeaseLostException(ClaimedMessage message, String queue) {
        super("lease " + message.lease().id() + " on message " + message.id() + " of queue \"" + queue
                + "\" was lost (no heartbeat of this process was confirmed in time); "
                + "what the handler wrote is rolled back and the message runs again");
    }
}

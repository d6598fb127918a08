package io.postroom.engine;

import io.postroom.api.PostroomException;
import io.postroom.storage.ClaimedMessage;

/** The lease on a message was gone when its ATOMIC handler wanted to complete it: the handler's writes roll back. */
final class LeaseLostException extends PostroomException {
    LeaseLostException(ClaimedMessage message, String queue) {
        super(
                "lease " + message.leaseId() + " on message " + message.id() + " of queue \"" + queue
                        + "\" was lost (this process was silent for too long); what the handler wrote is rolled back and the message runs again");
    }
}

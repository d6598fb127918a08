package io.postroom.channel.http;

import io.postroom.api.PostroomException;

/** A request that becomes no message. Its text is for the log of the receiver. */
public class WebhookRefusedException extends PostroomException {
    private final Reason reason;

    /** Why it is refused. */
    public enum Reason {
        /** The signature or its time is missing or wrong. The sender is not told which, for it could be anybody: HTTP 401. */
        UNPROVEN,
        /** The sender is proven, and a header that the entry asks for is missing or cannot be used: HTTP 400. */
        MALFORMED
    }

    public WebhookRefusedException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    public Reason reason() {
        return reason;
    }
}

package io.postroom.api;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * {@link QueueMessages#sendAndReceive} ended without a reply. Whether the request was handled is not known, unless the text says so; {@link
 * QueueMessages#find} and {@link QueueMessages#explain} do.
 */
public class NoReplyException extends PostroomException {
    private final UUID request;

    /**
     * Makes one without a cause.
     *
     * @param request id of the request
     * @param why what happened instead of a reply
     */
    public NoReplyException(UUID request, String why) {
        this(request, why, null);
    }

    /**
     * Makes one with a cause.
     *
     * @param request id of the request
     * @param why what happened instead of a reply
     * @param cause what made the wait end; null: the text says all
     */
    public NoReplyException(UUID request, String why, @Nullable Throwable cause) {
        super("no reply to request " + request + ": " + why, cause);
        this.request = request;
    }

    /** The id of the request. */
    public UUID request() {
        return request;
    }
}

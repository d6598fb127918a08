package io.postroom.api;

import java.util.UUID;

/**
 * The id or deduplication key belongs to a message with other content or of another queue. Nothing was written, and a repeat fails again.
 */
public class DuplicateMessageException extends PostroomException {
    private final String queue;
    private final String field;
    private final UUID existing;

    public DuplicateMessageException(String queue, String field, String value, UUID existing) {
        super("queue \"" + queue + "\" already has a message with " + field + " \"" + value
                + "\" but other content: " + existing + ". Nothing was written; use another " + field
                + ", or send the same content to have the repeat recognised");
        this.queue = queue;
        this.field = field;
        this.existing = existing;
    }

    public String queue() {
        return queue;
    }

    /** What both messages have in common: {@code id} or {@code deduplicationKey}. */
    public String field() {
        return field;
    }

    /** The id of the message that was there. */
    public UUID existing() {
        return existing;
    }
}

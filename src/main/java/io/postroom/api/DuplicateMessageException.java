package io.postroom.api;

import java.util.UUID;

/** The same id or deduplication key is taken by a message with another payload or queue. Nothing was written. */
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

    /** {@code id} or {@code deduplicationKey}. */
    public String field() {
        return field;
    }

    /** The message that has it. */
    public UUID existing() {
        return existing;
    }
}

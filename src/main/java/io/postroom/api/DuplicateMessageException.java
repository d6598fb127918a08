package io.postroom.api;

import java.util.Optional;
import java.util.UUID;

/**
 * The id or deduplication key belongs to a message with other content, of another queue, or of another exchange or routing key. Nothing was
 * written, and a repeat fails again.
 */
public class DuplicateMessageException extends PostroomException {
    private final String queue;
    private final String field;
    private final UUID existing;

    /** @param state of the message that was there; empty: it is in no place any more */
    public DuplicateMessageException(
            String queue, String field, String value, UUID existing, Optional<MessageState> state) {
        this("queue \"" + queue + "\"", queue, field, value, existing, state);
    }

    private DuplicateMessageException(
            String owner, String queue, String field, String value, UUID existing, Optional<MessageState> state) {
        super(owner + " already has a message with " + field + " \"" + value
                + "\" but other content: " + existing
                + state.map(known -> " (" + known + ")").orElse("") + ". Nothing was written; use another " + field
                + ", or send the same content to have the repeat recognised");
        this.queue = queue;
        this.field = field;
        this.existing = existing;
    }

    /** Makes the exception for a message that was created through an exchange, whose deduplication keys are the exchange's. */
    public static DuplicateMessageException ofExchange(
            String exchange, String field, String value, UUID existing, Optional<MessageState> state) {
        return new DuplicateMessageException("exchange \"" + exchange + "\"", "", field, value, existing, state);
    }

    /** The queue; empty when the message was created through an exchange. */
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

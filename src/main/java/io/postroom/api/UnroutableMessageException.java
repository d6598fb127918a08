package io.postroom.api;

/**
 * The message was created through an exchange and reaches no queue, over alternate exchanges either. Nothing was written; a caller's
 * transaction can go on.
 */
public class UnroutableMessageException extends PostroomException {
    private final String exchange;
    private final String routingKey;

    public UnroutableMessageException(String exchange, String routingKey) {
        super("the message reaches no queue: exchange \"" + exchange + "\" with routing key \"" + routingKey
                + "\" has no binding that matches. Nothing was written; bind a queue, or use mandatory(false) to drop such"
                + " messages");
        this.exchange = exchange;
        this.routingKey = routingKey;
    }

    /** The exchange that the message named. */
    public String exchange() {
        return exchange;
    }

    public String routingKey() {
        return routingKey;
    }
}

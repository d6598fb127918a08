package io.postroom.api;

/**
 * The message reaches no queue through its exchange, nor through an alternate exchange. Nothing of the call was written: a batch is refused
 * as a whole. A caller's transaction can go on.
 */
public class UnroutableMessageException extends PostroomException {
    private final String exchange;
    private final String routingKey;

    public UnroutableMessageException(String exchange, String routingKey) {
        super("the message reaches no queue: "
                + (exchange.isEmpty()
                        ? "there is no queue \"" + routingKey
                                + "\", which the routing key names. Nothing was written; declare the"
                                + " queue, or create the message with CreateMessage.to"
                        : "exchange \"" + exchange + "\" with routing key \"" + routingKey
                                + "\" has no binding that matches. Nothing was written; bind a queue, or use mandatory(false) to"
                                + " drop such messages"));
        this.exchange = exchange;
        this.routingKey = routingKey;
    }

    /** The exchange that the message named. */
    public String exchange() {
        return exchange;
    }

    /** The routing key that the message named. */
    public String routingKey() {
        return routingKey;
    }
}

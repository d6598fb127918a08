package io.postroom.server.demo;

import io.postroom.api.MessageType;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Objects;
import java.util.UUID;

/**
 * An event in the life of a customer's tickets, of which the customer is told.
 *
 * @param trackingId of this notification; the message's correlation id
 * @param operation {@link #ADDED_TO_CHECKOUT} or {@link #CHECKED_OUT}
 * @param timestamp when it happened
 * @param email address of the customer, as it was typed in
 * @param name of the customer
 * @param order number of the order
 * @param amount of the order
 * @param summary what was ordered
 */
@MessageType(TicketEvent.TYPE)
public record TicketEvent(
        UUID trackingId,
        String operation,
        Instant timestamp,
        String email,
        String name,
        String order,
        BigDecimal amount,
        String summary) {
    static final String TYPE = "ticket.event";

    public static final String ADDED_TO_CHECKOUT = "ticket.added-to-checkout";
    public static final String CHECKED_OUT = "ticket.checked-out";

    public TicketEvent {
        Objects.requireNonNull(trackingId, "trackingId");
        Objects.requireNonNull(operation, "operation");
        Objects.requireNonNull(timestamp, "timestamp");
        Objects.requireNonNull(email, "email");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(order, "order");
        Objects.requireNonNull(amount, "amount");
        Objects.requireNonNull(summary, "summary");
    }
}

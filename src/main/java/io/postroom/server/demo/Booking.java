package io.postroom.server.demo;

import java.math.BigDecimal;
import java.time.Instant;

/**
 * The body of a request to the accounting system: an order is paid.
 *
 * @param order its number
 * @param show what the tickets are for
 * @param amount of the order
 * @param requestedAt when the handler began, by the clock of its process
 */
record Booking(String order, String show, BigDecimal amount, Instant requestedAt) {
    /** Takes what accounting needs out of an event. */
    static Booking of(TicketEvent event, Instant requestedAt) {
        String show = event.summary().replaceAll("^\\d+ x |, row \\d+$", "");
        return new Booking(event.order(), show, event.amount(), requestedAt);
    }
}

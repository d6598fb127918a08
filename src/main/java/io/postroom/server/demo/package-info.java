/**
 * The worked example: a ticketing application tells its customers by mail what happened to their tickets.
 *
 * <pre>
 * ticket-events.ndjson ─ Demo ─► queue "notifications" ─ TicketNotifications ─► MailChannel ─► .eml files
 *    10,000 events         500 to a transaction                │
 *                                                     some fail on purpose
 * </pre>
 *
 * <p>Start with {@link io.postroom.server.demo.TicketNotifications}: it is what a user of Postroom writes. {@link
 * io.postroom.server.demo.Demo} plays the ticketing application.
 */
@NullMarked
package io.postroom.server.demo;

import org.jspecify.annotations.NullMarked;

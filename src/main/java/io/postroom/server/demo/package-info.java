/**
 * The worked example: a ticketing application tells its customers by mail what happened to their tickets, and its accounting what was paid.
 *
 * <pre>
 * ticket-events.ndjson ─ Demo ─► queue "notifications" ─ TicketNotifications ─► MailChannel ─► .eml files
 *    10,000 events         500 to a transaction                │
 *                                                     some fail on purpose
 *
 * the paid ones ─ OrderFiles ─► folder "inbox" ─ file import ─► queue "accounting" ─ HttpSender ─► AccountingStub
 *                                                             at most 100 starts a second
 * schedule, every two seconds ─► queue "takings" ─ Takings ─► a row of what was booked so far
 * batch, when all is booked   ─► queue "settlement", a message for each show ─► completion message ─► the total
 * </pre>
 *
 * <p>Start with {@link io.postroom.server.demo.TicketNotifications}: it is what a user of Postroom writes. {@code Accounting}, {@code
 * Takings} and {@code Settlement} are the like. {@link io.postroom.server.demo.Demo} plays the ticketing application.
 */
@NullMarked
package io.postroom.server.demo;

import org.jspecify.annotations.NullMarked;

/**
 * Ready-made channels to people outside. A handler decides <em>what</em> to tell a person; a {@link io.postroom.channel.Channel} decides
 * how that reaches them and answers with the {@link io.postroom.api.Outcome} of the attempt.
 *
 * <pre>
 * SendMessageHandler ── Notification ──► Channel "mail" ──► SMTP server, or a folder of .eml files
 *                                  └───► Channel "sms"      (yours: one class)
 * </pre>
 *
 * <p>Start with {@link io.postroom.channel.Notification}, then {@link io.postroom.channel.mail.MailChannel}. Nothing here uses queues,
 * leases or a database: a channel gets the message's id and time of creation, and needs nothing else to make a repeat harmless. No clock
 * decides here.
 */
@NullMarked
package io.postroom.channel;

import org.jspecify.annotations.NullMarked;

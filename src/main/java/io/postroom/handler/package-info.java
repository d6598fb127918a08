/**
 * What users write to handle messages, and the seams around it: {@link io.postroom.handler.SendMessage} for outgoing and {@link
 * io.postroom.handler.ProcessingMessage} for incoming messages, as in the registry template.
 *
 * <p>Start with {@link io.postroom.handler.Handler}: one user's handler and its settings. {@link io.postroom.handler.MessageContext} is
 * what a handler may ask about its message; {@link io.postroom.handler.HandlingErrorSend} turns errors into outcomes. {@link
 * io.postroom.handler.PayloadCodec}, {@link io.postroom.handler.PayloadUpcaster}, {@link io.postroom.handler.MessageInterceptor},
 * {@link io.postroom.handler.PostroomListener} and {@link io.postroom.handler.QueueStatsListener} are the other seams.
 *
 * <p>Threads, leases and transactions are the engine's business. Nothing here knows a database, apart from the connection that an ATOMIC
 * handler may ask for.
 */
@NullMarked
package io.postroom.handler;

import org.jspecify.annotations.NullMarked;

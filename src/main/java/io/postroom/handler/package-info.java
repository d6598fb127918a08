/**
 * The two halves of the flow, as in the registry template: {@link io.postroom.handler.SendMessage} for outgoing and {@link
 * io.postroom.handler.ProcessingMessage} for incoming messages. Finds the user's handler for a message, runs it, and turns what it answers or
 * throws into an {@link io.postroom.api.Outcome}.
 *
 * <p>Start with {@link io.postroom.handler.Handler} (one user's handler and its settings), then {@link io.postroom.internal.execution.HandlerRegistry} (which one
 * takes a message). Threads, leases and transactions are the engine's business: nothing here knows a database.
 */
@NullMarked
package io.postroom.handler;

import org.jspecify.annotations.NullMarked;

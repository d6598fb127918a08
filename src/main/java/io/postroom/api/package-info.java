/**
 * The words users hold: what a message is, how it is created, asked about and moved. Nothing but the JDK and JSpecify is imported here.
 *
 * <p>Start with {@link io.postroom.api.QueueMessages} (the registry), {@link io.postroom.api.CreateMessage} (what goes in) and {@link
 * io.postroom.api.Outcome} (what an attempt ends with). {@link io.postroom.api.MessageState} holds the life of a message as data.
 */
@NullMarked
package io.postroom.api;

import org.jspecify.annotations.NullMarked;

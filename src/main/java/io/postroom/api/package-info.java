/**
 * The words users hold: what a message is, how it is created, asked about and moved. Nothing but the JDK and JSpecify is imported here.
 *
 * <p>Start with {@link io.postroom.api.QueueMessages} (the registry), {@link io.postroom.api.CreateMessage} (what goes in) and {@link
 * io.postroom.api.Outcome} (how an attempt ends). {@link io.postroom.api.MessageState} holds the life of a message as data.
 *
 * <p>A <em>suspect</em> is a message that had started when its worker died. It may have killed the worker, so suspects keep away from one
 * another: a process runs few at once. A message that three dying workers had started ({@link
 * io.postroom.api.QueueSettings#crashLimit}) becomes a dead letter.
 *
 * <p>Instants are the database's time. Limits stand in {@link io.postroom.api.Limits}; all that breaks one is refused with {@link
 * io.postroom.api.InvalidMessageException} before anything is written. All exceptions are unchecked and extend {@link
 * io.postroom.api.PostroomException}, apart from the JDK's own for wrong arguments and states.
 */
@NullMarked
package io.postroom.api;

import org.jspecify.annotations.NullMarked;

/**
 * Threads that repeat a step for as long as the process runs: the heartbeat, the poll, the claimer, the completer. Read {@link
 * io.postroom.internal.loop.Loop} first. {@link io.postroom.internal.loop.RepeatedWarning} logs a failure that repeats, and decides how
 * often. {@link io.postroom.internal.loop.LogText} keeps texts of others on one line. {@link io.postroom.internal.loop.NameLookups} bounds
 * the wait for an address.
 *
 * <p>This package knows nothing of messages, queues or databases, and every package that has a thread may use it. {@code System.nanoTime}
 * measures all durations here; no wall clock is read.
 *
 * <p>Looks wrong, is right:
 *
 * <ul>
 *   <li>{@link io.postroom.internal.loop.Loop} catches {@code Throwable}, errors included, and goes on. A loop that stays stopped after a
 *       database restart is the most reported fault of the field's schedulers.
 *   <li>A signal is a mark, not a count: many signals during a step end one pause. The step looks at the state itself, so nothing is lost.
 *   <li>After a failure an earlier signal is dropped, so that the back-off is a wait in any case.
 *   <li>{@link io.postroom.internal.loop.DutyCycle} lets its shortest rest win over its longest: an interval that a user set is never cut.
 * </ul>
 */
@NullMarked
package io.postroom.internal.loop;

import org.jspecify.annotations.NullMarked;

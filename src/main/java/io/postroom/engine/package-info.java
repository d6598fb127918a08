/**
 * The running machine, one class per step of a message's way through a process:
 *
 * <pre>
 * Doorbell, Poller ──► Claimer ──► Consumer ──► Executor ──► Completer ──► listeners, waiting futures
 *   (something came)   (cursor)    (threads)   (the handler)  (results)
 *                      Heartbeat keeps all leases of this process; TimeLimits interrupts what runs too long
 * </pre>
 *
 * <p>Read {@link io.postroom.engine.Executor#run} first: it is the story. The store's clock decides about due times and leases; {@code
 * System.nanoTime} measures durations here. A message is ours while its lease row names our worker id: every completion asks again (fencing), so a
 * process that was stopped for a while can run a message twice but never finish it twice.
 *
 * <p>Nothing here ever gives up: each loop catches what its step throws, waits with back-off and jitter, and starts again, because staying stopped
 * after a database restart is the most reported fault of the field's schedulers.
 */
@NullMarked
package io.postroom.engine;

import org.jspecify.annotations.NullMarked;

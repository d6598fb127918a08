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
 * <p>Measured on 2 shared cores, PostgreSQL 18, fsync on, 200-byte JSON, no-op handler ({@code DrainBenchmark}): with claims of at most 500 messages a drain
 * did 65,000/s on one busy core, because claimer and completer each waited for their commits; with 1,000 at once 118,000/s on both, 14 us of CPU per message.
 * {@code Pace} bounds what is held by bytes, so that large messages do not fill the heap.
 *
 * <p>Decisions that differ from a first guess: a message whose worker died (a suspect) runs alone in its queue and process, not in the whole cluster;
 * {@code NotNow} delays the one message, and it is the channel that remembers for how long a destination takes nothing (limits across nodes come later);
 * what a transaction of an ATOMIC batch rolled back is run again one by one.
 *
 * <p>Nothing here ever gives up: each loop catches what its step throws, waits with back-off and jitter, and starts again, because staying stopped
 * after a database restart is the most reported fault of the field's schedulers.
 */
@NullMarked
package io.postroom.engine;

import org.jspecify.annotations.NullMarked;

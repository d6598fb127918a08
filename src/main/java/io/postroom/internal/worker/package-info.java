/**
 * The running machine, one class per step of a message's way through a process:
 *
 * <pre>
 * Notifier, Poller ──► LaneCursors ──► Consumer ──► Executor ──► Completer ──► listeners, waiting futures
 *   (something came)   (cursor)    (threads)   (the handler)  (results)
 *                      Heartbeat keeps all leases of this process; TimeLimits interrupts what runs too long
 * </pre>
 *
 * <p>Read {@link io.postroom.internal.execution.Executor#run} first: it is the story. The store's clock decides about due times and leases; {@code
 * System.nanoTime} measures durations here. A message is ours while its lease row names our worker id: every completion asks again (fencing), so a
 * process that was stopped for a while can run a message twice but never finish it twice.
 *
 * <p>Measured on 2 shared cores, PostgreSQL 18, fsync on, 200-byte JSON, no-op handler (the benchmark in {@code src/bench}, workload W1): with claims of at most
 * 500 messages a drain did 65,000/s on one busy core, because claimer and completer each waited for their commits; with 1,000 at once 118,000/s on both.
 * {@code PrefetchPolicy} bounds what is held by bytes, so that large messages do not fill the heap.
 *
 * <p><b>In hand from the beginning.</b> A message that this process creates outside of a caller's transaction, for a queue it consumes, need not go through
 * READY when a worker here is free: it is stored under a lease of this process ({@link io.postroom.internal.consumer.DirectDispatch}) and its handler starts right after the
 * commit, without a claim. It saves a commit and two thirds of the server's work for a message: 0.63M instead of 2.37M instructions for one that comes alone, and
 * latency at 200 a second fell from 2.0 to 1.2 ms. Not past others it knows of: where something of the queue waits already, it is paused, suspects are about,
 * nobody here takes the type, or there is no room, the message goes to READY. A handler that takes JSON as text gets the caller's text in hand, and after a
 * retry what {@code jsonb} prints of it. A caller's transaction may last, and its messages would wait in one process while others are free: those go through
 * READY, too. What a commit whose answer was lost left behind is a lease this process does not know, and is given back like one of a lost claim.
 *
 * <p>An idle process sends about two statements a second whatever it consumes: one poll, which also says when a delayed message is due, and the beats, rescues
 * and clean-ups of several seconds each (workload W7). Of a core, with 64 queues, the server takes 0.2 %; looking into 640 empty lanes each second it took 0.8.
 * This side takes 0.5 % once the JVM has compiled it: 0.3 for our threads, the poll's above all, the rest for the JVM's own timers. In a process that has just
 * started the compiler takes more than that.
 *
 * <p>Between two processes a message takes two commits that wait for the disk where one process needs one. Of 2.17 ms (p50, both JVMs warm, traced at each
 * step): enqueue with its commit 0.77, then NOTIFY until it is heard 0.41, hand-overs 0.09, claim with its commit 0.81, thread 0.08. NOTIFY inside the
 * enqueue's commit would save part of the 0.41 and make all notifying commits of the server wait for one another; a claim that does not wait for the disk
 * would be forgotten by a crash of the server, which then hands the message out, and perhaps the lease's number, a second time.
 *
 * <p>Decisions that differ from a first guess: a message whose worker died (a suspect) runs alone in its queue and process, not in the whole cluster;
 * {@code NotNow} delays the one message, and it is the channel that remembers for how long a destination takes nothing (limits across nodes come later);
 * what a transaction of an ATOMIC batch rolled back is run again one by one.
 *
 * <p>Nothing here ever gives up: each loop catches what its step throws, waits with back-off and jitter, and starts again, because staying stopped
 * after a database restart is the most reported fault of the field's schedulers.
 */
@NullMarked
package io.postroom.internal.worker;

import org.jspecify.annotations.NullMarked;

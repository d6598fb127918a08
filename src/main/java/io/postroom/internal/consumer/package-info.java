/**
 * Taking work: how messages of one queue come under leases of this process and reach its handler threads.
 *
 * <pre>
 *                 wake, poll                                      createMessage in this process
 *                     │                                                        │
 *                LaneCursors ──► Claimer ──┐                          DirectDispatcher
 *                                   │      │                                   │
 *                             SuspectRunner├──► HeldMessages ◄── DirectDispatch┘
 *                                   └──────┘    (count, MessageBuffer)
 *                                                     │
 *                                               HandlerThreads ──► Executor
 *
 *   ClaimRules: why nothing is taken now, asked by Claimer, SuspectRunner and DirectDispatcher
 *   PrefetchPolicy: how many messages to hold
 * </pre>
 *
 * <p>Read {@code Claimer.claimSome} first, then {@code HandlerThreads.work}. {@link io.postroom.internal.consumer.Consumer} only wires
 * the parts, one set for each queue. A new reason not to claim is a constant of {@code ClaimRules.Reason}.
 *
 * <p>The store's clock decides about leases and due times; {@code System.nanoTime} measures every duration here. The database decides
 * which messages are claimed. Cursors, counts and suspects known here are hints, and a wrong one costs a claim that finds nothing or a wait
 * until the next poll.
 *
 * <p>Words: a <i>suspect</i> is a message whose worker died while holding it. <i>Direct dispatch</i> is the way of a new message to a
 * handler thread of the process that creates it, without READY. A <i>low watermark</i> is a number of a lane below which no message can
 * appear any more.
 *
 * <h2>Figures</h2>
 *
 * <p>Measured on 2 shared cores, PostgreSQL 18, fsync on, 200-byte JSON, no-op handler (the benchmark in {@code src/bench}).
 *
 * <p>A drain (workload W1) with claims of at most 500 messages did 65,000/s on one busy core, because claimer and completer each waited for
 * their commits. With 1,000 at once it did 118,000/s on both cores. So {@code Claimer.LARGEST_CLAIM} is 1,000. {@code PrefetchPolicy}
 * bounds what is held by bytes, so that large messages do not fill the heap.
 *
 * <p>Of the 2.17 ms that a message takes between two processes (p50), its claim with the commit takes 0.81 and the wake of a handler
 * thread 0.08. A crash of the server would forget a claim that did not wait for the disk. The server then would hand the message out, and
 * perhaps the lease's number, a second time. The worker package has the other steps.
 *
 * <p>Direct dispatch saves a commit and two thirds of the server's work for a message: 0.63M instead of 2.37M instructions for one that
 * comes alone. Latency at 200 a second fell from 2.0 to 1.2 ms.
 *
 * <h2>Direct dispatch</h2>
 *
 * <p>A message that this process creates outside of a caller's transaction, for a queue it consumes, need not go through READY when a
 * handler thread here is free. It is stored under a lease of this process, and its handler starts right after the commit, without a
 * claim. It goes to READY instead when {@code ClaimRules} gives a reason, when no handler here takes its type, or when the threads have
 * enough. A caller's transaction may last, and its messages would wait in one process while others are free: those go through READY, too.
 * A commit whose answer was lost may leave a lease this process does not know; the poll gives it back like the lease of a lost claim.
 *
 * <p>With direct dispatch a handler that takes JSON as text gets the caller's text; after a retry it gets what {@code jsonb} prints of it.
 *
 * <h2>Looks wrong, is right</h2>
 *
 * <ul>
 *   <li>{@link io.postroom.internal.consumer.HeldLeases} lives here, although the poll of the worker package reads it: this package fills
 *       it, and dependencies point downwards, from worker to consumer.
 *   <li>Direct dispatch asks the rules twice, before and after it counts its messages. A stop, a pause or a turn of suspects sets its
 *       mark first and reads the count then; so one of the two always sees the other.
 *   <li>Claims of ordinary messages go on while suspects wait: the two take turns of a second. Direct dispatch stops meanwhile, because
 *       it would keep the threads from becoming idle.
 *   <li>A suspect runs alone in its queue and process, not in the whole cluster.
 *   <li>A stop closes the buffer before the claim under way has answered: what that claim brings goes back untouched.
 *   <li>A claim that throws keeps its lanes marked as filled, but an error such as {@code OutOfMemoryError} does not: the next poll marks
 *       them.
 *   <li>The thread that gives a call up frees its count and starts a thread in its place; the lost thread does neither when its call
 *       returns.
 * </ul>
 */
@NullMarked
package io.postroom.internal.consumer;

import org.jspecify.annotations.NullMarked;

/**
 * This process as a worker: its life cycle, its heartbeat, and everything that tells consumers of work and callers of results.
 *
 * <pre>
 * committed arrivals ──► Notifier ──┐
 * once a second ───────► Poller ────┴► Consumers ──► (consumer, execution) ──► ResultDispatcher
 *                          │                                                     ├──► SendFutures, OwnSends: callers that wait
 *               LowWatermark, LostAnswers                                        ├──► listeners, DueWatch (promote job)
 *                                                                                └──► Notifier: messages that were given back
 * Heartbeat keeps all leases of this process; Health says what is wrong
 * </pre>
 *
 * <p>Start at {@link io.postroom.internal.worker.Engine}, the life cycle; {@code EngineParts} wires. Then read {@code Poller.poll} and
 * {@code ResultDispatcher.written}. {@code ReplyReceiver} is the caller's side of request and
 * reply. {@code FailureLog} writes what failed to the log; {@code QueueDeclarations} declares queues again after
 * a restore. {@code SyncSender} and {@code InlineRunner} run messages on the caller's thread instead of a consumer's. The story of one
 * attempt is {@link io.postroom.internal.execution.Executor#run}.
 *
 * <p>The store's clock decides about due times and leases; {@code System.nanoTime} measures durations here. A message belongs to this
 * process while its lease row names this worker's id. Every completion asks again (fencing), so a process that was stopped for a while
 * can run a message twice but never finish it twice.
 *
 * <p>The reasons and figures about claims, suspects and direct dispatch stand in {@link io.postroom.internal.consumer}; {@code
 * DirectDispatches} here only finds the consumer. The figures below were measured as those there.
 *
 * <p><b>An idle process</b> sends about two statements a second whatever it consumes (workload W7). One is the poll, which also says when a
 * delayed message is due. The others are heartbeats, rescues and clean-ups, each every few seconds. With 64 queues the server uses 0.2 % of
 * a core for it; looking into 640 empty lanes each second it used 0.8 %. Hence {@code LowWatermark.isStillEmpty}. This side uses 0.5 % once
 * the JVM has compiled it: 0.3 % for our threads, the poll's above all, the rest for the JVM's own timers. In a process that has just
 * started the compiler uses more than that.
 *
 * <p><b>A poll</b> has two reads. The summary has one row for any number of queues: who answers, the last number drawn, the next due time,
 * a digest over the rows of all queues and one over the other live processes. The second read asks for the queues, and is left out while
 * the lanes are known to be empty and the digest is the same. These rules keep changes from being lost:
 *
 * <ol>
 *   <li>The summary is read before the queues. A change between the two is reported now and makes the next digest differ once more. In the
 *       other order the digest would have it and the report would not, and nobody would ask again.
 *   <li>The digest is over places and writers of row versions (ctid, xmin). A change that began long ago and is committed late is a new row
 *       version, too; the highest transaction id or time would not show it.
 *   <li>Changed queues are found by the horizon of the earlier summary: a row version that its snapshot did not see has a writer with at
 *       least that id. The horizon moves on with each summary whose digest is known, so that its age stays far below the reach of ids.
 *   <li>{@code holdQueue} asks for a report in any case. This process may note its own pause after another one has ended it: the row
 *       is then as the last report had it, and the queue would stay held for ever.
 *   <li>Both reads name the server. Where they differ there was a failover between them, and the second is not used.
 *   <li>Which queues others consume decides only who is notified. It is asked when a process comes or goes, and every ten seconds.
 * </ol>
 *
 * <p><b>Between two processes</b> a message takes two commits that wait for the disk, where one process needs one. Each step was traced,
 * with both JVMs warm (p50): enqueue with its commit 0.77 ms, then NOTIFY until it is heard 0.41, thread switches 0.09. The consumer
 * package has the claim and the sum. NOTIFY inside the enqueue's commit would save part of the 0.41, but all notifying commits of the
 * server would wait for one another.
 *
 * <p>Looks wrong, is right:
 *
 * <ul>
 *   <li>{@code NotNow} delays the one message. The channel remembers for how long a destination takes nothing; limits across nodes come
 *       later.
 *   <li>Messages of an ATOMIC batch that was rolled back run again one by one.
 *   <li>No loop ever ends by an error: each catches what its step throws, waits with back-off and jitter, and starts again. Staying
 *       stopped after a database restart is the most reported fault of the field's schedulers.
 *   <li>{@code HeldLeases} is a class of the consumer package, because consumers fill it; {@code LostAnswers}, {@code SyncSender} and the
 *       dispatcher read or fill it, too, and dependencies point downwards.
 *   <li>{@code DueWatch} is an interface of this package, implemented where all is wired: the promote job and the worker must not know
 *       each other.
 * </ul>
 */
@NullMarked
package io.postroom.internal.worker;

import org.jspecify.annotations.NullMarked;

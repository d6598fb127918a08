/**
 * Creates messages: the way of a message from a caller into the store. Nothing on this way calls back up.
 *
 * <pre>
 * DefaultQueueMessages          the facade: which way does the message go?
 *   → MessageEncoder            interceptors, payload as JSON (PlainJson, JsonbValidator), limits, the queue's row (QueueCache),
 *                               or the queues that an exchange chooses (Router, RoutingTable, TopicPatterns)
 *   → AsyncGroupCommit          createMessageAsync only: callers do not wait, one thread writes a group
 *     → QueueBacklogs           those that may wait for other transactions, by destination
 *   → GroupCommits              no transaction open: one group for all, and one for each queue with a maximum length
 *   → SyncGroupCommit           threads that create at the same time share a commit
 *   → RetryingWriter            no transaction open: repeats what may pass, and finds out whether a lost commit took place
 *   → MessageWriter             one transaction, one try; direct dispatch; clashes; wakes the engine after the commit
 *     → BatchMembers            members of batches only: locks their batches before the messages are written, adds them after it
 *     → RouteWriter             queues that the router did not know; refuses or drops what reaches none
 *   → EnqueueStore              SQL
 * </pre>
 *
 * <p>{@code Requester} is {@code sendAndReceive}: it creates a request on this way and waits for what {@link
 * io.postroom.internal.worker.ReplyReceiver} brings. A reply is encoded here and written with the end of its request, by the store.
 *
 * <p>With a transaction open on the thread, the facade goes from the encoder straight to {@link
 * io.postroom.internal.producer.MessageWriter}: the caller's commit decides, and nothing may be repeated. Start reading at {@link
 * io.postroom.internal.producer.DefaultQueueMessages}.
 *
 * <p>Why two group commits: a commit costs ten times what a row in it costs. A caller of {@code createMessage} must know on return that
 * its message is durable, so its own thread waits and may write for others. A caller of {@code createMessageAsync} goes on, so a thread
 * of Postroom's writes for all. Eight threads that each committed their own message used 1.2 times the CPU of a bare INSERT and its
 * commit; together they use 0.7 times (workload W2a).
 *
 * <p>Direct dispatch: a message that a consumer of this process has space for is stored under that consumer's lease, and its handler
 * starts right after the commit. The message needs no claim.
 *
 * <p>A message in a caller's transaction is one statement and one round trip when it names its queue or a remembered binding matches; a
 * test counts them. A message through the default exchange, or one for which no binding is remembered, takes one more. It allocates 1.7 kB
 * on the client, where it allocated 4.1 kB with a pattern for names, a parser for each JSON and a parameter for each column. The plain
 * INSERT of the same payload allocates 0.8 kB.
 *
 * <p>Routing needs no round trip: each process remembers the exchanges and bindings with their version, and the INSERT writes nothing
 * under another version. So a stale choice cannot be stored, and each message goes where the bindings of its own snapshot lead. A number
 * as the version would repeat after a failover to a standby that lacked the last WAL; the version is a random UUID. A message for one queue
 * is stored like one that names its queue. A message for several queues has one row, and one row in READY for each queue, all with one seq.
 *
 * <p>The store's clock decides: a delay is sent as a duration, and the database computes when the message is due.
 *
 * <p>What looks wrong but is right:
 *
 * <ul>
 *   <li>A queue is declared before the message and outside of the caller's transaction. A rollback leaves the queue there; inside the
 *       transaction, hosts that use a new queue at the same time would wait for one another.
 *   <li>{@code createMessage(message, connection)} wakes nobody: the commit of that connection is unknown here, and a poll finds the
 *       message.
 *   <li>A single async message passes through the sync group commit, too: it shares a commit with threads that create at the same time.
 *   <li>A message that may wait for another transaction is in no group with messages for other queues: a user's transaction that stays
 *       open would hold them all up. createMessageAsync uses up to four connections for such messages, and one for all others.
 *   <li>{@code SyncGroupCommit} writes a group once, and a lone message with repeats. The members of a failed group repeat on their own
 *       threads.
 *   <li>{@code ImmediateCommit} and {@code DirectTransactions} open connections of the host's pool: a message must commit where the
 *       host's own data does, and only the store in {@code internal.postgres} has connections of the engine's.
 * </ul>
 */
@NullMarked
package io.postroom.internal.producer;

import org.jspecify.annotations.NullMarked;

/**
 * Taking work: how messages come under leases of this process and reach its handler threads, for all its queues.
 *
 * <pre>
 *                 wake, poll                                      createMessage in this process
 *                     │                                                        │
 *                LaneCursors ──► Claimer ──┐                          DirectDispatcher
 *                     (one thread)  │      │                                   │
 *                             SuspectRunner├──► HeldMessages ◄── DirectDispatch┘
 *                                   └──────┘    (count, MessageBuffer)
 *                                                     │ asks for a permit
 *                                               HandlerSet ──► HandlerPool ──► HandlerRunner ──► Executor
 *                                               (permits)        (threads)       (one queue)
 *
 *   QueueClaims: what the Claimer knows and asks of one queue; ClaimRaces: whether to leave what came to other processes
 *   ClaimRules: why nothing is taken now, asked by Claimer and DirectDispatcher
 *   PrefetchPolicy: how many messages to hold for a queue; HeldBounds: for the process
 *   PayloadSizes: how large the next message may be; ThreadDemand: whether a thread is spare
 *   StartMarks: announces what starts, before it starts
 *   SuspectPlaces: which suspects of the process may run at once
 * </pre>
 *
 * <p>Read {@code Claimer.turn} first, then {@code HandlerRunner.run}. {@link io.postroom.internal.consumer.ConsumerRuntime} holds what all
 * queues share, and {@link io.postroom.internal.consumer.Consumer} wires one queue to it. A consumer has no thread. A new reason not to
 * claim is a constant of {@code ClaimRules.Reason}.
 *
 * <p>The store's clock decides about leases and due times; {@code System.nanoTime} measures every duration here. The database decides
 * which messages are claimed. Cursors, counts and suspects known here are hints, and a wrong one costs a claim that finds nothing or a wait
 * until the next poll.
 *
 * <p>Words: a <i>suspect</i> is a message that had started when its worker died. <i>Direct dispatch</i> is the way of a new message to a
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
 * <h2>Many queues, few threads</h2>
 *
 * <p>A claimer and a thread for each unit of concurrency needed 5,015 threads in a process with 1,000 queues. Their claims waited for one
 * another's connections, and a message cost nine times what it cost with 10 queues. So there is one claim thread. A queue that
 * wants a claim stands in line for that thread, so no turn walks over all queues. A turn claims for up to 256 queues in one statement and
 * one commit ({@code claim_each}). One queue alone still uses the function {@code claim}, with all its lanes and up to 1,000 messages.
 * Beside others a queue gets its share of the 1,000 from one lane, at least 8, and then stands behind them. So a deep queue delays nobody
 * by more than a turn.
 *
 * <p>Concurrency is a number of permits, and a permit needs no thread until a message waits. The shared threads grow in two ways. A few
 * start at once. More start when a slice has waited for 2 ms and fewer than those few threads will soon take another slice, because the
 * others are blocked in their handlers ({@code CallWatch}). The age of the oldest slice alone would not do. A thousand queues of fast
 * handlers make a line of 50 ms although no thread is blocked, and more threads would only change the order: 586 were started. The age of
 * a call alone would not do either. With it, 64 calls that waited 15 ms for a socket shared 20 threads, and a drain took three times as
 * long.
 *
 * <p>Permits, the known speed and the count of held messages belong to the set of handlers, not to the queue ({@code HandlerSet}).
 * Queues with the same set share them, one after the other. The sets belong to one start of the consumers: calls that outlive a stop
 * must not take the permits of the next start.
 *
 * <p>Three bounds hold for the process, beside those of a queue: messages ahead of the threads, their bytes, and threads. A queue that
 * holds nothing may always claim one message if a thread is there for it. A queue with slow handlers claims only what a free thread takes,
 * because other processes may have one.
 *
 * <p>When a claim for many queues fails, they claim beside fewer others, until the queue that fails is alone. From then on only that queue
 * waits, with a back-off of its own. A database that is away stops all.
 *
 * <p>With virtual threads nothing here or in the execution package waits while it holds a monitor: the carrier would wait, too. Monitors
 * guard a few assignments only.
 *
 * <h2>Many processes, one queue</h2>
 *
 * <p>A notification wakes all processes that consume the queue, and one of them takes what came. With 16 processes and bulks of 500
 * (workload W11), 864 of 997 claims found nothing, and each of those walked over 500 locked rows. So a process whose claim found
 * nothing leaves the next messages to the others for a while ({@code ClaimRaces}). The wait is 2 ms, then twice as long each time, 50 ms
 * at most. A claim that finds something ends the waits. A process waits only after others took everything, so another process has free
 * threads. If that process ends or its threads are busy, the waiting ones claim 50 ms later. Messages that this process itself makes
 * READY are claimed at once. On a quiet machine 1,000 messages cost 38 ms of CPU with one process, 53 ms with 4 and 126 ms with 16. The
 * compilers of the 16 JVMs took a third of the 126 ms. With waits of up to 500 ms and light compilers alone, 16 processes took 120 ms
 * instead of 170; that is too long for a message whose process has just died.
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
 * <h2>Queues with limiters</h2>
 *
 * <p>A claim books a start for each message that it brings, with a time by which that message has to start. {@code db/function/limiter.sql}
 * says why no window is passed, however late the messages start. A booking counts to its end, which would cost a limit of 1,000 starts a
 * second a fifth of them. So {@link io.postroom.internal.storage.StartBooking} notes when they have started, and the next claim takes
 * that along ({@link io.postroom.internal.consumer.BookedStarts}). Nothing is noted while less than half of a limit is used.
 *
 * <p>Such a queue may hold what its handlers start within 20 ms, as other queues do for 50 ms. Without that, each claim brought messages
 * for free threads alone, and a limit that was not reached cost 2.95 times the CPU of a drain without one (workload W16, 16 threads, on a
 * machine with other work). Now it costs 1.01 times. Handlers one of whose calls was long just now get nothing ahead: a message behind
 * such a call would come late.
 *
 * <p>Reports are for the limiter as it was when it booked the starts. A claim whose answer was lost may have counted its reports, so they
 * are not repeated. Only a claim that says it did not see the limiters gives them back.
 *
 * <h2>What had started</h2>
 *
 * <p>A process holds up to 4,000 messages ahead of its threads, 2,000 of them for queues with the same handlers. When it dies, only those
 * that had started may have killed it. So a lease has a mark, how many of its messages may have started, and a rescue counts a crash for
 * those before the mark alone. A claim writes the mark for the messages that free threads take at once: with slow handlers, which hold
 * nothing ahead, for all. Before a message beyond the mark starts, its thread raises the mark by one statement ({@code StartMarks}). The
 * statement covers what starts within 10 ms, because one for each message would cost more than the message.
 *
 * <p>Handlers that run 20,000 messages a second, none of which takes longer than 50 ms, need no announcements: a claim marks all it brings
 * ({@code PrefetchPolicy.startsAllSoon}). Announcing cost such a drain (workload W1) 13 to 19 % of its CPU: two statements for 1,000
 * messages, and completions in smaller parts while threads waited for the statement. When the process dies, up to 4,000 messages of such
 * handlers count a crash though they had not started, and soon run again. Messages of direct dispatch that wait for a thread count one,
 * too: they start within 50 ms, and a second statement would cost what the dispatch saves.
 *
 * <p>The mark's commit does not wait for the disk. A killed worker does not lose it. A killed server may lose the last 0.6 s of marks,
 * unless a later commit of anybody has reached the disk. Then a message that had started comes back without a crash and runs once more as
 * an ordinary message. The same happens when an announcement fails and the worker dies before its result is written. Both err on the side
 * of one run too many: nothing is lost, and the next death counts. A mark too high, as after a failover that repeats the numbers of
 * leases, errs on the other side: a crash is counted for a message that had not started.
 *
 * <h2>Suspects</h2>
 *
 * <p>A suspect is probably innocent: of 16 messages that run when a process is killed at most one killed it. So suspects must start soon,
 * in the midst of other messages. One of them may be poison, a message that kills each process that runs it. Poison must not take its
 * neighbours to their crash limit. What a neighbour loses to one poison message:
 *
 * <ol>
 *   <li>One crash when the poison is an ordinary message, or the neighbour is. After that both are suspects.
 *   <li>Further crashes only where both run in one process as suspects. That does not happen while suspects run one at a time. It may
 *       happen when they have waited for half a second and run at once ({@code SuspectRunner}).
 *   <li>Never the last one: a suspect that one more crash would make a dead letter begins when no suspect runs in its process, over all
 *       queues, and none begins beside it. It gives its place up when its result is committed, so no later death counts against it.
 * </ol>
 *
 * <p>So with a crash limit of two or more one poison message makes no neighbour a dead letter, and is one itself after as many deaths as
 * the limit says. What remains: a suspect on its last credit has ordinary messages beside it. One of them may be a second poison message in
 * its first run, or the process may be killed from outside. Then an innocent message becomes a dead letter, after that many deaths in its
 * presence, with at least two causes. To run it in an idle process would hold up all other messages, which is worse.
 *
 * <p>Times: the poll reports suspects within a second or so. Half a second later two may run at once, then twice as many each 250 ms: 16
 * may run after 1.25 s. A suspect goes before all that waits of its queue. One permit of a queue stays free of suspects if its handlers
 * have several, so that suspects which hang do not stop it. On its last credit a suspect waits for the others, and they for it: at most for
 * the handlers' time limits, one after the other. Another process may take them meanwhile.
 *
 * <h2>Looks wrong, is right</h2>
 *
 * <ul>
 *   <li>{@link io.postroom.internal.consumer.HeldLeases} lives here, although the poll of the worker package reads it: this package fills
 *       it, and dependencies point downwards, from worker to consumer.
 *   <li>Direct dispatch asks the rules twice, before and after it counts its messages. A stop or a pause sets its mark first and reads the
 *       count then; so one of the two always sees the other.
 *   <li>Claims of ordinary messages go on while suspects wait. Direct dispatch stops meanwhile, because it could take each thread that
 *       becomes free.
 *   <li>An ordered queue claims alone and from the low watermarks on. A cursor could be above an older message of a group that was
 *       committed late. Each end of a message that held its group signals the queue, because a claim meanwhile may have left the next
 *       one in READY.
 *   <li>Suspects keep away from one another in a process, not in the whole cluster.
 *   <li>A failed announcement counts as made: a database that is away would stop the handlers of each chunk for the time of a connection's
 *       attempt.
 *   <li>A stop closes the buffer before the claim under way has answered: what that claim brings goes back untouched.
 *   <li>A claim that throws keeps its lanes marked as filled.
 *   <li>The thread that gives a call up frees its count, its permit and its place in the pool; the lost thread does nothing more when
 *       its call returns.
 *   <li>A signal of {@code QueueClaims} is a mark, not a count. The claimer takes the mark away before it looks, so what comes after
 *       the look signals again. While a queue rests after a short claim or waits for a thread it keeps the mark, so that no signal wakes
 *       the claimer for nothing.
 *   <li>Handler threads are made without inheritable thread-locals, because the thread of a caller of {@code createMessage} may make them.
 * </ul>
 */
@NullMarked
package io.postroom.internal.consumer;

import org.jspecify.annotations.NullMarked;

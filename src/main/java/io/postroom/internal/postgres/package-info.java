/**
 * The store in PostgreSQL: this package and those below it are the only ones that speak SQL. Each role of the port has one class, a list of
 * short methods in the order of the port, beside the texts it sends. Start with {@link io.postroom.internal.postgres.PostgresStores}, then
 * follow a message:
 *
 * <ol>
 *   <li>{@link io.postroom.internal.postgres.PostgresQueueStore}, {@link io.postroom.internal.postgres.QueueSql}: queues as rows
 *   <li>{@link io.postroom.internal.postgres.PostgresEnqueueStore}, {@link io.postroom.internal.postgres.EnqueueSql}: into READY, DELAYED
 *       or, for direct dispatch, straight under a lease
 *   <li>{@link io.postroom.internal.postgres.PostgresLeaseStore}, {@link io.postroom.internal.postgres.ClaimSql}, {@link
 *       io.postroom.internal.postgres.CompleteSql}: from READY under a lease, and out of the lease
 *   <li>{@link io.postroom.internal.postgres.PostgresWorkerStore}, {@link io.postroom.internal.postgres.WorkerSql}: processes, their
 *       heartbeats and polls, the low watermark
 *   <li>{@link io.postroom.internal.postgres.PostgresJobStore}, {@link io.postroom.internal.postgres.JobSql}: promote, rescue, expire,
 *       operations
 *   <li>{@link io.postroom.internal.postgres.PostgresMessageQueries}, {@link io.postroom.internal.postgres.RegistrySql}: questions about
 *       messages
 *   <li>{@link io.postroom.internal.postgres.PostgresOperatorStore}, {@link io.postroom.internal.postgres.OperateSql}: acts of people
 *   <li>{@link io.postroom.internal.postgres.PostgresDeadLetterStore}, {@link io.postroom.internal.postgres.DeadLetterSql}: acts of people
 *       on dead letters, and operations on many
 * </ol>
 *
 * <p>The schema is in {@code db/migration}. Statements whose plan must not change are functions there. The database's clock decides all
 * times: due times, leases, heartbeats, times to live.
 *
 * <h2>The packages below</h2>
 *
 * <pre>
 * postgres → connection → statement
 *            purge      → statement
 * </pre>
 *
 * {@code statement} sends a statement and ends a transaction. {@code connection} has the pools, LISTEN, migrations and the start check.
 * {@code purge} frees past days. The arrow from this package to {@code connection} is the text of a notification, which one class writes
 * and reads. {@link io.postroom.internal.storage.StoreErrors} says what a failure means.
 *
 * <h2>What looks wrong and is right</h2>
 *
 * <ul>
 *   <li><b>{@code WHERE pg_current_xact_id() IS NOT NULL}</b> in each enqueue. The low watermark rests on two things: whoever draws a seq
 *       already holds a transaction id, and already holds the lock on {@code ready}. WHERE runs before the SELECT list draws, and a
 *       statement locks its targets before it runs. A test stops every way into READY at its {@code nextval} and looks at both.
 *   <li><b>No CHECK on {@code message}, {@code ready} and {@code attempt}.</b> PostgreSQL parses the text of a constraint again for every
 *       statement. That took 36k instructions; three constraints took 10 of 46 us of server time per enqueue.
 *   <li><b>The existing message is read in a second statement.</b> A statement that waited for another transaction's key, and lost, cannot
 *       see what that transaction wrote. Content is compared in the second statement, so no enqueue has to compute a hash. Under REPEATABLE
 *       READ this fails with 40001. Two transactions that take keys in opposite orders end in 40P01; one batch takes its keys in one order.
 *   <li><b>Keys are locked before the rows of {@code queue_length}</b>, here and in {@code create_message}. In opposite orders, two
 *       messages of one key for a limited queue ended in 40P01. Keys come first for two reasons: they tell which messages are repeats,
 *       which need no room, and a message that waits for its key does not hold up the others of its queue. So {@link
 *       io.postroom.internal.postgres.LimitedWriter} takes them in a statement of its own.
 *   <li><b>A reply waits for nobody's room.</b> It is written with the ends of other messages. A transaction of a user that holds the row
 *       of a limited queue would hold all of them up. It may even wait for one of their leases, which is a deadlock.
 *   <li><b>{@code complete} locks all leases first</b> when a batch needs both its statements. Two such batches would deadlock otherwise.
 *   <li><b>The questions about messages are planned anew each time.</b> The best plan depends on what is asked. With one plan for all
 *       questions, the CANCELLED messages among 300,000 finished ones took 1.8 s, and 38 ms otherwise.
 *   <li><b>An operation's rate is an account in its row</b>, so that the rates of several processes do not add up. It holds at most
 *       what one second allows: a pause is not caught up with.
 *   <li><b>The claim is steps over arrays in PL/pgSQL</b>, not one statement. Window functions that cut the candidates into leases, and a
 *       look-up of each payload through all partitions, took a third of its time.
 *   <li><b>{@code lease.message_ids} is STORAGE PLAIN.</b> Compressing 200 ids took a tenth of a claim.
 *   <li><b>A completion finds its leases through {@code lease_pk} one by one</b> (LATERAL), and {@code lease} has no other index. Leases
 *       that ended under an open snapshot cannot be cleaned away. A plan that found leases by their worker walked over 37,000 of those
 *       after two minutes, and took 8 s of CPU in ten instead of 3.7 (workload W6).
 *   <li><b>{@code expire} and {@code delete_abandoned} look before they begin.</b> Nearly always there is nothing to do. The plans of what
 *       they do, over all partitions, took a third of the time of all statements of a process that starts.
 *   <li><b>The position of the sequence is asked by {@code pg_sequence_last_value}.</b> Selecting from the sequence needs a right that an
 *       enqueue does not need.
 *   <li><b>A statement of one message has forms</b> (see {@link io.postroom.internal.postgres.MessageColumns}): its parameters are what the
 *       message has. Each SELECT lists all columns of its table in their order and types, defaults included. Otherwise PostgreSQL puts a
 *       Subquery Scan on top, which computes the row once more.
 *   <li><b>A single INSERT selects from {@code queue}</b>, where VALUES would have one node less to start. It writes {@code ready} first,
 *       because the row of the queue then brings 8 columns instead of 15: 7k instructions. The number of the queue comes from a cache.
 *       After a restore, a TRUNCATE or a failover it may belong to another queue. The claim and the poll check name and number for the
 *       same reason.
 *   <li><b>{@code lease.id} holds the microsecond of the claim</b> and 12 bits of a sequence. A sequence alone repeats its numbers after a
 *       failover to a standby that lacked the last WAL. Results of lost leases were written onto new messages then. All statements that
 *       act by a lease's id are fenced by this one default, without another column or parameter.
 * </ul>
 *
 * <h2>Figures</h2>
 *
 * Instructions of the server process (PostgreSQL 18 alone under callgrind, 200 bytes of JSON). They repeat exactly, where times on a shared
 * machine do not. Thousands, per message:
 *
 * <pre>
 *                                                    before    now
 * claim, 1000 a call                                   53      37    jsonb as text 4.7, rows of the answer 4, lock 3.4, delete 2.5
 * claim, 1 a call                                    1115     673    of that: call 149, find 235, delete 26, lease 74, payload 190
 * complete_done, 1000 a call                           23            index of attempt 8, its rows 4.8
 * complete_done, 1 a call                            1190     390    complete_one
 * </pre>
 *
 * A message in its caller's transaction, as the driver sends it to a prepared statement, without the commit. Protocol and reading the
 * network are part of it, so these figures are higher than those above:
 *
 * <pre>
 * SELECT 1                                             16
 * plain INSERT (bigint identity, jsonb)                54
 * enqueue, one, before                                250    14 parameters, most of them NULL; VALUES over the row of the queue
 * enqueue, one                                        203    of that: number of the queue 23, partitions 11, partial indexes 33
 * enqueue_numbered, one                               216    RETURNING to the client 13
 * enqueue, one, no partial indexes                    167
 * enqueue, one, no partitions either                  156
 * </pre>
 *
 * What the figures consist of: each statement 30, each parameter 2, each column of a table 2 (even one that is NULL), each index 10, each
 * partial index 8.5 although no row goes into it. The WAL of a message is 571 bytes, that of the plain INSERT 340.
 *
 * <p>These variants of the enqueue of one message were measured and not taken:
 *
 * <ul>
 *   <li>Two INSERTs in one round trip, one behind the other, took 212 where one statement with a CTE took 208. Each statement costs its 30,
 *       and both would have to check the number of the queue.
 *   <li>A PL/pgSQL function with both INSERTs took 206 on tables without partitions and partial indexes, where the CTE took 202.
 *   <li>The row of the queue found by its ctid instead of an index saves 2. EXISTS instead of FROM costs 8 more.
 *   <li>The payload in {@code ready} until the claim, which writes {@code message} in bulk: 140. But a message would write 894 bytes of
 *       WAL instead of 571, and its payload twice.
 *   <li>INSERT into the partition of the day saves 11. The client would have to know partitions that maintenance moves, detaches and
 *       renames, and their rights.
 *   <li>The partial indexes stay. Without {@code message_by_correlation} the view {@code message_content} finds a correlation only through
 *       another table. {@code ready_by_moved_message} and {@code ready_suspects} serve the claim, the poll and each look-up by id.
 * </ul>
 *
 * Decisions that follow from these figures and from the benchmark:
 *
 * <ul>
 *   <li>Payloads stay {@code jsonb}. As {@code json} a message would cost 4k less going in and 4.7k less coming out, an eighth of a drain.
 *       {@code payload @> ...} in audits is worth that.
 *   <li>{@code attempt} keeps its B-tree on message_id. A BRIN would save 8k of 23k at completion, but each look at one message's history
 *       would read 10,000 rows per partition.
 *   <li>{@code unnest} with arrays stays for bulk, because COPY returns no seq. Two arrays instead of twelve, where the messages share all
 *       but their payload, took 5 % less. That is not worth a second statement.
 *   <li>{@code ready}, {@code lease} and {@code delayed} are vacuumed early and without pauses. Their dead rows make the poll, the rescue
 *       and the promotion slow.
 *   <li>{@code lease} is filled to 70 %: a full lease is 3.3 kB, so a page holds one lease and the version that a completion of a part of
 *       it writes. {@code worker} is filled to 50 %, for its heartbeats. Both figures are reasoned, not measured separately.
 * </ul>
 *
 * <p>Rates, CPU and latency beside the peers: docs/benchmarks.md.
 */
@NullMarked
package io.postroom.internal.postgres;

import org.jspecify.annotations.NullMarked;

/**
 * The store in PostgreSQL: the only package that knows SQL. The schema itself is in {@code db/migration}; the verbs whose plan must not change are
 * functions there, and what is sent from here is in the SQL classes, in the order of a message's life:
 *
 * <ol>
 *   <li>{@link io.postroom.internal.postgres.EnqueueSql}: into READY or DELAYED
 *   <li>{@link io.postroom.internal.postgres.ClaimSql}: from READY under a lease; cursors, floors, polls
 *   <li>{@link io.postroom.internal.postgres.CompleteSql}: out of a lease
 *   <li>{@link io.postroom.internal.postgres.WorkerSql}: processes and their beats
 *   <li>{@link io.postroom.internal.postgres.JobSql}: promote, rescue, expire
 *   <li>{@link io.postroom.internal.postgres.RegistrySql}, {@link io.postroom.internal.postgres.OperateSql}, {@link io.postroom.internal.postgres.QueueSql}: questions, operators, queues
 * </ol>
 *
 * <p>Start with {@link io.postroom.internal.postgres.PostgresMessageStore}, a list of short methods in the order of the port. {@link
 * io.postroom.internal.postgres.Sql} sends a statement, {@link io.postroom.internal.postgres.StoreTransactions} says in which transaction, {@link
 * io.postroom.internal.storage.StoreErrors} what a failure means. {@link io.postroom.internal.postgres.EnginePool} gives the engine connections that a host cannot leak,
 * {@link io.postroom.internal.postgres.Migrations} and {@link io.postroom.internal.postgres.StartCheck} come before all of them.
 *
 * <h2>What looks wrong and is right</h2>
 *
 * <ul>
 *   <li><b>{@code WHERE pg_current_xact_id() IS NOT NULL}</b> in each enqueue. The safe floor rests on two things: whoever draws a seq holds a
 *       transaction id already, and the lock on {@code ready}. WHERE runs before the SELECT list draws, and a statement locks its targets before it
 *       runs. A test stops every way into READY at its {@code nextval} and looks at both.
 *   <li><b>No CHECK on {@code message} and {@code ready}.</b> PostgreSQL parses a constraint's text again for every statement: three of them took 10
 *       of 46 us of server time per enqueue.
 *   <li><b>The existing message is read in a second statement.</b> The one that waited for another transaction's key and lost cannot see what
 *       that one wrote. Content is compared there, not by a hash at every enqueue. Under REPEATABLE READ it fails with 40001, and two transactions
 *       that take keys in opposite orders end in 40P01; one batch takes its keys in one order.
 *   <li><b>A verb of one statement has no BEGIN</b> when the pool's auto-commit is on: the statement is its own transaction, in one round trip
 *       instead of two.
 *   <li><b>{@code complete} locks all leases first</b> when a batch needs both its statements, or two such batches would deadlock.
 *   <li><b>{@code uuid[]} goes as text</b>, written by hand: the driver has no binary form for it. {@code int8[]}, {@code int2[]}, {@code text[]},
 *       {@code bytea[]} and single UUIDs go in binary.
 *   <li><b>The registry's questions are planned anew each time.</b> The best plan hangs on what is asked: with one plan for all, the CANCELLED ones
 *       among 300,000 finished messages took 1.8 s, 38 ms otherwise.
 *   <li><b>A bulk redrive's rate counts from its beginning</b>, so that several nodes do not add up; it never catches up with a burst.
 *   <li><b>The claim is steps over arrays in PL/pgSQL</b>, not one statement: window functions to cut the candidates into leases, and a look-up per
 *       payload through all partitions, took a third of its time.
 *   <li><b>{@code lease.message_ids} is STORAGE PLAIN</b>: compressing 200 ids took a tenth of a claim.
 *   <li><b>A completion comes to its leases through {@code lease_pk} one by one</b> (LATERAL), and {@code lease} has no other index: leases that ended under an open
 *       snapshot cannot be cleaned away, and a plan that came to them by their worker walked over 37,000 of those after two minutes, 8 s of CPU in ten
 *       instead of 3.7 (workload W6).
 *   <li><b>{@code purge_look} pins its plan</b> like a claim does: PostgreSQL expects one row of a range of ids within one step of its statistics, and its nested loops
 *       took 440 us a message, hashes 6.
 *   <li><b>The small pool for heartbeat and LISTEN has sockets of its own</b> ({@link io.postroom.internal.postgres.PromptSocketFactory}) where it is a copy of a host's by URL that names
 *       none: the driver's keep each word back for a millisecond.
 *   <li><b>Where the sequence stands is asked by {@code pg_sequence_last_value}</b>: selecting from it needs a right that enqueuing does not.
 *   <li><b>A single INSERT has VALUES</b>, not SELECT: one plan node less to start, for each of 13 columns.
 * </ul>
 *
 * <h2>Figures</h2>
 *
 * Instructions of the server process (PostgreSQL 18 alone under callgrind, 200 bytes of JSON), which repeat exactly where times on a shared machine do not;
 * thousands, per message:
 *
 * <pre>
 *                                                    before    now
 * bare INSERT (bigint identity, jsonb), one            24
 * enqueue, one                                        186     125    of that: 4 partial indexes 29, partitions 16, second table 48
 * enqueue, 1000                                        55
 * claim, 1000 a call                                   53      37    jsonb as text 4.7, rows of the answer 4, lock 3.4, delete 2.5
 * claim, 1 a call                                    1115     673    of that: call 149, find 235, delete 26, lease 74, payload 190
 * complete_done, 1000 a call                           23            index of attempt 8, its rows 4.8
 * complete_done, 1 a call                            1190     390    complete_one
 * </pre>
 *
 * What they, and the benchmark, settled:
 *
 * <ul>
 *   <li>Payloads stay {@code jsonb}: as {@code json} a message would cost 4k less going in and 4.7k less coming out, an eighth of a drain, but
 *       {@code payload @> ...} in audits is worth that.
 *   <li>{@code attempt} keeps its B-tree on message_id: a BRIN would save 8k of 23k at completion, but each look at one message's history would read 10,000
 *       rows per partition.
 *   <li>{@code unnest} with arrays stays for bulk: COPY answers no seq. Two arrays instead of twelve, where the messages share all but their payload, took 5 %
 *       less: not worth a second statement.
 *   <li>No CHECK on {@code message}, {@code ready}, {@code attempt}: its text is parsed for each statement, 36k instructions.
 *   <li>{@code ready}, {@code lease} and {@code delayed} are vacuumed early and without pauses: their dead rows cost the poll, the rescue and the promotion.
 *       {@code message} and {@code attempt} keep the defaults. Rows are only added there, and the passes this brings took 1.6 % of the CPU of four minutes of
 *       bulk load (3 to 8 % of the half minute in which one runs); they spare the purge the first visit to each page.
 *   <li>{@code lease} is filled to 70 %: a full lease is 3.3 kB, so a page holds one and the version that completing part of it writes. {@code worker} to 50, for
 *       its beats. Both reasoned, not measured apart.
 * </ul>
 *
 * <p>Rates, CPU and latency beside the peers: docs/benchmarks.md.
 */
@NullMarked
package io.postroom.internal.postgres;

import org.jspecify.annotations.NullMarked;

/**
 * The store in PostgreSQL: the only package that knows SQL. The schema itself is in {@code db/migration}; the verbs whose plan must not change are
 * functions there, and what is sent from here is in the SQL classes, in the order of a message's life:
 *
 * <ol>
 *   <li>{@link io.postroom.postgres.EnqueueSql}: into READY or DELAYED
 *   <li>{@link io.postroom.postgres.ClaimSql}: from READY under a lease; cursors, floors, polls
 *   <li>{@link io.postroom.postgres.CompleteSql}: out of a lease
 *   <li>{@link io.postroom.postgres.WorkerSql}: processes and their beats
 *   <li>{@link io.postroom.postgres.JobSql}: promote, rescue, expire
 *   <li>{@link io.postroom.postgres.RegistrySql}, {@link io.postroom.postgres.OperateSql}, {@link io.postroom.postgres.QueueSql}: questions, operators, queues
 * </ol>
 *
 * <p>Start with {@link io.postroom.postgres.PostgresMessageStore}, a list of short methods in the order of the port. {@link
 * io.postroom.postgres.Sql} sends a statement, {@link io.postroom.postgres.StoreTransactions} says in which transaction, {@link
 * io.postroom.postgres.StoreErrors} what a failure means. {@link io.postroom.postgres.EnginePool} gives the engine connections that a host cannot leak,
 * {@link io.postroom.postgres.Migrations} and {@link io.postroom.postgres.StartCheck} come before all of them.
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
 * </ul>
 *
 * <h2>Figures</h2>
 *
 * PostgreSQL 18 and the client on 2 shared cores, 200 bytes of JSON; for comparing, not for quoting. CPU in us per message, server and client:
 *
 * <pre>
 *                                           server   client
 * bare INSERT (id, payload), one a commit     16       10     synchronous_commit off
 * enqueue, one a commit                       34       11     of that: partial indexes 6, second table 9, partitions and columns 8
 * the same with an id of the caller's         35       11     80 through the statement for all kinds
 * bare INSERT by unnest, 1000                  5.3      0.4
 * enqueue, 1000                                7.0      0.6
 * claim, 200 a call                            7.5      1.2   the same in the third 100,000 under an old snapshot as in the first
 * complete_done, 200 a call                    4.0      0.9
 * </pre>
 *
 * With synchronous_commit on, the wait for the disk counts more: one message a commit took about 1.4 times as long as the bare INSERT.
 * {@code EnqueueBenchmark} measures the first four anew.
 */
@NullMarked
package io.postroom.postgres;

import org.jspecify.annotations.NullMarked;

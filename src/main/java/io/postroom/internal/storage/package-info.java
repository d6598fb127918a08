/**
 * The port: what the engine asks of a store, by role, in the order of a message's life.
 *
 * <ol>
 *   <li>{@link io.postroom.internal.storage.QueueStore}: the queue is declared.
 *   <li>{@link io.postroom.internal.storage.EnqueueStore}: the message is written.
 *   <li>{@link io.postroom.internal.storage.WorkerStore}: a worker learns that something waits, by poll or notification, and renews its
 *       leases.
 *   <li>{@link io.postroom.internal.storage.LeaseStore}: the message is claimed, and completed once its attempt has ended.
 *   <li>{@link io.postroom.internal.storage.JobStore}: it is promoted, rescued or expired on a timer; {@link
 *       io.postroom.internal.storage.MaintenanceStore} removes it at last.
 *   <li>{@link io.postroom.internal.storage.MessageQueries}: anybody may ask about it at any time.
 *   <li>{@link io.postroom.internal.storage.OperatorStore}: people move it.
 * </ol>
 *
 * <p>The database's clock decides about due times, leases and heartbeats. So waits are given to the store as durations, and instants only
 * where a user named one. Durations of attempts are measured by {@code System.nanoTime()} and given as such.
 *
 * <p>"Suspect" means a message that had started when its worker died. Suspects are claimed one by one. Few run at once in a process, and
 * one on its last credit has no other suspect beside it; see {@code internal.consumer}.
 *
 * <p>What looks wrong but is right:
 *
 * <ul>
 *   <li>{@code java.sql.Connection} stands in some signatures, although no SQL is here. It is only passed through, as the handle of a
 *       transaction that belongs to a caller.
 *   <li>{@link io.postroom.internal.storage.StoreErrors} knows SQLSTATEs, because both {@code producer} and {@code postgres} classify
 *       failures.
 *   <li>The pools differ: {@link io.postroom.internal.storage.Stores} are on the engine's connections, and heartbeats have a {@code
 *       WorkerStore} on a reserved one, so that a pool without a free connection does not cost a process its leases.
 *   <li>0 rows are no error: a completion whose lease has gone answers nothing for it, and the caller counts it as lost.
 * </ul>
 */
@NullMarked
package io.postroom.internal.storage;

import org.jspecify.annotations.NullMarked;

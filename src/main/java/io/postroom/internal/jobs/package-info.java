/**
 * Work on a timer, one class per job. A job is one turn of work with no thread of its own; {@link io.postroom.internal.jobs.JobTimer}
 * repeats it. Start reading at {@link io.postroom.internal.jobs.JobTimer}, then {@link io.postroom.internal.jobs.PromoteDue}.
 *
 * <p>Jobs of every node: {@link io.postroom.internal.jobs.PromoteDue} (delayed messages become READY), {@link
 * io.postroom.internal.jobs.RescueLeases} (messages of dead workers), {@link io.postroom.internal.jobs.DeleteAbandonedQueues} (queues that
 * go with their owner or last consumer), {@link io.postroom.internal.jobs.ExpireMessages}, {@link
 * io.postroom.internal.jobs.CarryOnOperations}, {@link io.postroom.internal.jobs.FireSchedules} (messages at planned times), {@link
 * io.postroom.internal.jobs.SettleBatches} (counts and completes batches), {@link
 * io.postroom.internal.jobs.TidyGroupLimits} (bookkeeping of limits of groups), {@link
 * io.postroom.internal.jobs.InspectDatabase} (says what administrators changed so
 * that messages are not handled). Those that move messages take rows with SKIP LOCKED, so nodes share the work and any of them may stop.
 * {@link io.postroom.internal.jobs.WatchUnconsumedQueues} only reads, and runs in processes without workers, too.
 *
 * <p>Singleton jobs run on one node at a time, wrapped in {@link io.postroom.internal.jobs.LockedJob}: {@link
 * io.postroom.internal.jobs.RemoveQueueMessages} (the purge) and {@link io.postroom.internal.jobs.MaintainPartitions}.
 *
 * <p>What few installations use, such as maximum lengths, has a job in each process all the same. Polls say whether it is needed ({@link
 * io.postroom.internal.storage.Upkeep}), so it looks by itself once a minute only.
 *
 * <p>The store's clock decides what is due, expired or dead. {@code System.nanoTime} measures only the waits between turns.
 */
@NullMarked
package io.postroom.internal.jobs;

import org.jspecify.annotations.NullMarked;

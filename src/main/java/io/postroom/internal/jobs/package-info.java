/**
 * What runs on a timer, one class per job: {@link io.postroom.internal.jobs.PromoteDue} (delays and retries become due), {@link
 * io.postroom.internal.jobs.RescueLeases} (workers that died), ExpireMessages, RedriveDeadLetters, and, on one node at a time under ShedLock, RemoveQueueMessages (purge) and
 * MaintainPartitions. A job is one turn of work with no thread of its own; {@link io.postroom.internal.jobs.JobTimer} repeats it.
 */
@NullMarked
package io.postroom.internal.jobs;

import org.jspecify.annotations.NullMarked;

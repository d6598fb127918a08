/**
 * What runs on a timer, one class per job: {@link io.postroom.jobs.PromoteDue} (delays and retries become due), {@link
 * io.postroom.jobs.RescueLeases} (workers that died), ExpireMessages, RedriveDeadLetters, and, on one node at a time under ShedLock, RemoveQueueMessages (purge) and
 * MaintainPartitions. A job is one turn of work with no thread of its own; {@link io.postroom.jobs.JobTimer} repeats it.
 */
@NullMarked
package io.postroom.jobs;

import org.jspecify.annotations.NullMarked;

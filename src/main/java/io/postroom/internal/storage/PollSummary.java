package io.postroom.internal.storage;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a process with nothing to do needs to know, whatever the number of its queues.
 *
 * @param answeredBy which state of the store answered
 * @param queues a digest over the rows of all queues: differs after each change of one
 * @param horizon row versions that the digest has not seen were written by transactions with this id or a later one
 * @param others a digest over the other processes that are alive; null: there is none
 * @param lastSeq the last number drawn for READY
 * @param nextDue how long until the next delayed message of any queue is due, zero when one is due now; null: nothing is delayed
 * @param cancelled messages that the asking process held when they were cancelled, until {@link WorkerStore#forgetCancelled}
 * @param settings a digest over the entries of external systems: differs after each change of one
 * @param batches whether any batch is not completed
 * @param nextSchedule how long until a schedule is due, zero when one is due now; null: none will be
 * @param upkeep which jobs are needed
 * @param now by the store's clock
 */
public record PollSummary(
        StoreIdentity answeredBy,
        long queues,
        String horizon,
        @Nullable Long others,
        long lastSeq,
        @Nullable Duration nextDue,
        List<UUID> cancelled,
        long settings,
        boolean batches,
        @Nullable Duration nextSchedule,
        Upkeep upkeep,
        Instant now) {}

package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.sql.Connection;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Takes messages out of READY under leases, and completes them once their attempts have ended. Thread-safe.
 *
 * <p>Each call is a transaction of its own, unless it is given a connection. Failures are {@link StoreException}s: after {@code
 * UNAVAILABLE} it is not known whether the call was committed. Times are the database's.
 */
public interface LeaseStore {
    /**
     * Takes messages out of READY and puts them under leases of the worker. Rows that another claim has locked are skipped.
     *
     * @return in the order of the lanes and of their numbers; empty: nothing is free from these cursors on. Whether the queue is
     *     paused is the caller's business
     */
    List<ClaimedMessage> claim(ClaimRequest request);

    /**
     * Does the same for a queue with limiters, and takes no more than they let start now. Each message has to start until the time that its
     * lease names, or must be released.
     *
     * @param reports what is known of starts that were booked before
     */
    LimitedClaim claimLimited(ClaimRequest request, StartReports reports);

    /**
     * Does the same as {@link #claim} for many queues in one transaction.
     *
     * @param requests of one worker, one a queue, for ordinary messages, each with one lane; of queues without a limiter
     * @return the messages by queue; a queue that nothing was found for is left out
     */
    Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests);

    /**
     * Announces which messages the worker may have started from here on. If it dies, a rescue counts a crash for these alone.
     *
     * <p>Returns before the announcement has reached the disk. A worker that is killed does not lose it. A database server that is killed
     * may: a message that had started then comes back without a crash.
     *
     * @param started for each lease, in any order, how many of its messages, from the first; null-free
     */
    void announceStarts(int workerId, Map<Long, Integer> started);

    /**
     * Parks a destination, because a handler has learned that it takes nothing now: no message of the queues that name it starts for so
     * long, and then a few try. Does nothing where no queue names it.
     */
    void park(String destination, Duration time);

    /** Reads a held message's payload in a new snapshot; empty: it is still not visible. */
    Optional<ClaimedMessage> reload(ClaimedMessage message);

    /**
     * Answers how long ago a held message was first found undecodable, by its history. An attempt that ended in another way since then
     * begins the time anew, and so does a redrive; empty: it was not found so yet.
     */
    Optional<Duration> undecodableSince(ClaimedMessage message);

    /**
     * Writes how held messages ended, in one transaction, and with each end that counts its reply, if it has one. If the database refuses
     * one end, they are written one by one, and that one without its details. An end that is refused even so stays under its lease.
     *
     * @return one part a lease. What is missing was lost: another worker holds or finished the message, and nothing was written about it. A
     *     repeat of a call whose answer got lost looks the same. A reply that the database refuses is logged, and the end counts
     */
    List<LeasePart> complete(int workerId, List<Completion> completions);

    /** Does the same in the transaction of a handler. An end that is refused costs the details of all, but not the handler's writes. */
    List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection);

    /**
     * Releases leases that the worker does not know of: those of claims whose answer never came. Their messages go to READY, and nothing is
     * counted against them.
     *
     * @param knownLeases the leases that the worker knows of, read before this call
     * @param olderThan younger leases may belong to a claim under way and are left alone
     * @param only leases that hold one of these messages; null: all
     */
    List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only);
}

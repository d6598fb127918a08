package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The steps of the jobs on a timer: promote, rescue, expire, operations. Thread-safe, and safe to call in several processes at once: rows
 * that another one has locked are skipped.
 *
 * <p>Each call is a transaction of its own. Failures are {@link StoreException}s; every step may be repeated. Times are the database's, and
 * waits are given as durations, so that clocks need not agree.
 */
public interface JobStore {
    /**
     * Moves due messages from DELAYED to READY, the longest due first. Fewer than {@code limit} were moved: no other one is due, or another
     * process is moving it.
     *
     * @param from messages due before this instant are not looked at, which spares a walk over dead index entries; null: all
     * @return with the instant from which the next look may start
     */
    PromoteResult promote(@Nullable Instant from, int limit);

    /**
     * Answers how long until the next message and the next schedule are due.
     *
     * @param from as for {@link #promote}
     */
    NextDue untilNextDue(@Nullable Instant from);

    /**
     * Waits until something is due; zero: it is due now.
     *
     * @param message null: nothing is delayed
     * @param schedule null: none will be due
     */
    record NextDue(@Nullable Duration message, @Nullable Duration schedule) {}

    /** Lists due messages, the longest due first, to promote them one by one when a batch fails. */
    List<UUID> due(int limit);

    /**
     * Promotes this message, or makes it a dead letter when the database refuses its data. One bad row must not hold up the others. A
     * message that fails for another reason of its own, such as a damaged page, stays DELAYED.
     *
     * @throws StoreException the failure is not the message's: any other message would meet it, too
     */
    void promoteOrQuarantine(UUID messageId);

    /**
     * Moves the messages of leases whose worker sends no heartbeats any more. Those that had started go back to READY with one crash more,
     * or to DEAD at the crash limit. The others go back untouched.
     *
     * @param leaseTime how long without a heartbeat
     * @param limit most leases
     * @return one arrival a lane; with count 0 when all its messages became dead letters
     */
    List<Arrival> rescue(Duration leaseTime, int limit);

    /**
     * Takes the dead letters that {@link #rescue} and {@link #promoteOrQuarantine} of this object made since the last call, to be said in
     * the log; at most 1000. Asks no database.
     */
    List<DeadLetter> buried();

    /**
     * Moves waiting messages whose time to live has ended to EXPIRED, and waiting entries that outlived the time to live of their queue.
     *
     * @param from where the look at messages before ended; null: from the first one
     * @param entriesFrom the same for entries of messages in several queues
     */
    Expiry expire(@Nullable ExpiryPosition from, @Nullable EntryPosition entriesFrom, int limit);

    /** Where the next look at messages starts, and the next one at entries; null: all were seen. */
    record Expiry(
            @Nullable ExpiryPosition messages, @Nullable EntryPosition entries) {}

    /** How far a look at entries got: as {@link ExpiryPosition}, and one message may have an entry in several queues. */
    record EntryPosition(Instant expiresAt, UUID id, int queueId) {
        /** The same place so much earlier, before all entries of that instant. */
        public EntryPosition earlier(Duration margin) {
            return new EntryPosition(expiresAt.minus(margin), ExpiryPosition.BEFORE_ALL, 0);
        }
    }

    /**
     * Moves what waits in deleted queues to CANCELLED. A delete empties its queue once, but an open transaction, a retry or a rescue may
     * bring more later.
     *
     * @param olderThan queues deleted more recently are left alone
     * @param limit most messages
     * @param delayed whether to look in DELAYED, too, which costs more
     * @return how many messages were cancelled
     */
    int cancelDeleted(Duration olderThan, int limit, boolean delayed);

    /**
     * Makes groups of ordered queues go on whose holders have ended without handing them on: after an expiry or the crash limit, when a
     * lock was lost, or when rows were written by hand.
     *
     * @param from where the look before ended; null: from the first group
     * @param limit most groups to look at
     */
    GroupSweep sweepGroups(@Nullable GroupPosition from, int limit);

    /**
     * Gives keys to messages of queues with limits of groups that have none, and removes what is noted of groups that are at rest.
     *
     * @param limit most messages, and most groups
     * @return how many there were of the more frequent kind
     */
    int tidyGroupLimits(int limit);

    /**
     * Deletes exclusive queues whose owner is gone and auto-delete queues whose last consumer left, then cancels what waits in them.
     *
     * @param leaseTime how long without a heartbeat a process counts as gone
     */
    List<DeletedQueue> deleteAbandoned(Duration leaseTime);

    /**
     * Takes out a part of what queues hold above their maximum length, and counts anew what a full one holds that refuses messages. Queues
     * in which others create messages at this moment are left to them. One that fails holds up no other: its failure is thrown after all.
     */
    Shortening shortenQueues();

    /**
     * @param queues how many queues have a maximum length
     * @param isMore whether one of them is still too long
     */
    record Shortening(int queues, boolean isMore) {}

    /**
     * Lets another process consume where the single active consumer of a queue has left and holds nothing any more.
     *
     * @param leaseTime how long without a heartbeat a process counts as gone; null: as long as it has not stopped, it does not
     * @return how many queues had an active consumer before
     */
    int releaseActive(@Nullable Duration leaseTime);

    /**
     * Lists queues in which something is READY and that no live process consumes, by name. Paused queues are listed, too.
     *
     * @param limit most queues
     */
    List<String> unconsumedQueues(int limit);

    /**
     * Takes the next step of each operation that runs, apart from those that another process is working on. Each in a transaction of its
     * own.
     *
     * @param elapsed a step moves at most what the rate allows in this time
     */
    OperationSteps stepOperations(Duration elapsed);

    /**
     * Chains lines of the ledger of operator acts that were committed since the last call, unless another process is doing so.
     *
     * @param limit most lines
     * @return how many
     */
    int sealLedger(int limit);

    /**
     * What a promotion moved.
     *
     * @param arrivals one a lane
     * @param lastDueAt when the last of them was due; null when nothing moved
     * @param messages how many
     */
    record PromoteResult(List<Arrival> arrivals, @Nullable Instant lastDueAt, int messages) {}

    /** How far a look at groups got. */
    record GroupPosition(int queueId, String group) {}

    /**
     * What a look at groups found.
     *
     * @param next where the next look starts; null when all were seen
     * @param advanced how many groups went on
     * @param isUsed whether any group is busy
     */
    record GroupSweep(@Nullable GroupPosition next, int advanced, boolean isUsed) {}

    /** How far a look at what expires got. The id belongs to it, because many messages may expire at one instant. */
    record ExpiryPosition(Instant expiresAt, UUID id) {
        /** Stands before the first message of an instant. */
        public static final UUID BEFORE_ALL = new UUID(0, 0);
    }
}

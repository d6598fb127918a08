package io.postroom.storage;

import io.postroom.api.Attempt;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Where messages are kept: the verbs in the order of a message's life. Thread-safe. Every method is one transaction of its own (READ COMMITTED)
 * unless it takes a connection; failures are {@link StoreException}s. Times are the store's own.
 */
public interface MessageStore {

    // ---- queues

    /** Makes the queue if need be and sets what is named; what an operator set stays. Commits on its own so that hosts do not wait for one another. */
    QueueRow declare(QueueSettings settings);

    Optional<QueueRow> queue(String name);

    // ---- enqueue

    /** Writes one message. Joins the connection's transaction. Takes its transaction id before it draws a seq (see the safe floor). */
    Enqueued enqueue(NewMessage message, Connection connection);

    /** Writes many in one statement; answers in the order given. One refused message refuses all. */
    List<Enqueued> enqueue(List<NewMessage> messages, Connection connection);

    /** Writes one message already held by this worker, so that nobody else starts it; empty when its id or key was there. */
    Optional<ClaimedMessage> enqueueHeld(NewMessage message, int workerId);

    /**
     * Writes new messages that this worker holds from the beginning, in the transaction of the connection. All plain, of one queue and one priority.
     *
     * @return one per message, in the order given
     */
    List<ClaimedMessage> enqueueInHand(List<NewMessage> messages, int workerId, int leaseSize, Connection connection);

    /** Whether the message was written, asked after a commit whose answer got lost. */
    boolean exists(UUID id);

    // ---- claim

    /** Takes messages out of READY and puts them under leases. Empty: nothing free from these cursors on. */
    List<ClaimedMessage> claim(ClaimRequest request);

    /** The payload of a held message in a new snapshot; empty: still not visible. */
    Optional<ClaimedMessage> reload(ClaimedMessage message);

    // ---- complete

    /**
     * Writes the ends of held messages in one transaction. What is missing in the answer was lost: somebody else holds or finished it, and nothing
     * was written. So is an end that the store refuses even without its details: it stays under its lease.
     */
    List<LeasePart> complete(int workerId, List<Completion> completions);

    /** The same in a transaction that belongs to a handler. */
    List<LeasePart> complete(int workerId, List<Completion> completions, Connection connection);

    /**
     * Gives back what this worker holds without knowing: leases of claims whose answer never came. Their messages go to READY, with nothing counted
     * against them.
     *
     * @param knownLeases what it does know of, read before this call
     * @param olderThan   younger leases may belong to a claim in flight and are left alone
     * @param only        leases that hold one of these messages; null: all
     */
    List<Arrival> releaseUnknown(
            int workerId, Collection<Long> knownLeases, Duration olderThan, @Nullable Collection<UUID> only);

    // ---- workers

    /** A new row for this process start; its id is never used again. */
    int register(UUID instance, String name, String version);

    void announce(int workerId, List<ConsumerRow> consumers);

    /** False: the row is gone, and with it every lease of this worker. */
    boolean beat(int workerId, UUID instance);

    /** A clean end: no lease may be left. */
    void deregister(int workerId);

    // ---- look

    /**
     * All that a process with nothing to do needs to ask, in one statement.
     *
     * @param floors ten values per queue, by priority
     * @param emptyAt a sample that became safe, and then all lanes of these queues were seen empty; null: not known. While nobody drew a number since,
     *     on the same server, the lanes are not looked at
     * @param dueFrom as for promote: what is due before is not looked at
     */
    Polled poll(
            int workerId,
            List<Integer> queueIds,
            long[] floors,
            @Nullable FloorSample emptyAt,
            @Nullable Instant dueFrom);

    FloorSample sampleFloor(boolean byWriters);

    boolean isSafe(FloorSample sample);

    /** Sends the other processes word of these arrivals. */
    void notifyOthers(Collection<Arrival> arrivals);

    // ---- jobs

    /** DELAYED to READY. {@code lastDueAt} of the answer is where the next look may start from. */
    Promoted promote(@Nullable Instant from, int limit);

    /**
     * When the next one is due; empty: nothing is delayed. As a wait, so that clocks need not agree.
     *
     * @param from as for promote: what is due before is not looked at
     */
    Optional<Duration> untilNextDue(@Nullable Instant from);

    /** The due messages, for promoting them one by one when a batch fails. */
    List<UUID> due(int limit);

    /** Promotes this one, or makes it a dead letter when it cannot be. */
    void promoteOrQuarantine(UUID messageId);

    /** Leases of silent workers back to READY. A lane whose messages all became dead letters is answered too, with count 0. */
    List<Arrival> rescue(Duration leaseTime, int limit);

    /** Waiting messages whose time to live ended, to EXPIRED; answers where the next look starts, null when all were seen. */
    @Nullable
    Expired expire(@Nullable Expired from, int limit);

    /**
     * What waits in queues deleted longer ago than this, to CANCELLED; answers how many. A delete empties its queue once, but an open transaction,
     * a retry or a rescue may still bring something.
     *
     * @param delayed also what is DELAYED, which is dearer to find
     */
    int cancelDeleted(Duration olderThan, int limit, boolean delayed);

    /** Moves on the bulk redrives that are on record and no other process is at, by what their rate allows in this time. */
    Redriven redriveSome(Duration elapsed);

    // ---- registry

    Optional<Message> find(UUID id);

    List<Message> find(MessageFilter filter);

    List<Message> next(MessageFilter filter);

    List<Message> removable(MessageFilter filter);

    List<Attempt> history(UUID id);

    List<String> explain(UUID id);

    /** State of each message that is known; for those waiting for an end. */
    Map<UUID, MessageState> states(Collection<UUID> ids);

    int cancel(UUID id);

    int reschedule(UUID id, Instant dueAt);

    int redrive(UUID id);

    /** Puts a bulk redrive on record; the job carries it out. */
    UUID planRedrive(MessageFilter filter, int perSecond);

    OperationRow operation(UUID id);

    void stopOperation(UUID id);

    // ---- operate

    List<QueueStats> stats(@Nullable String queue);

    void pause(String queue, boolean paused);

    long purge(String queue);

    void delete(String queue, boolean ifEmpty, boolean ifUnused);

    /** Sets every stored instant of waiting messages back by this much: time passes at once. For tests. */
    void advance(Duration time);

    /**
     * What a promotion moved.
     *
     * @param lastDueAt null when nothing moved
     */
    record Promoted(List<Arrival> arrivals, @Nullable Instant lastDueAt, int messages) {}

    /** How far a look at what expires got. By id too: many messages expire at one instant. */
    record Expired(Instant expiresAt, UUID id) {
        /** At an instant, before its first message. */
        public static final UUID BEFORE_ALL = new UUID(0, 0);
    }

    /** A bulk action as it stands. */
    record OperationRow(long planned, long done, boolean finished) {}
}

package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a worker process tells the database about itself and asks about its queues: its row and heartbeats, polls, the low watermark,
 * notifications. Thread-safe.
 *
 * <p>Each call is a transaction of its own. Failures are {@link StoreException}s; every call may be repeated. Times are the database's.
 */
public interface WorkerStore {
    /**
     * Writes a new worker row and answers its id, under which leases are taken. A repeat with the same instance answers the same row,
     * unless that one has been ended.
     *
     * @param instance a token nobody can guess: a restored server may give the same id to another process
     * @param name of the process, for people
     */
    int register(UUID instance, String name, String version);

    /**
     * Replaces the worker's consumers, as {@code explain} and people see them. An auto-delete queue goes when its last consumer goes with
     * this; one that was deleted just before a new consumer was announced is there again.
     */
    void announce(int workerId, List<ConsumerRow> consumers);

    /** Renews all leases of the worker by one heartbeat. False: the worker was declared dead, and every lease of it is lost. */
    boolean beat(int workerId, UUID instance);

    /**
     * Ends the worker, and deletes the queues that go with it. No lease should be left: one that is goes to rescue at once.
     *
     * @param instance the token it was registered with: after a failover its id may belong to another process, which goes on
     * @param leaseTime how long without a heartbeat other consumers of its auto-delete queues count as gone; null: this process cannot
     *     tell, and they count as alive
     */
    void deregister(int workerId, UUID instance, @Nullable Duration leaseTime);

    /** Ends the worker as above; other processes count as alive. */
    default void deregister(int workerId, UUID instance) {
        deregister(workerId, instance, null);
    }

    /**
     * Asks whether a poll could report anything new. Reads one row a queue for a digest: 3 ms for 10,000 queues.
     *
     * @param dueFrom as {@code from} of {@link JobStore#promote}
     */
    PollSummary summarize(int workerId, @Nullable Instant dueFrom);

    /** Asks for all queues of a process in one statement. Queues without news are left out. */
    PollResult poll(PollRequest request);

    /** Notes that the process has seen that these messages were cancelled. */
    void forgetCancelled(int workerId, Collection<UUID> messages);

    /**
     * Answers an order to stop: the consumer of this queue claims no more.
     *
     * @param instance the token of the worker: after a failover its id may belong to another process
     * @param held messages of the queue that the consumer still holds
     * @return false: it is not told to stop any more, or the worker is unknown; nothing was noted
     */
    boolean reportStopped(int workerId, UUID instance, int queueId, String queue, int held);

    /** Returns the ids of the queues that other live processes consume. */
    Set<Integer> consumedElsewhere(int workerId);

    /**
     * Samples the order of READY: the last number drawn, and the transactions that may still write numbers up to it.
     *
     * @param byWriters false: all transactions with older ids, which costs least. True: those that hold a lock for writing READY, so that a
     *     long transaction which writes other tables does not hold the low watermark back
     */
    WatermarkSample sampleWatermark(boolean byWriters);

    /** Whether every transaction of the sample has ended. It must be asked before the lowest rows are read. */
    boolean isSettled(WatermarkSample sample);

    /**
     * Returns the lanes in which new messages are READY that these dead letters went on as, through dead letter exchanges, in the last five
     * minutes.
     */
    Set<Lane> passedOn(Collection<UUID> dead);

    /** Most messages that one call of {@link #runWaitingSoon} makes due. */
    int MOST_RUN_SOON = 10_000;

    /**
     * Makes messages due that wait for an entry of an external system or its secret. Those that another transaction has locked are left.
     *
     * @param entry name of an entry that can be used again
     * @param before {@link RunSoon#bound} of an earlier call: what has begun to wait since is left; null: nothing is left for that reason
     */
    RunSoon runWaitingSoon(String entry, @Nullable String before);

    /**
     * What one call of {@link #runWaitingSoon} did.
     *
     * @param messages how many it made due; {@link #MOST_RUN_SOON}: there may be more
     * @param bound keeps messages out of later calls that begin to wait after this one, also those which this one made due
     */
    record RunSoon(int messages, String bound) {}

    /** Notifies other processes of these arrivals. */
    void notifyOthers(Collection<Arrival> arrivals);

    /** Ends the waits of all that listen, in this process too, with a notification that names no arrival. */
    void endWaits();
}

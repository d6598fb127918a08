package io.postroom.api;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Batches: messages that are worked off together, in any queues, and a completion message when all of them have ended. Thread-safe.
 *
 * <pre>{@code
 * UUID report = batches.create(CreateBatch.named("report 42").onCompletion(CreateMessage.to("reports.finished")));
 * queueMessages.createMessages(parts.stream()
 *         .map(part -> CreateMessage.to("reports.parts").payload(part).batch(report)).toList());
 * batches.seal(report);
 * }</pre>
 *
 * <p>{@link #create}, {@link #seal} and {@link #cancel(UUID)} join the transaction that is open on the thread, as {@code createMessage}
 * does; without one each commits at once. A batch that was created in a transaction takes members in the same one. {@link #find} and {@link
 * #list} read what is committed.
 *
 * <p>A batch is completed once, within two seconds after it was sealed and the last of its members and children has ended. DONE,
 * CANCELLED, EXPIRED and DEAD are ends. Any process with workers may complete it. A dead letter that is redriven before the
 * completion makes the batch wait for it; a redrive after that changes nothing about it. Completed batches are removed after seven days.
 */
public interface Batches {
    /**
     * Creates a batch and returns its id, with which messages become members: {@link CreateMessage#batch}.
     *
     * @throws InvalidMessageException the completion message breaks a limit, or the parent is unknown, not open, or has a parent itself
     */
    UUID create(CreateBatch batch);

    /**
     * Says that the batch gets no more members and children. A transaction that is adding some now is waited for by the completion, not by
     * this call. A batch without members is completed at once.
     *
     * @return false: it was sealed before
     * @throws BatchNotFoundException there is no such batch
     */
    boolean seal(UUID batch);

    /**
     * Cancels the batch and its children. They take no more members. Members that wait become CANCELLED with reason {@code
     * batch_cancelled}, within seconds; those in progress finish, and are cancelled should they be retried. Dead letters stay. Then the
     * batch is completed as any other, and its completion message tells that this was asked for.
     *
     * @return false: it was cancelled or completed before
     * @throws BatchNotFoundException there is no such batch
     */
    boolean cancel(UUID batch);

    /** As {@link #cancel(UUID)}, with a reason for the record. */
    boolean cancel(UUID batch, Reason reason);

    /** Finds a batch with its counts as of {@link Batch#countedAt}. Empty: it never was, or it was completed more than seven days ago. */
    Optional<Batch> find(UUID batch);

    /**
     * Lists batches, the newest first.
     *
     * @param withCompleted whether completed ones belong to the list
     * @param before only batches older than this one; empty: from the newest on
     * @param limit most batches, 1 to 1000
     * @throws InvalidMessageException the limit is out of bounds
     */
    List<Batch> list(boolean withCompleted, Optional<UUID> before, int limit);
}

package io.postroom.api;

import java.sql.Connection;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * The registry of messages: create, send, look up, move. Thread-safe.
 *
 * <p>Transactions: the create methods join the open transaction of the manager Postroom belongs to, else open and commit their own, and
 * refuse ({@link WrongTransactionException}) when a transaction of another manager is open. All other methods run in transactions of their
 * own.
 */
public interface QueueMessages {
    /** Creates a message with this payload and nothing else said. */
    Created createMessage(String queue, Object payload);

    /** Creates a message. In a caller's transaction it exists if and only if that commits; nothing is retried there. */
    Created createMessage(CreateMessage message);

    /**
     * Creates a message on the caller's connection: commits with it. Workers notice it by polling (1 s) unless {@link #wakeUp} is called after
     * the commit. The connection must be in a transaction (auto-commit off), or the message is committed at once.
     */
    Created createMessage(CreateMessage message, Connection connection);

    /** Creates all or none, at most 10,000, in one statement. Answers in the order given. */
    List<Created> createMessages(Collection<CreateMessage> messages);

    /**
     * Creates a message in a transaction shared with others that arrive within a few milliseconds. The future is done when it is durable. Refused
     * inside a transaction.
     */
    CompletableFuture<Created> createMessageAsync(CreateMessage message);

    /**
     * {@link #createMessage(CreateMessage)} plus a future of its end (DONE, DEAD, CANCELLED or EXPIRED), whichever process handles it. The future
     * fails when the transaction rolls back, and with this process.
     */
    CompletableFuture<SendResult> sendMessageAsync(CreateMessage message);

    /**
     * Stores the message under a lease, commits, runs one attempt on this thread and completes it. If this process dies in between, another takes
     * over. In a paused queue the message stays READY. Refused inside a transaction, with a delay, and without a handler in this process, before
     * anything is written.
     */
    SendResult sendMessageSync(CreateMessage message);

    /** Tells the workers of these queues, here and in other processes, that something was committed. */
    void wakeUp(String... queues);

    Optional<Message> find(UUID id);

    /** Newest first. */
    List<Message> find(MessageFilter filter);

    /** What happened to a message, oldest first; empty when it is not known or was purged. */
    List<Attempt> history(UUID id);

    /** Why a message is not running now, most important cause first. Each line is {@code code: sentence}. */
    List<String> explain(UUID id);

    /** What would be worked next, in that order, without changing anything. */
    List<Message> getMessagesQueue(MessageFilter filter);

    /** What RemoveQueueMessages would remove now, oldest first, without changing anything. */
    List<Message> getMessagesQueueForDelete(MessageFilter filter);

    /** Cancels the message where it still waits. Returns how many entries are CANCELLED now; 0: it was claimed, is dead, finished or unknown. */
    int cancel(UUID id);

    /** Moves a waiting message to another due time; one in the past means now. Returns how many entries were moved. */
    int reschedule(UUID id, Instant dueAt);

    /** Puts a dead letter back to READY with its failures and crashes forgotten. Returns how many entries were moved. */
    int redrive(UUID id);

    /**
     * Redrives the dead letters that match, so many a second, whatever process lives. It begins at once where this process has workers, else within 15
     * seconds.
     *
     * @throws InvalidMessageException on a rate below 1
     */
    Operation redrive(MessageFilter filter, int perSecond);
}

package io.postroom.api;

import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * The registry of messages: create, send, look up, move. Thread-safe.
 *
 * <p>Transactions: the create methods join the open transaction of the manager that Postroom belongs to. Without one they begin and commit
 * their own. They refuse ({@link WrongTransactionException}) when a transaction of another manager is open. All other methods run in
 * transactions of their own.
 *
 * <p>Errors: {@link InvalidMessageException} and {@link DuplicateMessageException} say that nothing was written. {@link StoreException}
 * says what may be done about a failure of the database. In a caller's transaction nothing is retried. Where the answer to a commit may
 * have been lost, a repeat with the same {@link CreateMessage#id} is safe.
 */
public interface QueueMessages {
    /** Creates a message with this payload and all defaults. */
    Created createMessage(String queue, Object payload);

    /** Creates a message. In a caller's transaction the message exists if and only if that commits. */
    Created createMessage(CreateMessage message);

    /**
     * Creates a message on the caller's connection, and commits with it. Workers notice it by polling (every second by default), unless
     * {@link #wakeUp} is called after the commit.
     *
     * @param connection in a transaction, with auto-commit off: else the message is committed at once
     */
    Created createMessage(CreateMessage message, Connection connection);

    /** Creates all messages or none, at most 10,000, in one statement. Answers one result a message, in the order given. */
    List<Created> createMessages(Collection<CreateMessage> messages);

    /**
     * Creates a message in a transaction that it shares with others which arrive within a few milliseconds. Refused inside a transaction.
     *
     * @return completed once the message is durable; exceptionally when it was not written
     */
    CompletableFuture<Created> createMessageAsync(CreateMessage message);

    /**
     * Creates a message as {@link #createMessage(CreateMessage)} does, and tells how it ended: DONE, DEAD, CANCELLED or EXPIRED, whichever
     * process handles it.
     *
     * @return completed exceptionally when the transaction rolls back, or when this process stops
     */
    CompletableFuture<SendResult> sendMessageAsync(CreateMessage message);

    /**
     * Stores the message under a lease, commits, runs one attempt on this thread and completes it. If this process dies in between, another
     * one takes over. In a paused queue and in an ordered one the message stays READY.
     *
     * <p>Refused before anything is written: inside a transaction ({@link WrongTransactionException}), with a delay ({@link
     * InvalidMessageException}), and without a handler in this process ({@link NoHandlerException}).
     */
    SendResult sendMessageSync(CreateMessage message);

    /**
     * Creates a request and waits for the reply of its handler, in whichever process that runs. All callers of this process share one reply
     * queue, which is exclusive to the process and goes with it.
     *
     * <p>The request gets the time limit as its time to live, so that no handler begins it after its caller has left. If it has no
     * correlation id, it gets a new one, and the reply has the same. If it ends DEAD, CANCELLED or EXPIRED, the wait ends at once; through
     * an exchange, where the first reply counts, it does not. When the thread is interrupted, the request is cancelled where it still
     * waits, and the interrupt stays set. Replies that come later are counted: {@link ReplyCounts}.
     *
     * <p>At least once: the request may be handled more than once, as any message. The reply is that of the attempt which completed it.
     *
     * <p>Refused before anything is written: inside a transaction ({@link WrongTransactionException}), because nobody sees the request
     * before the commit.
     *
     * @param request without a deduplication key and without a header {@code reply-to}
     * @param timeLimit how long to wait at most, from now; 1 ms to 24 h
     * @throws NoReplyException the time is over, the request ended in another way, the thread was interrupted, or Postroom stopped
     * @throws InvalidMessageException the request or the time limit is outside its limits
     */
    Reply sendAndReceive(CreateMessage request, Duration timeLimit);

    /**
     * Wakes the workers of these queues, here and in other processes, after messages were committed. A hint: polling finds them in any
     * case.
     */
    void wakeUp(String... queues);

    /** Finds a message; empty when it is not known or was purged. */
    Optional<Message> find(UUID id);

    /** Lists messages, the newest first, at most {@link MessageFilter#limit()}. */
    List<Message> find(MessageFilter filter);

    /**
     * Lists messages as {@link #find(MessageFilter)} does, and reads no payloads: {@link Message#payload()} is an empty text, as it
     * also is for a body without bytes. For lists of messages that may have 1 MiB each.
     */
    List<Message> findWithoutPayloads(MessageFilter filter);

    /**
     * Lists what happened to a message, the oldest first: the newest 1,000 steps. Empty when the message is not known or was purged.
     */
    List<Attempt> history(UUID id);

    /**
     * Lists what happened to all messages with this correlation id, the oldest first; empty when there is none, or all were purged. Answers
     * the same as {@code db/audit/path_of_correlation.sql}.
     *
     * @param correlationId compared exactly; 1 to 200 characters
     * @param limit most steps of the answer; 1 to 10,000
     * @throws InvalidMessageException one of the two is outside its limits
     */
    List<PathStep> path(String correlationId, int limit);

    /** Says why a message is not running now, the most important cause first. Each line is {@code code: sentence}. */
    List<String> explain(UUID id);

    /** Lists what would be worked next, in that order, without changing anything. */
    List<Message> getMessagesQueue(MessageFilter filter);

    /** Lists what RemoveQueueMessages would remove now, the oldest first, without changing anything. */
    List<Message> getMessagesQueueForDelete(MessageFilter filter);

    /**
     * Cancels the message where it still waits. Answers in how many queues it is CANCELLED now; 0: it was claimed, is dead, finished or
     * unknown.
     */
    int cancel(UUID id);

    /** As {@link #cancel(UUID)}, with a reason for the record. */
    int cancel(UUID id, Reason reason);

    /**
     * Cancels the message where it is in progress. Its handler is interrupted within {@code postroom.poll-interval}, unless it is one of a
     * batch, and {@code MessageContext.isStillOurs} is false then. What the handler has done stands; its result is refused and counts as a
     * lost lease. An ATOMIC handler cannot be cancelled: the call waits for its transaction, up to the lock timeout.
     *
     * @return in how many queues the message is CANCELLED now; 0: it was not in progress
     */
    int cancelRunning(UUID id);

    /** As {@link #cancelRunning(UUID)}, with a reason for the record. */
    int cancelRunning(UUID id, Reason reason);

    /**
     * Moves a waiting message to another due time; one in the past means now. Answers in how many queues it was moved; 0: it does not wait.
     */
    int reschedule(UUID id, Instant dueAt);

    /** As {@link #reschedule(UUID, Instant)}, with a reason for the record. */
    int reschedule(UUID id, Instant dueAt, Reason reason);

    /** Moves a dead letter to READY and sets its failures and crashes to 0. Answers in how many queues it was moved; 0: it is not dead. */
    int redrive(UUID id);

    /** As {@link #redrive(UUID)}, with a reason for the record. */
    int redrive(UUID id, Reason reason);

    /**
     * Redrives the dead letters that match, also after this process has ended: any process with workers carries it on. It begins at once if
     * this process has workers, else within 15 seconds.
     *
     * @param perSecond messages a second, 1 to 1,000,000
     * @throws InvalidMessageException the rate is outside these limits
     * @throws QueueNotFoundException the filter names a queue that does not exist
     */
    Operation redrive(MessageFilter filter, int perSecond);
}

package io.postroom.internal.producer;

import io.postroom.api.Deduplication.OnDuplicate;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.QueueFullException;
import io.postroom.api.SendResult;
import io.postroom.api.Transactions;
import io.postroom.internal.consumer.DirectDispatch;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.BatchStore;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.EnqueueStore;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import io.postroom.internal.storage.StoreErrors;
import io.postroom.internal.worker.EngineParts;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Writes checked messages in one transaction and a single try, and tells the engine after the commit. Thread-safe.
 *
 * <ol>
 *   <li>Finds the transaction: the caller's if one is open on the thread, else one that is begun for these messages.
 *   <li>Stores them: by direct dispatch ({@link #writeDirect}), or into READY or DELAYED.
 *   <li>Refuses a message whose id or deduplication key is taken by another content.
 *   <li>After the commit wakes consumers, or the job that promotes delayed messages.
 * </ol>
 */
final class MessageWriter {
    private final EnqueueStore store;
    private final BatchMembers batches;
    private final Transactions transactions;
    private final QueueCache queues;
    private final RouteWriter routes;
    private final EngineParts worker;
    private final Runnable promoteSoon;

    MessageWriter(
            EnqueueStore store,
            BatchStore batches,
            Transactions transactions,
            QueueCache queues,
            RouteWriter routes,
            EngineParts worker,
            Runnable promoteSoon) {
        this.store = store;
        this.batches = new BatchMembers(batches);
        this.transactions = transactions;
        this.queues = queues;
        this.routes = routes;
        this.worker = worker;
        this.promoteSoon = promoteSoon;
    }

    /** Writes into READY or DELAYED. Joins the caller's transaction if one is open. */
    List<EnqueueResult> write(List<NewMessage> messages) {
        return arePlain(messages)
                ? transactions.joinOrCommitAtOnce(transaction -> writeReady(messages, transaction))
                : transactions.join(transaction -> writeReady(messages, transaction));
    }

    /**
     * Writes in a transaction of its own: by direct dispatch where a consumer of this process begins one for all the messages, else like
     * {@link #write}. No transaction may be open on the thread. A caller's transaction may last, and it would keep the consumer's threads
     * from other messages.
     */
    List<EnqueueResult> writeDirect(List<NewMessage> messages) {
        if (!arePlain(messages)) {
            return write(messages);
        }
        AtomicReference<@Nullable DirectDispatch> reserved = new AtomicReference<>();
        try {
            return transactions.joinOrCommitAtOnce(transaction -> {
                // Only now, with a connection. A direct dispatch begun before it would keep threads from other messages
                // during the wait for a connection.
                DirectDispatch dispatch =
                        worker.directDispatches().begin(messages).orElse(null);
                reserved.set(dispatch);
                return dispatch == null
                        ? writeReady(messages, transaction)
                        : writeLeasedOrReady(messages, dispatch, transaction);
            });
        } catch (Throwable notStored) {
            DirectDispatch dispatch = reserved.get();
            if (dispatch != null) {
                dispatch.giveBack();
            }
            throw notStored;
        }
    }

    /** Writes on a connection of the caller's. Wakes nobody: Postroom does not learn of that commit. A poll finds the message. */
    EnqueueResult writeOn(Connection connection, NewMessage message) {
        return enqueue(connection, true, false, List.of(message)).results.get(0);
    }

    /** Writes all the messages on a connection of the engine's own, in a transaction that it commits. Then call {@link #committed}. */
    Written writeAll(Connection connection, List<NewMessage> messages) {
        return enqueue(connection, false, true, messages);
    }

    /** Tells the engine of messages that {@link #writeAll} wrote. */
    void committed(Written written) {
        tellEngine(written);
    }

    /** Writes in the caller's transaction, and returns a future of the message's end, which a rollback ends. */
    CompletableFuture<SendResult> writeAndWatch(NewMessage message) {
        List<NewMessage> one = List.of(message);
        return transactions.join(transaction -> {
            Written written = enqueue(transaction.connection(), transaction.isCallers(), true, one);
            EnqueueResult result = written.results.get(0);
            CompletableFuture<SendResult> end = worker.futures().watch(result.id());
            transaction.afterCommit(() -> tellEngine(written));
            transaction.afterRollback(() -> worker.futures().rolledBack(result.id()));
            return end;
        });
    }

    private static boolean arePlain(List<NewMessage> messages) {
        for (NewMessage message : messages) {
            if (!message.isPlain() || message.batch() != null) { // a member is more than one statement
                return false;
            }
        }
        return true;
    }

    private List<EnqueueResult> writeReady(List<NewMessage> messages, Transactions.Open transaction) {
        Written written = enqueue(transaction.connection(), transaction.isCallers(), true, messages);
        transaction.afterCommit(() -> tellEngine(written));
        return written.results;
    }

    private List<EnqueueResult> writeLeasedOrReady(
            List<NewMessage> messages, DirectDispatch dispatch, Transactions.Open transaction) {
        try {
            return writeLeased(messages, dispatch, transaction);
        } catch (QueueChangedException changed) {
            dispatch.giveBack();
            return writeReady(messages, transaction);
        }
    }

    private List<EnqueueResult> writeLeased(
            List<NewMessage> messages, DirectDispatch dispatch, Transactions.Open transaction) {
        List<ClaimedMessage> leased =
                store.enqueueDirect(messages, dispatch.workerId(), dispatch.leaseSize(), transaction.connection());
        transaction.afterCommit(() -> dispatch.fill(leased));
        return messages.stream()
                .map(message -> new EnqueueResult(message.id(), true, true, 0, message.queues()))
                .toList();
    }

    /**
     * Stores all the messages or none. A clash is known only after the statement, and a caller who catches the exception and commits must
     * not commit half of the messages.
     *
     * @param announced whether the engine is told of the messages after the commit, and so needs their numbers
     */
    private Written enqueue(Connection connection, boolean isCallers, boolean announced, List<NewMessage> messages) {
        boolean mayClash = false;
        for (NewMessage message : messages) { // no stream: this runs for each single message
            mayClash |= message.givenId() || message.deduplicationKey() != null;
        }
        try {
            Savepoint before = mayClash && isCallers && !connection.getAutoCommit() ? connection.setSavepoint() : null;
            Written written;
            try {
                written = storeWithBatches(messages, announced, connection);
                refuseClashes(messages, written.results);
            } catch (DuplicateMessageException | QueueFullException refused) {
                if (before != null) {
                    connection.rollback(before); // a message that was replaced is back, too
                }
                throw refused;
            }
            if (before != null) {
                connection.releaseSavepoint(before);
            }
            return written;
        } catch (SQLException error) {
            String what = messages.size() == 1 ? "message " + messages.get(0).id() : messages.size() + " messages";
            throw StoreErrors.translate("enqueue " + what + " in the open transaction", error);
        }
    }

    private Written storeWithBatches(List<NewMessage> messages, boolean announced, Connection connection)
            throws SQLException {
        if (!BatchMembers.areAnyIn(messages)) {
            return store(messages, announced, connection);
        }
        batches.lock(messages, connection);
        Written written = store(messages, announced, connection);
        batches.add(written, connection);
        return written;
    }

    /**
     * Stores the messages. Looks their queues up again if the database knows them under other numbers than this process remembers, has
     * other bindings, or has given a queue a maximum length.
     */
    private Written store(List<NewMessage> messages, boolean announced, Connection connection) {
        return routes.write(messages, connection, known -> {
            try {
                return storeOnce(known, announced, connection);
            } catch (QueueChangedException changed) {
                return storeAgain(lookedUpAgain(known), connection);
            }
        });
    }

    private Written storeOnce(List<NewMessage> messages, boolean announced, Connection connection) {
        if (queues.areAnyLimited(messages) || doAnyLookAtHolders(messages)) {
            return new Written(messages, store.enqueueLimited(messages, connection));
        }
        if (messages.size() > 1) {
            return new Written(messages, store.enqueue(messages, connection));
        }
        NewMessage message = messages.get(0);
        return new Written(
                messages,
                List.of(announced ? store.enqueue(message, connection) : store.enqueueUnnumbered(message, connection)));
    }

    private static boolean doAnyLookAtHolders(List<NewMessage> messages) {
        for (NewMessage message : messages) { // no stream: this runs for each single message
            if (message.looksAtHolder()) {
                return true;
            }
        }
        return false;
    }

    private List<NewMessage> lookedUpAgain(List<NewMessage> messages) {
        Map<String, Integer> ids = new HashMap<>();
        for (NewMessage message : messages) {
            message.queues().forEach(queues::forget);
            if (message.targets() == null) {
                ids.computeIfAbsent(message.queue(), name -> queues.lookUp(name).id());
            }
        }
        return messages.stream()
                .map(message -> message.targets() == null
                        ? message.withQueueId(ids.get(message.queue()))
                        : routes.routeAgain(message))
                .toList();
    }

    /**
     * Stores messages whose queues were looked up just now. They are unknown only to a snapshot that is older than the queue or the
     * bindings, or whose transaction changed these itself.
     */
    private Written storeAgain(List<NewMessage> renewed, Connection connection) {
        return routes.write(renewed, connection, known -> {
            try {
                return storeOnce(known, true, connection);
            } catch (QueueChangedException olderSnapshot) {
                return routes.writeAllRouted(
                        known, connection, chosen -> new Written(chosen, store.enqueueLookedUp(chosen, connection)));
            }
        });
    }

    /**
     * Refuses all the messages when one clashes. A transaction of Postroom's own rolls back; what becomes of the caller's is the caller's
     * decision.
     */
    private void refuseClashes(List<NewMessage> messages, List<EnqueueResult> results) {
        for (int i = 0; i < messages.size(); i++) {
            if (!results.get(i).sameContent()) {
                throw clash(messages.get(i), results.get(i));
            }
        }
    }

    private DuplicateMessageException clash(NewMessage message, EnqueueResult existing) {
        boolean byId = existing.id().equals(message.id());
        String field = byId ? "id" : "deduplicationKey";
        String value = byId ? message.id().toString() : String.valueOf(message.deduplicationKey());
        String exchange = message.content().exchange();
        return exchange == null || exchange.isEmpty()
                ? new DuplicateMessageException(
                        queues.nameOf(message.queueId()), field, value, existing.id(), existing.stateThere())
                : DuplicateMessageException.ofExchange(exchange, field, value, existing.id(), existing.stateThere());
    }

    private void tellEngine(Written written) {
        Map<Lane, Arrival> arrivals = new HashMap<>(4);
        boolean delayed = false;
        for (int i = 0; i < written.messages.size(); i++) {
            NewMessage message = written.messages.get(i);
            EnqueueResult result = written.results.get(i);
            if (!result.isNew() || result.seq() == 0) {
                delayed |= result.isNew() || isRescheduled(message);
            } else if (message.targets() == null) {
                arrived(message.queueId(), message, result, arrivals);
            } else {
                message.targets().queues().forEach(target -> arrived(target.queueId(), message, result, arrivals));
            }
        }
        worker.notifier().wake(arrivals.values());
        if (delayed) {
            promoteSoon.run();
        }
    }

    private static boolean isRescheduled(NewMessage message) {
        return message.deduplication().onDuplicate() == OnDuplicate.RESCHEDULE;
    }

    private static void arrived(int queueId, NewMessage message, EnqueueResult result, Map<Lane, Arrival> arrivals) {
        Lane lane = new Lane(queueId, message.priority());
        arrivals.merge(lane, new Arrival(lane, result.seq(), 1), Arrival::mergedWith);
    }

    /** Messages as they were stored, under the numbers that their queues have now, and what became of each. */
    record Written(List<NewMessage> messages, List<EnqueueResult> results) {}
}

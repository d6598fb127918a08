package io.postroom.internal.producer;

import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Operation;
import io.postroom.api.QueueMessages;
import io.postroom.api.SendResult;
import io.postroom.api.StoreException;
import io.postroom.api.Transactions;
import io.postroom.api.WrongTransactionException;
import io.postroom.internal.consumer.DirectDispatch;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.StoreErrors;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.worker.Engine;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The registry: checks what comes in, writes it in the right transaction, tells the engine after the commit. Thread-safe.
 *
 * <p>In a caller's transaction nothing is retried. In one of our own, a failure that may pass is tried again; when it hit the commit, whose fate is then
 * unknown, the message is looked for by its id first, so that it exists once.
 */
public final class DefaultQueueMessages implements QueueMessages {
    private static final int TRIES = 5;
    private static final int FIRST_WAIT_MILLIS = 20;

    private final Stores stores;
    private final Transactions transactions;
    private final MessageEncoder encoder;
    private final QueueCache queues;
    private final Engine engine;
    private final Runnable promoteSoon;
    private final Runnable redriveSoon;
    private final AsyncGroupCommit groupCommit;
    private final SyncGroupCommit sharedCommit;

    public DefaultQueueMessages(
            Stores stores,
            Transactions transactions,
            MessageEncoder encoder,
            QueueCache queues,
            Engine engine,
            Runnable promoteSoon,
            Runnable redriveSoon) {
        this.stores = stores;
        this.transactions = transactions;
        this.encoder = encoder;
        this.queues = queues;
        this.engine = engine;
        this.promoteSoon = promoteSoon;
        this.redriveSoon = redriveSoon;
        this.groupCommit = new AsyncGroupCommit(this::createEncoded);
        // A group is written once: its members repeat what may pass on their own threads, at the same time.
        this.sharedCommit =
                new SyncGroupCommit(rows -> rows.size() == 1 ? writeAlone(rows) : writeNew(rows), this::writeAgain);
    }

    public void close() {
        groupCommit.close();
    }

    // ---- create

    @Override
    public Created createMessage(String queue, Object payload) {
        return createMessage(CreateMessage.to(queue).payload(payload));
    }

    @Override
    public Created createMessage(CreateMessage message) {
        return create(List.of(message)).get(0);
    }

    @Override
    public List<Created> createMessages(Collection<CreateMessage> messages) {
        if (messages.size() > Limits.BATCH) {
            throw new InvalidMessageException(
                    "messages",
                    "at most " + Limits.BATCH + " at once",
                    messages.size() + " messages",
                    "Send several batches");
        }
        return messages.isEmpty() ? List.of() : create(messages);
    }

    @Override
    public Created createMessage(CreateMessage message, Connection connection) {
        NewMessage row = encoder.encode(message);
        EnqueueResult enqueued = writeOn(connection, true, List.of(row)).get(0);
        return answer(message.queue(), row, enqueued);
    }

    @Override
    public CompletableFuture<Created> createMessageAsync(CreateMessage message) {
        refuseTransaction("createMessageAsync", "createMessage, which joins it");
        return groupCommit.add(message.queue(), encoder.encode(message));
    }

    private List<Created> create(Collection<CreateMessage> messages) {
        List<CreateMessage> given = List.copyOf(messages);
        List<NewMessage> rows = new ArrayList<>(given.size());
        for (int i = 0; i < given.size(); i++) {
            rows.add(encodeOneOf(given, i));
        }
        return answers(given, rows, createEncoded(rows));
    }

    private NewMessage encodeOneOf(List<CreateMessage> given, int index) {
        try {
            return encoder.encode(given.get(index));
        } catch (InvalidMessageException refused) {
            if (given.size() == 1) {
                throw refused;
            }
            throw refused.inBatch(index);
        }
    }

    private List<EnqueueResult> createEncoded(List<NewMessage> rows) {
        return transactions.isOpen()
                ? write(rows)
                : rows.size() == 1 ? List.of(writeAlone(rows.get(0))) : writeAlone(rows);
    }

    /** Shares its commit with others that come at the same time, unless it might wait for somebody. */
    private EnqueueResult writeAlone(NewMessage row) {
        return row.isPlain() ? sharedCommit.add(row) : writeAlone(List.of(row)).get(0);
    }

    private List<EnqueueResult> write(List<NewMessage> rows) {
        boolean isOneStatement = rows.stream().allMatch(NewMessage::isPlain);
        return isOneStatement
                ? transactions.joinOrCommitAtOnce(transaction -> writeReady(rows, transaction))
                : transactions.join(transaction -> writeReady(rows, transaction));
    }

    private List<EnqueueResult> writeReady(List<NewMessage> rows, Transactions.Open transaction) {
        List<EnqueueResult> enqueued = writeOn(transaction.connection(), transaction.isCallers(), rows);
        transaction.afterCommit(() -> tellEngine(rows, enqueued));
        return enqueued;
    }

    /** In a transaction of our own: into the hands of this process where it has room for them, else into READY. */
    private List<EnqueueResult> writeNew(List<NewMessage> rows) {
        if (!rows.stream().allMatch(NewMessage::isPlain)) {
            return write(rows);
        }
        AtomicReference<@Nullable DirectDispatch> kept = new AtomicReference<>();
        try {
            return transactions.joinOrCommitAtOnce(transaction -> {
                // With the connection in hand: room kept while waiting for one would be nobody's.
                DirectDispatch room = engine.reserve(rows).orElse(null);
                kept.set(room);
                return room == null ? writeReady(rows, transaction) : writeInHand(rows, room, transaction);
            });
        } catch (Throwable notStored) {
            DirectDispatch room = kept.get();
            if (room != null) {
                room.giveBack();
            }
            throw notStored;
        }
    }

    private List<EnqueueResult> writeInHand(List<NewMessage> rows, DirectDispatch room, Transactions.Open transaction) {
        List<ClaimedMessage> held =
                stores.enqueue().enqueueDirect(rows, room.workerId(), room.leaseSize(), transaction.connection());
        transaction.afterCommit(() -> room.fill(held));
        return held.stream()
                .map(message -> new EnqueueResult(message.id(), true, true, 0))
                .toList();
    }

    /** A clash of content is known only after the statement: a caller who catches it and commits must not commit half of it. */
    private List<EnqueueResult> writeOn(Connection connection, boolean callers, List<NewMessage> rows) {
        boolean mayClash = rows.stream().anyMatch(row -> row.givenId() || row.deduplicationKey() != null);
        try {
            Savepoint before = mayClash && callers && !connection.getAutoCommit() ? connection.setSavepoint() : null;
            List<EnqueueResult> enqueued = enqueue(connection, rows);
            try {
                refuseDuplicates(rows, enqueued);
            } catch (DuplicateMessageException clash) {
                if (before != null) {
                    connection.rollback(before);
                }
                throw clash;
            }
            if (before != null) {
                connection.releaseSavepoint(before);
            }
            return enqueued;
        } catch (SQLException error) {
            throw StoreErrors.translate("guard the caller's transaction with a savepoint", error);
        }
    }

    private List<EnqueueResult> enqueue(Connection connection, List<NewMessage> rows) {
        return rows.size() == 1
                ? List.of(stores.enqueue().enqueue(rows.get(0), connection))
                : stores.enqueue().enqueue(rows, connection);
    }

    /** A transaction of our own: repeats what may pass, and finds out whether a commit whose answer was lost took place. */
    private List<EnqueueResult> writeAlone(List<NewMessage> rows) {
        List<NewMessage> toWrite = rows;
        for (int attempt = 1; ; attempt++) {
            try {
                return toWrite == rows ? writeNew(rows) : asOurOwn(rows, write(toWrite));
            } catch (RuntimeException error) {
                if (!StoreErrors.mayPass(error)) {
                    throw error;
                }
                if (attempt == TRIES) {
                    throw fateOf(rows, error);
                }
                waitBefore(attempt);
                // The ids are ours: what the lost commit wrote is recognised as "was there".
                toWrite = rows.stream().map(NewMessage::withGivenId).toList();
            }
        }
    }

    /** What failed as one of a group: whether it was stored is not known. */
    private EnqueueResult writeAgain(NewMessage row) {
        return asOurOwn(List.of(row), writeAlone(List.of(row.withGivenId()))).get(0);
    }

    private List<EnqueueResult> asOurOwn(List<NewMessage> rows, List<EnqueueResult> enqueued) {
        List<EnqueueResult> own = new ArrayList<>(rows.size());
        for (int i = 0; i < rows.size(); i++) {
            EnqueueResult one = enqueued.get(i);
            boolean wroteIt = one.isNew()
                    || !rows.get(i).givenId() && one.id().equals(rows.get(i).id());
            own.add(new EnqueueResult(one.id(), wroteIt, one.sameContent(), one.seq()));
        }
        return own;
    }

    private StoreException fateOf(List<NewMessage> rows, RuntimeException error) {
        return new StoreException(
                "could not be stored in " + TRIES + " tries, and whether the last one was is not known: ask find(\""
                        + rows.get(0).id() + "\"), or repeat with .id(...) of that value, which is safe. "
                        + error.getMessage(),
                StoreException.Kind.UNAVAILABLE,
                "",
                error);
    }

    private static void waitBefore(int attempt) {
        long millis = (long) FIRST_WAIT_MILLIS << attempt;
        LockSupport.parkNanos(
                Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis))
                        .toNanos());
    }

    /** One message of another content refuses the whole transaction of ours, and leaves the caller's to the caller. */
    private void refuseDuplicates(List<NewMessage> rows, List<EnqueueResult> enqueued) {
        for (int i = 0; i < rows.size(); i++) {
            if (!enqueued.get(i).sameContent()) {
                throw duplicate(rows.get(i), enqueued.get(i));
            }
        }
    }

    private DuplicateMessageException duplicate(NewMessage row, EnqueueResult existing) {
        boolean byId = existing.id().equals(row.id());
        return new DuplicateMessageException(
                queues.nameOf(row.queueId()),
                byId ? "id" : "deduplicationKey",
                byId ? row.id().toString() : String.valueOf(row.deduplicationKey()),
                existing.id());
    }

    private void tellEngine(List<NewMessage> rows, List<EnqueueResult> enqueued) {
        Map<Lane, Arrival> arrivals = new HashMap<>(4);
        boolean delayed = false;
        for (int i = 0; i < rows.size(); i++) {
            EnqueueResult one = enqueued.get(i);
            if (one.isNew() && one.seq() > 0) {
                Lane lane = new Lane(rows.get(i).queueId(), rows.get(i).priority());
                arrivals.merge(
                        lane,
                        new Arrival(lane, one.seq(), 1),
                        (a, b) -> new Arrival(lane, Math.min(a.lowestSeq(), b.lowestSeq()), a.count() + b.count()));
            } else {
                delayed |= one.isNew();
            }
        }
        engine.wake(arrivals.values());
        if (delayed) {
            promoteSoon.run();
        }
    }

    private Created answer(String queue, NewMessage row, EnqueueResult enqueued) {
        if (!enqueued.sameContent()) {
            throw duplicate(row, enqueued);
        }
        return new Created(enqueued.id(), enqueued.isNew(), List.of(queue));
    }

    private List<Created> answers(List<CreateMessage> given, List<NewMessage> rows, List<EnqueueResult> enqueued) {
        List<Created> answers = new ArrayList<>(rows.size());
        for (int i = 0; i < rows.size(); i++) {
            answers.add(answer(given.get(i).queue(), rows.get(i), enqueued.get(i)));
        }
        return answers;
    }

    // ---- send

    @Override
    public CompletableFuture<SendResult> sendMessageAsync(CreateMessage message) {
        NewMessage row = encoder.encode(message);
        return transactions.isOpen() ? sendInCallersTransaction(row) : sendAlone(row);
    }

    private CompletableFuture<SendResult> sendInCallersTransaction(NewMessage row) {
        return transactions.join(transaction -> {
            EnqueueResult enqueued = writeOn(transaction.connection(), transaction.isCallers(), List.of(row))
                    .get(0);
            CompletableFuture<SendResult> end = engine.watchEnd(enqueued.id());
            transaction.afterCommit(() -> tellEngine(List.of(row), List.of(enqueued)));
            transaction.afterRollback(() -> engine.rolledBack(enqueued.id()));
            return end;
        });
    }

    private CompletableFuture<SendResult> sendAlone(NewMessage row) {
        CompletableFuture<SendResult> end =
                engine.watchEnd(row.id()); // before the commit: it may end before this thread goes on
        try {
            EnqueueResult enqueued = writeAlone(row);
            return enqueued.id().equals(row.id()) ? end : watchOther(end, enqueued.id());
        } catch (RuntimeException notWritten) {
            end.cancel(false);
            throw notWritten;
        }
    }

    private CompletableFuture<SendResult> watchOther(CompletableFuture<SendResult> unused, UUID existing) {
        unused.cancel(false);
        return engine.watchEnd(existing);
    }

    @Override
    public SendResult sendMessageSync(CreateMessage message) {
        refuseTransaction("sendMessageSync", "sendMessageAsync, which joins it");
        if (message.delay().isPresent() || message.dueAt().isPresent()) {
            throw new InvalidMessageException(
                    "delay",
                    "left out in sendMessageSync",
                    "a due time",
                    "Use createMessage for a message that is to wait");
        }
        NewMessage row = encoder.encode(message);
        engine.requireHandler(
                message.queue(), row.content().type(), row.content().version());
        QueueRow queue = queues.ask(message.queue());
        if (queue.paused()) {
            Created created = createMessage(message.id(row.id()));
            return stateOf(created.id());
        }
        return engine.sendNow(row).orElseGet(() -> {
            Created existing = createMessage(message); // tells a repeat from a clash
            return stateOf(existing.id());
        });
    }

    private SendResult stateOf(UUID id) {
        MessageState state = stores.queries().states(List.of(id)).getOrDefault(id, MessageState.READY);
        return new SendResult(id, state, Optional.empty(), Optional.empty());
    }

    private void refuseTransaction(String method, String instead) {
        if (transactions.isOpen()) {
            throw new WrongTransactionException(
                    method + " commits on its own and was called with a transaction open on this thread. Use " + instead
                            + ", or call it after the commit");
        }
    }

    // ---- move and look

    @Override
    public void wakeUp(String... names) {
        List<Arrival> arrivals = new ArrayList<>();
        for (String name : names) {
            int id = queues.get(name).id();
            for (int priority = 0; priority <= 9; priority++) {
                arrivals.add(new Arrival(new Lane(id, priority), Long.MAX_VALUE, 0));
            }
        }
        engine.wake(arrivals);
        engine.pollNow();
    }

    @Override
    public Optional<Message> find(UUID id) {
        return stores.queries().find(id);
    }

    @Override
    public List<Message> find(MessageFilter filter) {
        return stores.queries().find(filter);
    }

    @Override
    public List<Attempt> history(UUID id) {
        return stores.queries().history(id);
    }

    @Override
    public List<String> explain(UUID id) {
        return stores.queries().explain(id);
    }

    @Override
    public List<Message> getMessagesQueue(MessageFilter filter) {
        return stores.queries().next(filter);
    }

    @Override
    public List<Message> getMessagesQueueForDelete(MessageFilter filter) {
        return stores.queries().removable(filter);
    }

    @Override
    public int cancel(UUID id) {
        return stores.operator().cancel(id);
    }

    @Override
    public int reschedule(UUID id, Instant dueAt) {
        int moved = stores.operator().reschedule(id, dueAt);
        promoteSoon.run();
        return moved;
    }

    @Override
    public int redrive(UUID id) {
        int moved = stores.operator().redrive(id);
        engine.pollNow();
        return moved;
    }

    @Override
    public Operation redrive(MessageFilter filter, int perSecond) {
        if (perSecond < 1 || perSecond > 1_000_000) {
            throw new InvalidMessageException("perSecond", "1 to 1000000", String.valueOf(perSecond));
        }
        RecordedOperation planned =
                new RecordedOperation(stores.operator(), stores.operator().planRedrive(filter, perSecond));
        redriveSoon.run();
        return planned;
    }
}

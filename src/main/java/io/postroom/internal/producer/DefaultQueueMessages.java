package io.postroom.internal.producer;

import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Operation;
import io.postroom.api.PathStep;
import io.postroom.api.QueueMessages;
import io.postroom.api.Reason;
import io.postroom.api.Reply;
import io.postroom.api.SendResult;
import io.postroom.api.Transactions;
import io.postroom.api.WrongTransactionException;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.worker.EngineParts;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Creates, sends, moves and finds messages: the class behind {@link QueueMessages}. Only decides which way a message goes; {@link
 * MessageEncoder} checks it, and {@link MessageWriter} stores it. Thread-safe.
 *
 * <p>In a caller's transaction nothing is repeated. In a transaction of Postroom's own, {@link RetryingWriter} repeats what may pass.
 */
public final class DefaultQueueMessages implements QueueMessages {
    private static final int PRIORITIES = 10;

    private final Stores stores;
    private final Transactions transactions;
    private final MessageEncoder encoder;
    private final QueueCache queues;
    private final EngineParts worker;
    private final Runnable promoteSoon;
    private final DefaultDeadLetters deadLetters;
    private final MessageWriter writer;
    private final GroupCommits groupCommits;
    private final AsyncGroupCommit asyncGroupCommit;
    private final Requester requester;

    /**
     * @param promoteSoon asks the job that promotes delayed messages to look for new due times
     * @param deadLetters redrives many
     */
    public DefaultQueueMessages(
            Stores stores,
            Transactions transactions,
            MessageEncoder encoder,
            QueueCache queues,
            Router router,
            EngineParts worker,
            Runnable promoteSoon,
            DefaultDeadLetters deadLetters) {
        this.stores = stores;
        this.transactions = transactions;
        this.encoder = encoder;
        this.queues = queues;
        this.worker = worker;
        this.promoteSoon = promoteSoon;
        this.deadLetters = deadLetters;
        RouteWriter routes = new RouteWriter(router, stores.routing(), stores.enqueue());
        this.writer = new MessageWriter(
                stores.enqueue(), stores.batches(), transactions, queues, routes, worker, promoteSoon);
        Predicate<NewMessage> isLimited = message -> queues.areAnyLimited(List.of(message));
        this.groupCommits = new GroupCommits(new RetryingWriter(writer), isLimited);
        this.asyncGroupCommit = new AsyncGroupCommit(
                groupCommits::write,
                message -> message.mayBeThere() || isLimited.test(message),
                worker.guard("a callback of createMessageAsync"));
        this.requester = new Requester(encoder, groupCommits, stores.queries(), stores.operator(), worker);
    }

    /** What creates the messages of schedules, in the way of all messages. */
    public ScheduleMessages scheduled() {
        return new ScheduleMessages(encoder, writer);
    }

    /** What creates the messages of imported files, in the way of all messages. */
    public ImportedMessages imported() {
        return new FileMessages(encoder, writer);
    }

    /** Writes what {@link #createMessageAsync} still has to write. */
    public void close() {
        asyncGroupCommit.close();
    }

    // ---- create

    @Override
    public Created createMessage(String queue, Object payload) {
        return createMessage(CreateMessage.to(queue).payload(payload));
    }

    @Override
    public Created createMessage(CreateMessage message) {
        return create(message);
    }

    @Override
    public List<Created> createMessages(Collection<CreateMessage> messages) {
        if (messages.size() > Limits.BATCH) {
            throw new InvalidMessageException(
                    "messages",
                    "at most " + Limits.BATCH + " at once",
                    messages.size() + " messages",
                    "Call createMessages several times");
        }
        return switch (messages.size()) {
            case 0 -> List.of();
            case 1 -> List.of(create(messages.iterator().next()));
            default -> createBulk(messages);
        };
    }

    @Override
    public Created createMessage(CreateMessage message, Connection connection) {
        return writer.writeOn(connection, encoder.encode(message)).created();
    }

    @Override
    public CompletableFuture<Created> createMessageAsync(CreateMessage message) {
        refuseTransaction("createMessageAsync", "createMessage, which joins it");
        return asyncGroupCommit.add(encoder.encode(message));
    }

    private Created create(CreateMessage message) {
        return stored(List.of(encoder.encode(message))).get(0);
    }

    private List<Created> createBulk(Collection<CreateMessage> messages) {
        List<CreateMessage> given = new ArrayList<>(messages.size());
        List<NewMessage> encoded = new ArrayList<>(messages.size());
        for (CreateMessage message : List.copyOf(messages)) {
            try {
                given.add(encoder.interceptedInBulk(message));
                encoded.add(encoder.encodeIntercepted(given.get(given.size() - 1)));
            } catch (InvalidMessageException refused) {
                throw refused.inBatch(encoded.size());
            }
        }
        return encoder.aroundBulk(Collections.unmodifiableList(given), () -> stored(encoded));
    }

    private List<Created> stored(List<NewMessage> encoded) {
        List<EnqueueResult> results = transactions.isOpen() ? writer.write(encoded) : groupCommits.write(encoded);
        return results.stream().map(EnqueueResult::created).toList();
    }

    // ---- send

    @Override
    public CompletableFuture<SendResult> sendMessageAsync(CreateMessage message) {
        NewMessage encoded = encoder.encode(message);
        refuseExchange(encoded, "sendMessageAsync");
        return transactions.isOpen() ? writer.writeAndWatch(encoded) : sendAlone(encoded);
    }

    private CompletableFuture<SendResult> sendAlone(NewMessage message) {
        // Before the commit: the message may end before this thread goes on.
        CompletableFuture<SendResult> end = worker.futures().watch(message.id());
        try {
            UUID stored = groupCommits.write(List.of(message)).get(0).id();
            return stored.equals(message.id()) ? end : watchOther(end, stored);
        } catch (RuntimeException notWritten) {
            end.cancel(false);
            throw notWritten;
        }
    }

    private CompletableFuture<SendResult> watchOther(CompletableFuture<SendResult> unused, UUID existing) {
        unused.cancel(false);
        return worker.futures().watch(existing);
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
        if (message.batch().isPresent()) {
            throw new InvalidMessageException(
                    "batch",
                    "left out in sendMessageSync",
                    message.batch().get().toString(),
                    "Use createMessage for a member of a batch");
        }
        NewMessage encoded = encoder.encode(message);
        refuseExchange(encoded, "sendMessageSync");
        worker.syncSender()
                .requireHandler(
                        message.queue(),
                        encoded.content().type(),
                        encoded.content().version());
        QueueRow queue = queues.current(message.queue());
        if (queue.paused()
                || queue.ordered()
                || queue.fair()
                || queue.hasLimiter()) { // a claim decides which message is next, and when
            return stateOf(createMessage(message.id(encoded.id())).id());
        }
        return worker.syncSender().sendNow(encoded.withQueueId(queue.id())).orElseGet(() -> {
            Created existing = createMessage(message); // refuses a message whose id or key is taken by another content
            return stateOf(existing.id());
        });
    }

    @Override
    public Reply sendAndReceive(CreateMessage request, Duration timeLimit) {
        if (transactions.isOpen()) {
            throw new WrongTransactionException(
                    "sendAndReceive was called with a transaction open on this thread: nobody would see the request before its commit,"
                            + " and so nobody could reply. Call it before the transaction or after the commit");
        }
        return requester.send(request, timeLimit);
    }

    private SendResult stateOf(UUID id) {
        MessageState state = stores.queries().states(List.of(id)).getOrDefault(id, MessageState.READY);
        return new SendResult(id, state, Optional.empty(), Optional.empty());
    }

    /** A message that an exchange routes may end in each of its queues in another way. */
    private static void refuseExchange(NewMessage message, String method) {
        String exchange = message.content().exchange();
        if (exchange != null) {
            throw new InvalidMessageException(
                    "exchange",
                    "left out in " + method + ", which follows a message in one queue",
                    exchange,
                    "Use createMessage, or name the queue");
        }
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
            for (int priority = 0; priority < PRIORITIES; priority++) {
                arrivals.add(Arrival.somewhereIn(new Lane(id, priority)));
            }
        }
        worker.notifier().wake(arrivals);
        worker.poller().pollNow();
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
    public List<Message> findWithoutPayloads(MessageFilter filter) {
        return stores.queries().findWithoutPayloads(filter);
    }

    @Override
    public List<Attempt> history(UUID id) {
        return stores.queries().history(id);
    }

    @Override
    public List<PathStep> path(String correlationId, int limit) {
        Limits.requireText("correlationId", correlationId, Limits.KEY_LENGTH);
        Limits.requireRange("limit", limit, 1, MessageFilter.LARGEST_LIMIT);
        return stores.queries().path(correlationId, limit);
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
        return stores.operator().cancel(id, null);
    }

    @Override
    public int cancel(UUID id, Reason reason) {
        return stores.operator().cancel(id, reason);
    }

    @Override
    public int cancelRunning(UUID id) {
        return cancelledRunning(id, null);
    }

    @Override
    public int cancelRunning(UUID id, Reason reason) {
        return cancelledRunning(id, reason);
    }

    private int cancelledRunning(UUID id, @Nullable Reason reason) {
        int cancelled = stores.operator().cancelRunning(id, reason);
        if (cancelled > 0) {
            worker.poller().pollNow();
        }
        return cancelled;
    }

    @Override
    public int reschedule(UUID id, Instant dueAt) {
        return rescheduled(id, dueAt, null);
    }

    @Override
    public int reschedule(UUID id, Instant dueAt, Reason reason) {
        return rescheduled(id, dueAt, reason);
    }

    private int rescheduled(UUID id, Instant dueAt, @Nullable Reason reason) {
        int moved = stores.operator().reschedule(id, dueAt, reason);
        promoteSoon.run();
        return moved;
    }

    @Override
    public int redrive(UUID id) {
        return redriven(id, null);
    }

    @Override
    public int redrive(UUID id, Reason reason) {
        return redriven(id, reason);
    }

    private int redriven(UUID id, @Nullable Reason reason) {
        int moved = stores.operator().redrive(id, reason);
        worker.poller().pollNow();
        return moved;
    }

    @Override
    public Operation redrive(MessageFilter filter, int perSecond) {
        return deadLetters.redrive(filter, perSecond);
    }
}

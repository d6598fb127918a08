package io.postroom.homes;

import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.Operation;
import io.postroom.api.PathStep;
import io.postroom.api.QueueMessages;
import io.postroom.api.Reason;
import io.postroom.api.Reply;
import io.postroom.api.SendResult;
import io.postroom.api.WrongTransactionException;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/** Sends each call to the home of its queue, or asks all homes: see {@link PostroomHomes#queueMessages}. Thread-safe. */
final class HomesQueueMessages implements QueueMessages {
    private static final Comparator<Message> NEWEST_FIRST =
            Comparator.comparing(Message::id).reversed();
    private static final Comparator<Message> OLDEST_FIRST = Comparator.comparing(Message::id);
    private static final Comparator<Message> NEXT_FIRST =
            Comparator.comparingInt(Message::priority).reversed().thenComparing(Message::id);

    private final Map<String, Home> homes;
    private final HomeRules rules;
    private final AllHomes all;

    HomesQueueMessages(Map<String, Home> homes, HomeRules rules, AllHomes all) {
        this.homes = homes;
        this.rules = rules;
        this.all = all;
    }

    // ---- create and send

    @Override
    public Created createMessage(String queue, Object payload) {
        return createMessage(CreateMessage.to(queue).payload(payload));
    }

    @Override
    public Created createMessage(CreateMessage message) {
        return onItsHome(message, QueueMessages::createMessage);
    }

    @Override
    public CompletableFuture<Created> createMessageAsync(CreateMessage message) {
        return later(message, QueueMessages::createMessageAsync);
    }

    @Override
    public CompletableFuture<SendResult> sendMessageAsync(CreateMessage message) {
        return later(message, QueueMessages::sendMessageAsync);
    }

    @Override
    public SendResult sendMessageSync(CreateMessage message) {
        return onItsHome(message, QueueMessages::sendMessageSync);
    }

    @Override
    public Reply sendAndReceive(CreateMessage request, Duration timeLimit) {
        return onItsHome(request, (messages, placed) -> messages.sendAndReceive(placed, timeLimit));
    }

    private <T> CompletableFuture<T> later(
            CreateMessage message, BiFunction<QueueMessages, CreateMessage, CompletableFuture<T>> call) {
        QueueHome place = rules.homeOf(message);
        return homeOf(place.home()).namingLater(onItsHome(placed(message, place), call));
    }

    private <T> T onItsHome(CreateMessage message, BiFunction<QueueMessages, CreateMessage, T> call) {
        QueueHome place = rules.homeOf(message);
        Home home = homeOf(place.home());
        requireTransactionOf(home, addressOf(message, place));
        return home.naming(() -> call.apply(home.require().queueMessages(), placed(message, place)));
    }

    /** The message with the queue that it goes to on its home. */
    static CreateMessage placed(CreateMessage message, QueueHome place) {
        return message.exchange().isPresent() || place.queue().equals(message.queue())
                ? message
                : message.withQueue(place.queue());
    }

    private static String addressOf(CreateMessage message, QueueHome place) {
        return message.exchange()
                .filter(exchange -> !exchange.isEmpty())
                .map(exchange -> "exchange \"" + exchange + "\"")
                .orElseGet(() -> "queue \"" + (place.queue().isEmpty() ? message.routingKey() : place.queue()) + "\"");
    }

    /** A message commits with the caller's transaction, which is one of one database. */
    private void requireTransactionOf(Home home, String address) {
        if (home.isTransactionOpen()) {
            return;
        }
        for (Home other : homes.values()) {
            if (other != home && other.isTransactionOpen()) {
                throw new WrongTransactionException(address + " lives on home \"" + home.name()
                        + "\", and the transaction that is open on this thread is one of home \"" + other.name()
                        + "\": the message would not commit with it. Nothing was written. Open a transaction of home \""
                        + home.name() + "\", create the message after the commit, or give the queue the home \""
                        + other.name() + "\"");
            }
        }
    }

    @Override
    public Created createMessage(CreateMessage message, Connection connection) {
        QueueHome place = rules.homeOf(message);
        Home home = homeOf(place.home());
        if (homes.size() > 1) { // saves a statement; an engine without homes does not ask either
            requireConnectionTo(home, addressOf(message, place), connection);
        }
        return home.naming(() -> home.require().queueMessages().createMessage(placed(message, place), connection));
    }

    private static void requireConnectionTo(Home home, String address, Connection connection) {
        Optional<String> found = home.store().nameOn(connection);
        if (!found.equals(Optional.of(home.name()))) {
            throw new WrongTransactionException(address + " lives on home \"" + home.name()
                    + "\", and the connection leads to "
                    + found.map(name -> "home \"" + name + "\"").orElse("a database that is no home")
                    + ": the message would not commit with it. Nothing was written");
        }
    }

    @Override
    public List<Created> createMessages(Collection<CreateMessage> messages) {
        Set<String> names = new LinkedHashSet<>();
        List<CreateMessage> placed = new ArrayList<>(messages.size());
        String address = "";
        for (CreateMessage message : messages) {
            QueueHome place = rules.homeOf(message);
            names.add(place.home());
            placed.add(placed(message, place));
            address = addressOf(message, place);
        }
        if (names.isEmpty()) {
            return List.of();
        }
        if (names.size() > 1) {
            throw new InvalidMessageException(
                    "messages",
                    "of one home, because all of them or none are written",
                    "messages of the homes " + String.join(", ", names),
                    "Group them with PostroomHomes.byHome, and call createMessages for each home");
        }
        Home home = homeOf(names.iterator().next());
        requireTransactionOf(home, address);
        return home.naming(() -> home.require().queueMessages().createMessages(placed));
    }

    @Override
    public void wakeUp(String... queues) {
        Map<String, List<String>> byHome = new LinkedHashMap<>();
        for (String queue : queues) {
            for (QueueHome place : rules.homesOf(queue)) {
                byHome.computeIfAbsent(place.home(), home -> new ArrayList<>()).add(place.queue());
            }
        }
        byHome.forEach((name, names) -> {
            Home home = homeOf(name);
            home.naming(() -> {
                home.require().queueMessages().wakeUp(names.toArray(String[]::new));
                return name;
            });
        });
    }

    // ---- look

    @Override
    public Optional<Message> find(UUID id) {
        return all.first(
                        "find message " + id,
                        homes.values(),
                        (home, engine) -> engine.queueMessages().find(id),
                        Optional::isPresent)
                .orElse(Optional.empty());
    }

    /** The history of a message that nobody has claimed is empty, so the message is looked for first. */
    @Override
    public List<Attempt> history(UUID id) {
        return placeOf("read the history of message " + id, id)
                .map(home -> home.naming(() -> home.require().queueMessages().history(id)))
                .orElse(List.of());
    }

    /** An unknown message is explained, too: as such, by any home. */
    @Override
    public List<String> explain(UUID id) {
        Home home = placeOf("explain message " + id, id)
                .orElseGet(() -> homes.values().iterator().next());
        return home.naming(() -> home.require().queueMessages().explain(id));
    }

    @Override
    public List<PathStep> path(String correlationId, int limit) {
        List<List<PathStep>> paths = allOf(
                "read the path of a correlation id",
                homes.values(),
                home -> home.queueMessages().path(correlationId, limit));
        return merged(paths, Comparator.comparing(PathStep::at), limit);
    }

    @Override
    public List<Message> find(MessageFilter filter) {
        return findOnEach(filter).whole("list messages");
    }

    @Override
    public List<Message> findWithoutPayloads(MessageFilter filter) {
        return listed(filter, QueueMessages::findWithoutPayloads, NEWEST_FIRST).whole("list messages");
    }

    HomeAnswers<Message> findOnEach(MessageFilter filter) {
        return listed(filter, QueueMessages::find, NEWEST_FIRST);
    }

    @Override
    public List<Message> getMessagesQueue(MessageFilter filter) {
        return listed(filter, QueueMessages::getMessagesQueue, NEXT_FIRST).whole("list the next messages");
    }

    @Override
    public List<Message> getMessagesQueueForDelete(MessageFilter filter) {
        return listed(filter, QueueMessages::getMessagesQueueForDelete, OLDEST_FIRST)
                .whole("list the removable messages");
    }

    /** Asks all homes; with a queue, the homes of its parts, for each part. */
    private HomeAnswers<Message> listed(
            MessageFilter filter,
            BiFunction<QueueMessages, MessageFilter, List<Message>> list,
            Comparator<Message> order) {
        Map<String, List<MessageFilter>> questions = new LinkedHashMap<>();
        if (filter.queue().isEmpty()) {
            homes.keySet().forEach(home -> questions.put(home, List.of(filter)));
        } else {
            for (QueueHome place : rules.homesOf(filter.queue().get())) {
                questions
                        .computeIfAbsent(place.home(), home -> new ArrayList<>())
                        .add(filter.withQueue(place.queue()));
            }
        }
        AllHomes.Answers<List<Message>> answers =
                all.askEach(questions.keySet().stream().map(this::homeOf).toList(), (home, engine) -> {
                    List<Message> found = new ArrayList<>();
                    for (MessageFilter question : questions.get(home.name())) {
                        found.addAll(list.apply(engine.queueMessages(), question));
                    }
                    return found;
                });
        return new HomeAnswers<>(merged(answers.given().values(), order, filter.limit()), answers.down());
    }

    private static <T> List<T> merged(Collection<List<T>> lists, Comparator<T> order, int limit) {
        return lists.stream().flatMap(List::stream).sorted(order).limit(limit).toList();
    }

    private <T> List<T> allOf(String doing, Collection<Home> asked, Function<Postroom, T> question) {
        AllHomes.Answers<T> answers = all.ask(asked, question);
        if (!answers.down().isEmpty()) {
            throw new HomeDownException(doing, answers.down().values());
        }
        return List.copyOf(answers.given().values());
    }

    /** The home where a message is; empty: on none. */
    private Optional<Home> placeOf(String doing, UUID id) {
        if (homes.size() == 1) {
            return Optional.of(homes.values().iterator().next());
        }
        return all.first(
                        doing,
                        homes.values(),
                        (home, engine) -> engine.queueMessages().find(id).map(found -> home),
                        Optional::isPresent)
                .flatMap(home -> home);
    }

    // ---- move

    @Override
    public int cancel(UUID id) {
        return moved("cancel", id, messages -> messages.cancel(id));
    }

    @Override
    public int cancel(UUID id, Reason reason) {
        return moved("cancel", id, messages -> messages.cancel(id, reason));
    }

    @Override
    public int cancelRunning(UUID id) {
        return moved("cancel", id, messages -> messages.cancelRunning(id));
    }

    @Override
    public int cancelRunning(UUID id, Reason reason) {
        return moved("cancel", id, messages -> messages.cancelRunning(id, reason));
    }

    @Override
    public int reschedule(UUID id, Instant dueAt) {
        return moved("reschedule", id, messages -> messages.reschedule(id, dueAt));
    }

    @Override
    public int reschedule(UUID id, Instant dueAt, Reason reason) {
        return moved("reschedule", id, messages -> messages.reschedule(id, dueAt, reason));
    }

    @Override
    public int redrive(UUID id) {
        return moved("redrive", id, messages -> messages.redrive(id));
    }

    @Override
    public int redrive(UUID id, Reason reason) {
        return moved("redrive", id, messages -> messages.redrive(id, reason));
    }

    /** A message stays on its home, so the look for it and the move may be two steps. */
    private int moved(String verb, UUID id, ToIntFunction<QueueMessages> move) {
        return placeOf(verb + " message " + id, id)
                .map(home -> home.naming(() -> move.applyAsInt(home.require().queueMessages())))
                .orElse(0);
    }

    @Override
    public Operation redrive(MessageFilter filter, int perSecond) {
        if (filter.queue().isEmpty()) {
            throw new InvalidMessageException(
                    "queue",
                    "given, because an operation belongs to one home",
                    "none",
                    "Or call it for each home: home(name).queueMessages()");
        }
        QueueHome place = rules.homeOf(filter.queue().get());
        Home home = homeOf(place.home());
        return home.naming(() -> home.require().queueMessages().redrive(filter, perSecond));
    }

    private Home homeOf(String name) {
        return Objects.requireNonNull(homes.get(name));
    }
}

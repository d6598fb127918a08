package io.postroom.homes;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueStats;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import io.postroom.internal.storage.HomeStore.StoredHome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The homes that {@link PostroomHomes.Builder} starts. Public for the starter, which starts them in steps; hosts use {@link
 * PostroomHomes}. Thread-safe.
 */
public final class DefaultPostroomHomes implements PostroomHomes {
    private final Map<String, Home> homes;
    private final HomeRules rules;
    private final HomeEngines engines;
    private final AllHomes all;
    private final HomesStart start;
    private final HomesQueueMessages queueMessages;

    DefaultPostroomHomes(Map<String, Home> homes, HomeRules rules, HomeEngines engines, Duration limit) {
        this.homes = homes;
        this.rules = rules;
        this.engines = engines;
        this.all = new AllHomes(limit);
        this.start = new HomesStart(homes, rules, engines, all);
        this.queueMessages = new HomesQueueMessages(homes, rules, all);
    }

    // ---- start

    /**
     * Does all of a start but the work: messages can be created then.
     *
     * @param makesHomes false: a database that is no home yet is refused, and no home is written to
     */
    void prepare(boolean makesHomes) {
        start.run(makesHomes);
    }

    /** Reads what is stored, on homes of which none is started. */
    HomeAnswers<StoredRules> storedRules() {
        AllHomes.Answers<Optional<StoredHome>> read = start.readAll();
        return new HomeAnswers<>(
                read.given().entrySet().stream()
                        .filter(home -> home.getValue().isPresent())
                        .map(home -> stored(home.getKey(), home.getValue().get()))
                        .toList(),
                read.down());
    }

    private static StoredRules stored(String home, StoredHome stored) {
        return new StoredRules(
                home, stored.version(), HomeRules.parse(stored.rules()), stored.changedAt(), stored.changedBy());
    }

    /** Changes the rules, on homes of which none is started. */
    RulesChange changeRules(Duration longest) {
        AllHomes.Answers<Optional<StoredHome>> read = start.readAll();
        if (!read.down().isEmpty()) {
            throw new HomeDownException(
                    "change the rules of the homes", read.down().values());
        }
        return new HomeRulesChange(homes, rules, longest).run();
    }

    /**
     * Begins to work, with these handlers beside those of the builder. A home that is down now begins when it is up.
     *
     * @throws IllegalArgumentException two handlers would take the same messages, or have the same id
     */
    public void startWorkers(Collection<Handler> more) {
        engines.requireHomes(more);
        homes.values().forEach(home -> home.startWorkers(engines.handlersOf(home.name(), more)));
    }

    /**
     * Checks the handlers that {@link #startWorkers} will be given, on each home that is up, and takes none of them yet.
     *
     * @throws IllegalArgumentException two handlers would take the same messages, or have the same id
     */
    public void checkHandlers(Collection<Handler> more) {
        engines.requireHomes(more);
        homes.values().forEach(home -> home.checkHandlers(engines.handlersOf(home.name(), more)));
    }

    /**
     * Declares a schedule on the home of its message's queue: now, or once that home is up.
     *
     * @throws InvalidMessageException no rule gives the queue a home, or it has parts
     */
    public void declare(Schedule schedule) {
        CreateMessage message = schedule.message()
                .orElseThrow(
                        () -> new InvalidMessageException("message", "given", "none", "Say what the schedule creates"));
        String home = message.exchange().isPresent()
                ? rules.homeOf(message).home()
                : rules.homeOf(message.queue()).home();
        homes.get(home).declare(schedule);
    }

    /** Begins no more handlers on any home; does not wait for those that run. */
    public void stopClaiming() {
        homes.values().forEach(Home::stopClaiming);
    }

    /** Stops the handlers of all homes at the same time. {@link #startWorkers} may follow. */
    public void stopWorkers(Duration drain) {
        onEach(home -> home.stopWorkers(drain));
    }

    // ---- use

    @Override
    public QueueMessages queueMessages() {
        return queueMessages;
    }

    @Override
    public HomeRules rules() {
        return rules;
    }

    @Override
    public List<String> names() {
        return List.copyOf(homes.keySet());
    }

    @Override
    public Postroom home(String name) {
        return named(name).require();
    }

    private Home named(String name) {
        Home home = homes.get(name);
        if (home == null) {
            throw new IllegalArgumentException("there is no home \"" + name + "\" among " + homes.keySet());
        }
        return home;
    }

    @Override
    public QueueHome homeOf(CreateMessage message) {
        return rules.homeOf(message);
    }

    @Override
    public Optional<String> homeOf(UUID messageId) {
        return all.first(
                        "find the home of message " + messageId,
                        homes.values(),
                        (home, engine) -> engine.queueMessages().find(messageId).map(found -> home.name()),
                        Optional::isPresent)
                .flatMap(Function.identity());
    }

    @Override
    public Map<String, List<CreateMessage>> byHome(Collection<CreateMessage> messages) {
        Map<String, List<CreateMessage>> grouped = new TreeMap<>();
        for (CreateMessage message : messages) {
            QueueHome place = rules.homeOf(message);
            grouped.computeIfAbsent(place.home(), home -> new ArrayList<>())
                    .add(HomesQueueMessages.placed(message, place));
        }
        return grouped;
    }

    @Override
    public HomeAnswers<Message> find(MessageFilter filter) {
        return queueMessages.findOnEach(filter);
    }

    @Override
    public HomeAnswers<QueueStats> stats() {
        HomeAnswers<QueueStats> answers = ask(home -> home.queues().stats());
        return new HomeAnswers<>(
                answers.found().stream()
                        .sorted(Comparator.comparing(QueueStats::queue))
                        .toList(),
                answers.down());
    }

    @Override
    public <T> HomeAnswers<T> ask(Function<Postroom, List<T>> question) {
        return ask(homes.keySet(), (home, engine) -> question.apply(engine));
    }

    @Override
    public <T> HomeAnswers<T> ask(Collection<String> names, BiFunction<String, Postroom, List<T>> question) {
        List<Home> asked = names.stream().distinct().map(this::named).toList();
        AllHomes.Answers<List<T>> answers = all.askEach(asked, (home, engine) -> question.apply(home.name(), engine));
        return new HomeAnswers<>(
                answers.given().values().stream().flatMap(List::stream).toList(), answers.down());
    }

    @Override
    public List<HomeStatus> states() {
        return homes.values().stream().map(Home::status).toList();
    }

    @Override
    public List<String> problems() {
        return said(HomeStatus::problems);
    }

    @Override
    public List<String> warnings() {
        return said(HomeStatus::warnings);
    }

    private List<String> said(Function<HomeStatus, List<String>> what) {
        return states().stream()
                .flatMap(home -> what.apply(home).stream().map(sentence -> Home.named(home.home(), sentence)))
                .toList();
    }

    // ---- end

    @Override
    public void stop(Duration drain) {
        start.stop();
        onEach(home -> home.stop(drain));
    }

    @Override
    public void close() {
        start.close();
        onEach(Home::closeQuietly);
    }

    /** Each on a thread of its own: each may wait for its handlers, and what one waits for does not add up. */
    private void onEach(Consumer<Home> action) {
        List<Thread> threads = new ArrayList<>();
        for (Home home : homes.values()) {
            Thread thread = new Thread(() -> action.accept(home), "postroom-home-" + home.name() + "-end");
            thread.start();
            threads.add(thread);
        }
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

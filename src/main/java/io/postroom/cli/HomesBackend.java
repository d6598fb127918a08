package io.postroom.cli;

import io.postroom.api.BulkSettings;
import io.postroom.api.CreateMessage;
import io.postroom.api.LedgerFilter;
import io.postroom.api.MessageFilter;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import io.postroom.homes.PostroomHomes;
import io.postroom.homes.QueueHome;
import io.postroom.rest.Answers;
import io.postroom.rest.MessageRequest;
import io.postroom.rest.Problem;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Asks the databases that queues live on. Lists come from all of them, or from those of the queue that is named, and each row says its
 * home. What is about a queue or a message goes to its home. What else belongs to one database is refused without {@code --home}.
 */
final class HomesBackend implements Backend {
    private static final JsonMapper JSON = CliJson.MAPPER;

    /** A statement ends after 30 s (see {@link DatabaseBackend#limitStatements}), so a home that is up has answered by then. */
    private static final Duration LONGEST_ANSWER = Duration.ofSeconds(40);

    private final HomesFile file;
    private @Nullable AskedHomes prepared;

    /** @param file is closed with the backend */
    HomesBackend(HomesFile file) {
        this.file = file;
    }

    /** Prepared at the first question, and anew when a home gave no answer to the one before: with {@code --watch} it may be back. */
    private AskedHomes asked() {
        if (prepared != null && prepared.isIncomplete()) {
            prepared.homes().close();
            prepared = null;
        }
        if (prepared == null) {
            prepared = new AskedHomes(file.homes()
                    .rules(HomesCommands.newest(file.homes().storedRules()))
                    .timeLimit(LONGEST_ANSWER)
                    .prepareToLook());
        }
        return prepared;
    }

    private PostroomHomes homes() {
        return asked().homes();
    }

    private EngineBackend on(String home) {
        return new HomeBackend(homes().home(home));
    }

    private QueueHome onlyPlaceOf(String queue) {
        return BackendCommand.option(() -> homes().rules().homeOf(queue));
    }

    private String homeOf(UUID message) {
        return homes().homeOf(message)
                .orElseThrow(() -> CliException.refused(
                        Problem.unknownMessage(message.toString()).detail()));
    }

    static CliException needsHome(String what) {
        return CliException.usage(what + " one database: name it with --home");
    }

    // ---- answers

    static ObjectNode at(String home, JsonNode answer) {
        return JSON.createObjectNode().put("home", home).setAll((ObjectNode) answer);
    }

    static List<JsonNode> rows(String home, JsonNode answer, String member) {
        List<JsonNode> rows = new ArrayList<>();
        answer.path(member).forEach(row -> rows.add(at(home, row)));
        return rows;
    }

    private static ObjectNode answer(AskedHomes.Given<?> given) {
        ObjectNode answer = JSON.createObjectNode();
        if (!given.missing().isEmpty()) {
            ObjectNode down = answer.putObject(BackendCommand.DOWN);
            given.missing().forEach((home, why) -> down.put(home, why.getMessage()));
        }
        return answer;
    }

    private static ObjectNode list(
            AskedHomes.Given<JsonNode> rows, String member, Comparator<JsonNode> order, int limit) {
        ObjectNode answer = answer(rows);
        ArrayNode list = answer.putArray(member);
        rows.found().stream().sorted(order).limit(limit).forEach(list::add);
        return answer;
    }

    static Comparator<JsonNode> by(String member) {
        return Comparator.comparing(row -> BackendCommand.text(row, member));
    }

    private static Comparator<JsonNode> newest() {
        Comparator<JsonNode> oldest = Comparator.comparing(row -> Instant.parse(BackendCommand.text(row, "createdAt")));
        return oldest.reversed();
    }

    // ---- queues

    @Override
    public JsonNode queues() {
        return list(
                asked().onAll("count messages", (home, backend) -> rows(home, backend.queues(), "queues")),
                "queues",
                by("queue").thenComparing(by("home")),
                Integer.MAX_VALUE);
    }

    @Override
    public JsonNode limiters() {
        return list(
                asked().onAll("list limiters", (home, backend) -> rows(home, backend.limiters(), "limiters")),
                "limiters",
                by("home"),
                Integer.MAX_VALUE);
    }

    @Override
    public JsonNode unpark(String destination, Optional<Reason> reason) {
        AskedHomes.Given<Boolean> unparked = asked().onAll(
                        "unpark " + destination,
                        (home, backend) -> List.of(backend.unpark(destination, reason)
                                .path("unparked")
                                .asBoolean(false)));
        if (!unparked.missing().isEmpty()) {
            throw unparked.failure("Messages of " + destination + " start again on the other homes alone");
        }
        return answer(unparked).put("unparked", unparked.found().contains(true));
    }

    @Override
    public JsonNode pause(String queue, boolean paused, Optional<Reason> reason) {
        String verb = paused ? "paused" : "resumed";
        String doing = (paused ? "pause" : "resume") + " queue " + queue;
        AskedHomes.Given<String> done = asked().onHomesOf(queue, doing, (home, backend, name) -> {
            backend.pause(name, paused, reason);
            return List.of(name);
        });
        if (!done.missing().isEmpty()) {
            throw done.failure("Could not " + doing + " whole; " + verb + ": " + String.join(", ", done.found()));
        }
        return JSON.createObjectNode().put(verb, queue);
    }

    @Override
    public JsonNode consumers(String queue) {
        AskedHomes.Given<JsonNode> rows = asked().onHomesOf(
                        queue,
                        "list consumers",
                        (home, backend, name) -> rows(home, backend.consumers(name), "consumers").stream()
                                .map(row -> (JsonNode) ((ObjectNode) row).put("part", name))
                                .toList());
        return list(rows, "consumers", by("part").thenComparing(by("home")), Integer.MAX_VALUE)
                .put("queue", queue);
    }

    @Override
    public JsonNode stopConsumers(String queue, String howMany, Duration deadline, Optional<Reason> reason) {
        QueueHome place = onlyPlaceOf(queue);
        return on(place.home()).stopConsumers(place.queue(), howMany, deadline, reason);
    }

    @Override
    public JsonNode startConsumers(String queue, Optional<Reason> reason) {
        QueueHome place = onlyPlaceOf(queue);
        return on(place.home()).startConsumers(place.queue(), reason);
    }

    // ---- messages

    @Override
    public JsonNode messages(MessageFilter filter) {
        AskedHomes.Given<JsonNode> rows = filter.queue()
                .map(queue -> asked().onHomesOf(
                                queue,
                                "list messages",
                                (home, backend, name) ->
                                        rows(home, backend.messages(filter.withQueue(name)), "messages")))
                .orElseGet(() -> asked().onAll(
                                "list messages", (home, backend) -> rows(home, backend.messages(filter), "messages")));
        return list(rows, "messages", by("id").reversed(), filter.limit());
    }

    @Override
    public JsonNode message(UUID id) {
        String home = homeOf(id);
        return at(home, on(home).message(id));
    }

    @Override
    public JsonNode explain(UUID id) {
        String home = homeOf(id);
        return at(home, on(home).explain(id));
    }

    @Override
    public JsonNode create(String request) {
        Map.Entry<String, List<CreateMessage>> placed = homes().byHome(List.of(MessageRequest.read(request, null)))
                .entrySet()
                .iterator()
                .next();
        return at(placed.getKey(), on(placed.getKey()).create(placed.getValue().get(0)));
    }

    // ---- dead letters

    @Override
    public JsonNode redrive(UUID id, Optional<Reason> reason) {
        return on(homeOf(id)).redrive(id, reason);
    }

    @Override
    public JsonNode discard(UUID id, Optional<String> queue, Reason reason) {
        return on(homeOf(id)).discard(id, queue, reason);
    }

    /** The queue of a filter; empty: none, or a pattern, which may match queues of any home. */
    private static Optional<String> queueOf(String filter) {
        return Optional.of(BackendCommand.text(JSON.readTree(filter), "queue"))
                .filter(name -> !name.isEmpty() && !name.contains("*") && !name.contains("#"));
    }

    private static String withQueue(String filter, String queue) {
        return ((ObjectNode) JSON.readTree(filter)).put("queue", queue).toString();
    }

    @Override
    public JsonNode preview(String filter) {
        AskedHomes.Given<JsonNode> previews = queueOf(filter)
                .map(queue -> asked().onHomesOf(
                                queue,
                                "look at dead letters",
                                (home, backend, name) -> previewAt(home, backend.preview(withQueue(filter, name)))))
                .orElseGet(() -> asked().onAll(
                                "look at dead letters", (home, backend) -> previewAt(home, backend.preview(filter))));
        return MergedPreview.of(previews.found(), answer(previews));
    }

    private static List<JsonNode> previewAt(String home, JsonNode preview) {
        List<JsonNode> first = rows(home, preview, "first");
        ((ObjectNode) preview).putArray("first").addAll(first);
        return List.of(preview);
    }

    /** An operation goes on in one database. */
    private QueueHome placeOf(String filter) {
        return onlyPlaceOf(queueOf(filter)
                .orElseThrow(() ->
                        CliException.usage("An operation runs on one home: give --queue with a name, or --home")));
    }

    @Override
    public void requireOperation(String filter) {
        placeOf(filter);
    }

    @Override
    public JsonNode redrive(String filter, BulkSettings settings) {
        QueueHome place = placeOf(filter);
        return at(place.home(), on(place.home()).redrive(filter, settings));
    }

    @Override
    public JsonNode discard(String filter, BulkSettings settings) {
        QueueHome place = placeOf(filter);
        return at(place.home(), on(place.home()).discard(filter, settings));
    }

    @Override
    public JsonNode operations(int limit) {
        return list(
                asked().onAll(
                                "list operations",
                                (home, backend) -> rows(home, backend.operations(limit), "operations")),
                "operations",
                newest(),
                limit);
    }

    @Override
    public JsonNode operation(UUID id) {
        AskedHomes.Given<JsonNode> given = asked().onAll(
                        "find operation " + id,
                        (home, backend) -> backend.postroom()
                                .deadLetters()
                                .operation(id)
                                .map(status ->
                                        List.<JsonNode>of(at(home, EngineBackend.json(Answers.operation(status)))))
                                .orElse(List.of()));
        if (!given.found().isEmpty()) {
            return given.found().get(0);
        } else if (!given.missing().isEmpty()) {
            throw given.failure("Operation " + id + " is on no other home");
        }
        throw CliException.refused(Problem.unknownOperation(id.toString()).detail());
    }

    @Override
    public JsonNode stopOperation(UUID id, Reason reason) {
        return on(BackendCommand.text(operation(id), "home")).stopOperation(id, reason);
    }

    // ---- databases

    @Override
    public JsonNode database(Duration olderThan) {
        return MergedHealth.of(asked().onAll(
                        "look at the databases", (home, backend) -> List.of(at(home, backend.database(olderThan)))));
    }

    @Override
    public JsonNode migrate() {
        throw needsHome("A schema belongs to");
    }

    // ---- what belongs to one database

    @Override
    public SettingsVerbs settings() {
        throw needsHome("Settings and limiters belong to");
    }

    @Override
    public JsonNode ledger(LedgerFilter filter) {
        throw needsHome("A ledger belongs to");
    }

    @Override
    public JsonNode checkLedger(Optional<LedgerEnd> known) {
        throw needsHome("A ledger belongs to");
    }

    @Override
    public JsonNode createToken(NewAccessToken token, Optional<Reason> reason) {
        throw needsHome("A token belongs to");
    }

    @Override
    public JsonNode tokens(String after, int limit) {
        throw needsHome("Tokens belong to");
    }

    @Override
    public JsonNode revokeToken(String name, Optional<Reason> reason) {
        throw needsHome("A token belongs to");
    }

    @Override
    public JsonNode importDefinitions(
            String topology, Definitions definitions, boolean dryRun, List<String> renames, Optional<Reason> reason) {
        throw needsHome("Definitions belong to");
    }

    @Override
    public String exportDefinitions(Definitions definitions) {
        throw needsHome("Definitions belong to");
    }

    @Override
    public void close() {
        if (prepared != null) {
            prepared.homes().close();
        }
        file.close();
    }
}

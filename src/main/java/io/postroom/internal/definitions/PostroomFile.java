package io.postroom.internal.definitions;

import io.postroom.api.Binding;
import io.postroom.api.Durations;
import io.postroom.api.Exchange;
import io.postroom.api.ExchangeKind;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.internal.storage.Topology;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * The definitions file of Postroom: its version, then queues, exchanges and bindings with the members that they have over HTTP. A member
 * that is not known is refused, since a later version may mean something by it.
 */
final class PostroomFile {
    private static final String VERSION = "postroomDefinitions";
    private static final int LATEST = 1;
    private static final List<String> MEMBERS = List.of(VERSION, "queues", "exchanges", "bindings", "limiters");
    private static final List<String> QUEUE_MEMBERS = List.of(
            "queue",
            "kind",
            "attempts",
            "retryAfter",
            "timeToLive",
            "retention",
            "crashLimit",
            "deadLetterExchange",
            "deadLetterRoutingKey",
            "ordered",
            "onDeadLetter",
            "maxLength",
            "overflow",
            "singleActiveConsumer",
            "expiresAfter",
            "fair",
            "destination",
            "groupWeights");
    private static final List<String> EXCHANGE_MEMBERS = List.of("exchange", "kind", "alternate");
    private static final List<String> BINDING_MEMBERS =
            List.of("exchange", "queue", "toExchange", "routingKey", "arguments");

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Renames renames;
    private final Map<String, String> destinations = new LinkedHashMap<>();
    private final Map<String, Map<String, Integer>> groupWeights = new LinkedHashMap<>();

    private PostroomFile(Renames renames) {
        this.renames = renames;
    }

    // ---- write

    static String write(Topology topology) {
        Map<String, Object> file = new LinkedHashMap<>();
        file.put(VERSION, LATEST);
        file.put(
                "queues",
                topology.queues().stream().map(queue -> shown(topology, queue)).toList());
        file.put(
                "exchanges",
                topology.exchanges().stream().map(PostroomFile::shown).toList());
        file.put(
                "bindings",
                topology.bindings().stream().map(PostroomFile::shown).toList());
        file.put(
                "limiters",
                topology.limiters().stream().map(LimiterMembers::shown).toList());
        return JSON.writeValueAsString(file);
    }

    /** The settings that a queue names, as members in the order of the file. */
    static Map<String, Object> shown(QueueSettings queue) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("queue", queue.queue());
        queue.kind().ifPresent(kind -> shown.put("kind", kind.code()));
        queue.maxAttempts().ifPresent(attempts -> shown.put("attempts", attempts));
        queue.retryAfter().ifPresent(delays -> shown.put("retryAfter", delays));
        queue.timeToLive().ifPresent(time -> shown.put("timeToLive", Durations.format(time)));
        queue.retention().ifPresent(time -> shown.put("retention", Durations.format(time)));
        queue.crashLimit().ifPresent(limit -> shown.put("crashLimit", limit));
        queue.deadLetterExchange().ifPresent(exchange -> shown.put("deadLetterExchange", exchange));
        queue.deadLetterRoutingKey().ifPresent(key -> shown.put("deadLetterRoutingKey", key));
        queue.ordered().ifPresent(isOrdered -> shown.put("ordered", isOrdered));
        queue.onDeadLetter().ifPresent(groups -> shown.put("onDeadLetter", groups.code()));
        queue.maxLength().ifPresent(messages -> shown.put("maxLength", messages));
        queue.overflow().ifPresent(overflow -> shown.put("overflow", overflow.code()));
        queue.singleActiveConsumer().ifPresent(isSingle -> shown.put("singleActiveConsumer", isSingle));
        queue.expiresAfter().ifPresent(time -> shown.put("expiresAfter", Durations.format(time)));
        queue.fair().ifPresent(isFair -> shown.put("fair", isFair));
        return shown;
    }

    private static Map<String, Object> shown(Topology topology, QueueSettings queue) {
        Map<String, Object> shown = shown(queue);
        String destination = topology.destinations().get(queue.queue());
        if (destination != null) {
            shown.put("destination", destination);
        }
        Map<String, Integer> weights = topology.groupWeights().get(queue.queue());
        if (weights != null) {
            shown.put("groupWeights", new TreeMap<>(weights));
        }
        return shown;
    }

    private static Map<String, Object> shown(Exchange exchange) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("exchange", exchange.name());
        shown.put("kind", exchange.kind().word());
        exchange.alternate().ifPresent(alternate -> shown.put("alternate", alternate));
        return shown;
    }

    private static Map<String, Object> shown(Binding binding) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("exchange", binding.exchange());
        binding.queue().ifPresent(queue -> shown.put("queue", queue));
        binding.toExchange().ifPresent(exchange -> shown.put("toExchange", exchange));
        shown.put("routingKey", binding.routingKey());
        if (!binding.arguments().isEmpty()) {
            Map<String, @Nullable String> arguments = new LinkedHashMap<>();
            binding.arguments().forEach((name, value) -> arguments.put(name, value.orElse(null)));
            shown.put("arguments", arguments);
        }
        return shown;
    }

    // ---- read

    /**
     * @param renames names of the file, and the names they get
     * @throws InvalidMessageException the text is no such file, a member is not what it must be (the error names its place), or a rename
     *     names nothing of the file
     */
    static Topology read(String text, Map<String, String> renames) {
        JsonNode root = Entry.parse(text);
        if (!root.isObject() || !root.has(VERSION)) {
            throw new InvalidMessageException(
                    "file",
                    "a JSON object with " + VERSION + ", as Definitions.exportFile writes it",
                    Entry.shown(root),
                    "A file of RabbitMQ is imported as such");
        }
        Entry file = new Entry("file", root);
        int version = file.number(VERSION);
        if (version < 1 || version > LATEST) {
            throw new InvalidMessageException(
                    VERSION,
                    "a version up to " + LATEST,
                    Entry.shown(root.get(VERSION)),
                    version > LATEST
                            ? "A later version of Postroom wrote the file: import it with that version"
                            : "Definitions.exportFile writes it");
        }
        file.requireKnown(MEMBERS);
        Renames used = new Renames(renames);
        PostroomFile reader = new PostroomFile(used);
        Topology topology = new Topology(
                named(root, "queues", reader::queue, QueueSettings::queue),
                named(root, "exchanges", reader::exchange, Exchange::name),
                Entry.list(root, "bindings").stream()
                        .map(entry -> placed(entry, reader::binding))
                        .toList(),
                named(root, "limiters", entry -> LimiterMembers.limiter(entry, used), LimiterMembers::name),
                reader.destinations,
                reader.groupWeights);
        used.requireAllUsed();
        return topology;
    }

    /** Reads a list in which no name comes twice. */
    private static <T> List<T> named(
            JsonNode root, String list, Function<Entry, T> reader, Function<T, String> nameOf) {
        Set<String> names = new HashSet<>();
        return Entry.list(root, list).stream()
                .map(entry -> {
                    T definition = placed(entry, reader);
                    String name = nameOf.apply(definition);
                    if (!names.add(name)) {
                        throw new InvalidMessageException(entry.place(), "the only one of its name", name);
                    }
                    return definition;
                })
                .toList();
    }

    /** Names the place in the file when the API refuses a value. */
    private static <T> T placed(Entry entry, Function<Entry, T> reader) {
        try {
            return reader.apply(entry);
        } catch (InvalidMessageException refused) {
            throw refused.field().startsWith(entry.place()) ? refused : refused.at(entry.place());
        }
    }

    private QueueSettings queue(Entry entry) {
        entry.requireKnown(QUEUE_MEMBERS);
        String name = renames.of(entry.text("queue"));
        entry.optionalText("destination")
                .ifPresent(system -> destinations.put(name, Limits.requireName("destination", system)));
        Map<String, Integer> weights = LimiterMembers.groupWeights(entry);
        if (!weights.isEmpty()) {
            groupWeights.put(name, weights);
        }
        return new QueueSettings(
                name,
                entry.optionalNumber("attempts"),
                entry.optionalText("retryAfter"),
                duration(entry, "timeToLive"),
                duration(entry, "retention"),
                entry.optionalNumber("crashLimit"),
                entry.optionalText("kind").map(code -> kind(entry, code)),
                entry.optionalText("deadLetterExchange").map(renames::of),
                entry.optionalText("deadLetterRoutingKey"),
                entry.optionalFlag("ordered"),
                entry.optionalText("onDeadLetter").map(OnDeadLetter::ofCode),
                entry.optionalNumber("maxLength").map(Integer::longValue),
                entry.optionalText("overflow").map(Overflow::ofCode),
                entry.optionalFlag("singleActiveConsumer"),
                duration(entry, "expiresAfter"),
                entry.optionalFlag("fair"));
    }

    private static Optional<Duration> duration(Entry entry, String member) {
        return entry.optionalText(member).map(text -> Durations.parse(member, text));
    }

    private static QueueKind kind(Entry entry, String code) {
        QueueKind kind = QueueKind.ofCode(code);
        if (kind == QueueKind.EXCLUSIVE) {
            throw new InvalidMessageException(
                    entry.place() + ".kind",
                    "durable or auto_delete",
                    code,
                    "An exclusive queue belongs to a process: declare it there, with Queues.declare");
        }
        return kind;
    }

    private Exchange exchange(Entry entry) {
        entry.requireKnown(EXCHANGE_MEMBERS);
        return new Exchange(
                renames.of(entry.text("exchange")),
                ExchangeKind.ofWord(entry.text("kind")),
                entry.optionalText("alternate").map(renames::of));
    }

    private Binding binding(Entry entry) {
        entry.requireKnown(BINDING_MEMBERS);
        Optional<String> queue = entry.optionalText("queue").map(renames::of);
        Optional<String> toExchange = entry.optionalText("toExchange").map(renames::of);
        if (queue.isPresent() == toExchange.isPresent()) {
            throw new InvalidMessageException(
                    entry.place(), "given one of queue and toExchange", queue.isPresent() ? "both" : "neither");
        }
        Map<String, Optional<String>> arguments = new LinkedHashMap<>();
        entry.members("arguments").forEach((name, value) -> {
            if (!value.isString() && !value.isNull()) {
                throw new InvalidMessageException(
                        entry.place() + ".arguments", "an object of strings", name + ": " + Entry.shown(value));
            }
            arguments.put(name, value.isNull() ? Optional.empty() : Optional.of(value.stringValue()));
        });
        if (entry.optionalText("queue").isPresent()
                == entry.optionalText("toExchange").isPresent()) {
            throw new InvalidMessageException(
                    entry.place(), "bound to a queue or to an exchange (toExchange)", Entry.shown(entry.object()));
        }
        return new Binding(
                renames.of(entry.text("exchange")),
                queue,
                toExchange,
                entry.optionalText("routingKey").orElse(""),
                arguments);
    }
}

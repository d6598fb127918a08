package io.postroom.internal.definitions;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.ExchangeKind;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import io.postroom.api.ImportReport.Line;
import io.postroom.api.ImportReport.Result;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.Topology;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * Turns a file of RabbitMQ into queues, exchanges and bindings, and says of each definition what became of it. Not thread-safe; one object
 * for each file.
 */
final class RabbitMqImport {
    /** The exchanges that each broker has. A file names them in bindings, and does not list them. */
    private static final Map<String, ExchangeKind> PREDECLARED = Map.of(
            "amq.direct", ExchangeKind.DIRECT,
            "amq.fanout", ExchangeKind.FANOUT,
            "amq.topic", ExchangeKind.TOPIC,
            "amq.headers", ExchangeKind.HEADERS,
            "amq.match", ExchangeKind.HEADERS);

    /** What a file has besides, and why it is left out. */
    private static final Map<String, String> WITHOUT_COUNTERPART = Map.of(
            "users", "rights are those of PostgreSQL's roles",
            "permissions", "rights are those of PostgreSQL's roles",
            "topic_permissions", "rights are those of PostgreSQL's roles",
            "parameters", "shovels and federation have no counterpart");

    private final RabbitMqFile file;
    private final ImportOptions options;
    private final Renames renames;
    private final RabbitMqPolicies policies;
    private final List<Line> lines = new ArrayList<>();
    private final Map<String, QueueSettings> queues = new LinkedHashMap<>();
    private final Map<String, Exchange> exchanges = new LinkedHashMap<>();
    private final List<Binding> bindings = new ArrayList<>();

    /** @throws InvalidMessageException a member is not what it must be, or a rename names nothing of the file */
    RabbitMqImport(RabbitMqFile file, ImportOptions options) {
        this.file = file;
        this.options = options;
        this.renames = new Renames(options.renames());
        this.policies = new RabbitMqPolicies(file.policies(), this::refused);
        file.exchanges().forEach(this::exchange);
        file.queues().forEach(this::queue);
        file.bindings().forEach(this::binding);
        WITHOUT_COUNTERPART.keySet().stream().sorted().forEach(this::leftOut);
        renames.requireAllUsed();
    }

    Topology topology() {
        return new Topology(List.copyOf(queues.values()), List.copyOf(exchanges.values()), bindings);
    }

    ImportReport report() {
        return new ImportReport(options.dryRun(), List.copyOf(lines));
    }

    // ---- exchanges

    private void exchange(Entry entry) {
        String name = entry.text("name");
        String definition = "exchange " + name;
        String type = entry.text("type");
        Optional<String> ours = ourName(definition, name);
        if (ours.isEmpty()) {
            return;
        }
        ExchangeKind kind;
        try {
            kind = ExchangeKind.ofWord(type);
        } catch (InvalidMessageException unknown) {
            refused(definition, "its type " + type + " has no counterpart");
            return;
        }
        List<String> differences = new ArrayList<>();
        if (!entry.object().path("durable").asBoolean(true)) {
            differences.add("it is durable here");
        }
        if (entry.flag("auto_delete")) {
            differences.add("it is not deleted with its last binding");
        }
        if (entry.flag("internal")) {
            differences.add("messages can be created through it, too");
        }
        Exchange exchange = new Exchange(ours.get(), kind, Optional.empty());
        for (Map.Entry<String, JsonNode> argument :
                policies.of("exchanges", name, entry.members("arguments")).entrySet()) {
            if (argument.getKey().equals("alternate-exchange")
                    && argument.getValue().isString()) {
                String alternate = argument.getValue().stringValue();
                String known = renames.of(alternate);
                if (Limits.isName(known)) {
                    exchange = exchange.alternate(known);
                } else {
                    differences.add("its alternate exchange \"" + alternate + "\" has no name that can be taken over");
                }
            } else {
                differences.add("its argument " + argument.getKey() + " is left out");
            }
        }
        exchanges.put(name, exchange);
        taken(definition, differences);
    }

    // ---- queues

    private void queue(Entry entry) {
        String name = entry.text("name");
        String definition = "queue " + name;
        Optional<String> ours = ourName(definition, name);
        if (ours.isEmpty()) {
            return;
        }
        Map<String, JsonNode> arguments = policies.of("queues", name, entry.members("arguments"));
        String type = entry.optionalText("type").orElse("classic");
        if (type.equals("stream")) {
            refused(definition, "a stream has no counterpart: a message leaves its queue when it is handled");
            return;
        }
        List<String> differences = new ArrayList<>();
        if (type.equals("quorum")) {
            differences.add("it is replicated as PostgreSQL is, not by a quorum of its own");
        }
        if (!entry.object().path("durable").asBoolean(true)) {
            differences.add("it is durable here");
        }
        QueueSettings settings = QueueSettings.of(ours.get());
        if (entry.flag("auto_delete")) {
            settings = settings.kind(QueueKind.AUTO_DELETE);
        }
        settings = deadLetterExchange(settings, arguments, differences);
        queues.put(name, QueueArguments.apply(settings, arguments, differences));
        taken(definition, differences);
    }

    private QueueSettings deadLetterExchange(
            QueueSettings settings, Map<String, JsonNode> arguments, List<String> differences) {
        JsonNode exchange = arguments.get("dead-letter-exchange");
        JsonNode key = arguments.get("dead-letter-routing-key");
        if (exchange == null && key == null) {
            return settings;
        }
        String name = exchange == null || !exchange.isString() ? "" : exchange.stringValue();
        String ours = renames.of(name);
        if (!Limits.isName(ours)) {
            differences.add(
                    "its dead letters stay with it: its dead letter exchange \"" + name + "\" cannot be taken over");
            return settings;
        }
        return key != null && key.isString()
                ? settings.deadLetterExchange(ours, key.stringValue())
                : settings.deadLetterExchange(ours);
    }

    // ---- bindings

    private void binding(Entry entry) {
        String source = entry.text("source");
        String destination = entry.text("destination");
        boolean toQueue = isToQueue(entry);
        String key = entry.text("routing_key");
        String definition =
                "binding " + source + " to " + (toQueue ? "queue " : "exchange ") + destination + " [" + key + "]";
        if (source.isEmpty()) {
            return; // the default exchange, which has no bindings of its own
        }
        predeclare(source);
        if (!toQueue) {
            predeclare(destination);
        }
        Exchange from = exchanges.get(source);
        if (from == null) {
            refused(definition, "exchange " + source + " was not taken over, or is not in the file");
            return;
        } else if (toQueue ? !queues.containsKey(destination) : !exchanges.containsKey(destination)) {
            refused(
                    definition,
                    (toQueue ? "queue " : "exchange ") + destination + " was not taken over, or is not in the file");
            return;
        }
        List<String> differences = new ArrayList<>();
        try {
            Binding begun = arguments(Binding.from(from.name()).key(key), from.kind(), entry, differences);
            bindings.add(
                    toQueue
                            ? begun.to(queues.get(destination).queue())
                            : begun.toExchange(exchanges.get(destination).name()));
            taken(definition, differences);
        } catch (InvalidMessageException refused) {
            refused(definition, String.valueOf(refused.getMessage()));
        }
    }

    private static boolean isToQueue(Entry entry) {
        String type = entry.text("destination_type");
        if (!type.equals("queue") && !type.equals("exchange")) {
            throw new InvalidMessageException(entry.place() + ".destination_type", "queue or exchange", type);
        }
        return type.equals("queue");
    }

    private void predeclare(String name) {
        ExchangeKind kind = PREDECLARED.get(name);
        if (kind != null && !exchanges.containsKey(name)) {
            exchanges.put(name, new Exchange(renames.of(name), kind, Optional.empty()));
            taken("exchange " + name, List.of("it is declared as an ordinary exchange, because bindings name it"));
        }
    }

    private static Binding arguments(Binding begun, ExchangeKind kind, Entry entry, List<String> differences) {
        Map<String, JsonNode> arguments = entry.members("arguments");
        if (kind != ExchangeKind.HEADERS) {
            if (!arguments.isEmpty()) {
                differences.add("its arguments are left out: they mean nothing to an exchange of its type");
            }
            return begun;
        }
        Binding binding = begun;
        for (Map.Entry<String, JsonNode> argument : arguments.entrySet()) {
            JsonNode value = argument.getValue();
            if (value.isNull()) {
                binding = binding.anyValue(argument.getKey());
            } else if (value.isContainer()) {
                throw new InvalidMessageException("arguments", "texts", argument.getKey() + ": " + Entry.shown(value));
            } else {
                if (!value.isString()) {
                    differences.add(
                            "its argument " + argument.getKey() + " is compared as the text " + value.asString());
                }
                binding = binding.argument(argument.getKey(), value.asString());
            }
        }
        return binding;
    }

    // ---- the report

    private Optional<String> ourName(String definition, String name) {
        String ours = renames.of(name);
        if (Limits.isName(ours)) {
            return Optional.of(ours);
        }
        refused(
                definition,
                "a name must be 1 to 127 of A-Z a-z 0-9 . _ : -, first a letter or digit. Give it another one by a rename");
        return Optional.empty();
    }

    private void taken(String definition, List<String> differences) {
        if (differences.isEmpty()) {
            lines.add(new Line(Result.TAKEN_OVER, definition, ""));
        } else {
            differences.forEach(difference -> lines.add(new Line(Result.DIFFERS, definition, difference)));
        }
    }

    private void refused(String definition, String why) {
        lines.add(new Line(Result.REFUSED, definition, why));
    }

    private void leftOut(String list) {
        int count = file.count(list);
        if (count > 0) {
            refused(count + " " + list.replace('_', ' '), WITHOUT_COUNTERPART.get(list));
        }
    }
}

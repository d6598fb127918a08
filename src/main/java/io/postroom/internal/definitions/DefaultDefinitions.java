package io.postroom.internal.definitions;

import io.postroom.api.Binding;
import io.postroom.api.Definitions;
import io.postroom.api.Durations;
import io.postroom.api.ImportOptions;
import io.postroom.api.ImportReport;
import io.postroom.api.ImportReport.Line;
import io.postroom.api.ImportReport.Result;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.Topology;
import io.postroom.internal.storage.TopologyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Imports and exports topologies. Thread-safe. */
public final class DefaultDefinitions implements Definitions {
    private final TopologyStore store;
    private final Consumer<Topology> changed;

    /** @param changed is given what an import declared, so that this process forgets what it remembers of it */
    public DefaultDefinitions(TopologyStore store, Consumer<Topology> changed) {
        this.store = store;
        this.changed = changed;
    }

    @Override
    public String exportFile() {
        return PostroomFile.write(store.read());
    }

    @Override
    public ImportReport importFile(String json, ImportOptions options) {
        if (options.virtualHost().isPresent()) {
            throw new InvalidMessageException(
                    "virtualHost",
                    "left out: a file of Postroom has none",
                    options.virtualHost().get());
        }
        Topology wanted = PostroomFile.read(json, options.renames());
        Topology there = store.declare(wanted, options.reason(), options.dryRun());
        if (!options.dryRun()) {
            changed.accept(wanted);
        }
        return new ImportReport(options.dryRun(), lines(wanted, there));
    }

    private static List<Line> lines(Topology wanted, Topology there) {
        Map<String, QueueSettings> queues =
                there.queues().stream().collect(Collectors.toMap(QueueSettings::queue, Function.identity()));
        List<Line> lines = new ArrayList<>();
        for (QueueSettings queue : wanted.queues()) {
            Map<String, Object> here =
                    PostroomFile.shown(Objects.requireNonNull(queues.get(queue.queue()), "declared before"));
            List<String> others = PostroomFile.shown(queue).entrySet().stream()
                    .filter(setting -> !isNone(setting.getValue()) || here.containsKey(setting.getKey()))
                    .filter(setting -> !setting.getValue().equals(here.get(setting.getKey())))
                    .map(setting -> setting.getKey() + " stays " + here.getOrDefault(setting.getKey(), "not set"))
                    .collect(Collectors.toCollection(ArrayList::new));
            String destination = wanted.destinations().get(queue.queue());
            String named = there.destinations().get(queue.queue());
            if (destination != null && !destination.equals(named)) {
                others.add("destination stays " + Objects.requireNonNullElse(named, "not set"));
            }
            lines.add(line("queue " + queue.queue(), others));
        }
        Map<String, Limiter> limiters =
                there.limiters().stream().collect(Collectors.toMap(LimiterMembers::name, Function.identity()));
        for (Limiter limiter : wanted.limiters()) {
            Limiter here = limiters.get(LimiterMembers.name(limiter));
            lines.add(line(
                    "limiter of " + LimiterMembers.name(limiter),
                    differences(LimiterMembers.shown(limiter), here == null ? Map.of() : LimiterMembers.shown(here))));
        }
        wanted.exchanges().forEach(exchange -> lines.add(line("exchange " + exchange.name(), List.of())));
        wanted.bindings().forEach(binding -> lines.add(line(shown(binding), List.of())));
        return lines;
    }

    /** A limiter is set as a whole, so a limit that the file leaves out is a difference, too. */
    private static List<String> differences(Map<String, Object> wanted, Map<String, Object> here) {
        Set<String> names = new TreeSet<>(wanted.keySet());
        names.addAll(here.keySet());
        return names.stream()
                .filter(name -> !Objects.equals(wanted.get(name), here.get(name)))
                .map(name -> name + " stays " + here.getOrDefault(name, "not set"))
                .toList();
    }

    /** Whether a value takes a setting away, so that nothing is left to compare. */
    private static boolean isNone(Object value) {
        return value.equals(0L) || value.equals("") || value.equals(Durations.format(Duration.ZERO));
    }

    private static String shown(Binding binding) {
        String end = binding.queue()
                .map(queue -> "queue " + queue)
                .orElseGet(() -> "exchange " + binding.toExchange().orElse(""));
        return "binding " + binding.exchange() + " to " + end + " [" + binding.routingKey() + "]";
    }

    private static Line line(String definition, List<String> others) {
        return others.isEmpty()
                ? new Line(Result.TAKEN_OVER, definition, "")
                : new Line(Result.DIFFERS, definition, String.join(", ", others) + ": an operator has set it");
    }

    @Override
    public ImportReport importRabbitMq(String json, ImportOptions options) {
        RabbitMqImport read = new RabbitMqImport(RabbitMqFile.read(json, options.virtualHost()), options);
        if (!options.dryRun()) {
            Topology wanted = read.topology();
            store.declareMissing(wanted, options.reason());
            changed.accept(wanted);
        }
        return read.report();
    }

    @Override
    public String exportRabbitMq(String virtualHost) {
        return RabbitMqExport.write(virtualHost, store.read());
    }
}

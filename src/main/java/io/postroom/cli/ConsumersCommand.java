package io.postroom.cli;

import io.postroom.api.Durations;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** Lists the consumers of a queue, stops them, or lets them go on. */
@Command(
        name = "consumers",
        mixinStandardHelpOptions = true,
        description = "Lists the live consumers of a queue, stops them, or lets them go on.")
final class ConsumersCommand extends BackendCommand {
    @Parameters(paramLabel = "QUEUE", description = "Name of the queue")
    @SuppressWarnings("NullAway.Init")
    String queue;

    @ArgGroup
    @Nullable
    Act act;

    @Option(
            names = "--deadline",
            defaultValue = "10s",
            description = "With --stop: how long to wait for receipts, at most 1m; default 10s")
    @SuppressWarnings("NullAway.Init")
    String deadline;

    @Mixin
    @SuppressWarnings("NullAway.Init")
    ReasonOptions reason;

    static final class Act {
        @Option(
                names = "--stop",
                paramLabel = "HOW-MANY",
                description = "Tell so many consumers to stop, or all, and wait for their receipts")
        @Nullable
        String stop;

        @Option(names = "--start", description = "Let all consumers go on that were told to stop")
        boolean start;
    }

    @Override
    int run(Backend backend) {
        if (act != null && act.stop != null) {
            return stop(backend, act.stop);
        } else if (act != null && act.start) {
            show(
                    backend.startConsumers(queue, reason.given()),
                    answer -> text(answer, "started") + " consumers of " + queue + " go on\n");
            return DONE;
        } else if (reason.given().isPresent()) {
            throw CliException.usage("--reason and --actor need --stop or --start");
        }
        show(backend.consumers(queue), answer -> {
            Table table = new Table("WORKER", "STATE", "IN FLIGHT", "HANDLERS", "STARTED", "LAST SEEN");
            for (JsonNode consumer : answer.path("consumers")) {
                table.row(
                        consumer,
                        text(consumer, "worker"),
                        text(consumer, "state"),
                        text(consumer, "inFlight"),
                        text(consumer, "handlers"),
                        time(consumer, "startedAt"),
                        LookCommands.age(text(consumer, "lastSeen")));
            }
            return table.draw(width());
        });
        return DONE;
    }

    private int stop(Backend backend, String howMany) {
        if (!howMany.equals("all") && !howMany.matches("[1-9]\\d{0,8}")) {
            throw CliException.usage("--stop must be all, or a number from 1 on, got " + howMany);
        }
        Duration wait = option(() -> Durations.parse("--deadline", deadline));
        if (wait.isNegative() || wait.compareTo(Duration.ofMinutes(1)) > 0) {
            throw CliException.usage("--deadline must be 0s to 1m, got " + deadline);
        }
        JsonNode receipts = backend.stopConsumers(queue, howMany, wait, reason.given());
        show(receipts, answer -> {
            StringBuilder shown = new StringBuilder(text(answer, "stopped") + " of " + text(answer, "of") + " stopped, "
                    + text(answer, "inFlight") + " in flight\n");
            answer.path("silent")
                    .forEach(one -> shown.append("! no answer from ")
                            .append(Table.escaped(text(one, "worker")))
                            .append(", which holds ")
                            .append(text(one, "holds"))
                            .append('\n'));
            return shown.toString();
        });
        return text(receipts, "stopped").equals(text(receipts, "of")) ? DONE : CliException.REFUSED;
    }
}

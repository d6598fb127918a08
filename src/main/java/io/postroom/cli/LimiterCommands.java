package io.postroom.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Sets and removes limiters. */
final class LimiterCommands {
    private LimiterCommands() {}

    /** What is limited: one of the two. */
    static final class Of {
        @Option(names = "--queue", required = true, description = "Name of the queue that is limited")
        @Nullable
        String queue;

        @Option(
                names = "--destination",
                required = true,
                description = "Name of the external system that is limited for all queues that name it")
        @Nullable
        String destination;

        SettingsVerbs.Limited limited() {
            return queue != null
                    ? new SettingsVerbs.Limited(false, queue)
                    : new SettingsVerbs.Limited(true, String.valueOf(destination));
        }

        @Override
        public String toString() {
            return queue != null ? "queue " + queue : "destination " + destination;
        }
    }

    @Command(
            name = "set",
            mixinStandardHelpOptions = true,
            description = "Sets the limiter of a queue or destination as a whole: what is left out does not limit.")
    static final class Set extends BackendCommand {
        @ArgGroup(multiplicity = "1")
        @SuppressWarnings("NullAway.Init")
        Of of;

        @Option(names = "--max-starts", description = "Most messages that start in a period")
        @Nullable
        Integer maxStarts;

        @Option(names = "--period", paramLabel = "DURATION", description = "Given with --max-starts, as in 1m")
        @Nullable
        String period;

        @Option(names = "--window", description = "sliding or fixed; default sliding")
        @Nullable
        String window;

        @Option(names = "--max-in-progress", description = "Most messages in progress")
        @Nullable
        Integer maxInProgress;

        @Option(names = "--max-starts-per-group", description = "Of a fair queue: for each group")
        @Nullable
        Integer maxStartsPerGroup;

        @Option(
                names = "--period-per-group",
                paramLabel = "DURATION",
                description = "Given with --max-starts-per-group")
        @Nullable
        String periodPerGroup;

        @Option(names = "--max-in-progress-per-group", description = "Of a fair queue: for each group")
        @Nullable
        Integer maxInProgressPerGroup;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            ObjectNode limits = CliJson.MAPPER.createObjectNode();
            CliJson.put(limits, "maxStarts", maxStarts);
            CliJson.put(limits, "period", period);
            CliJson.put(limits, "window", window);
            CliJson.put(limits, "maxInProgress", maxInProgress);
            CliJson.put(limits, "maxStartsPerGroup", maxStartsPerGroup);
            CliJson.put(limits, "periodPerGroup", periodPerGroup);
            CliJson.put(limits, "maxInProgressPerGroup", maxInProgressPerGroup);
            show(
                    backend.settings().setLimiter(of.limited(), limits.toString(), reason.given()),
                    answer -> of + " is limited\n");
            return DONE;
        }
    }

    @Command(
            name = "remove",
            mixinStandardHelpOptions = true,
            description = "Removes the limiter of a queue or destination.")
    static final class Remove extends BackendCommand {
        @ArgGroup(multiplicity = "1")
        @SuppressWarnings("NullAway.Init")
        Of of;

        @Mixin
        @SuppressWarnings("NullAway.Init")
        ReasonOptions reason;

        @Override
        int run(Backend backend) {
            show(
                    backend.settings().removeLimiter(of.limited(), reason.given()),
                    answer -> answer.path("removed").asBoolean(false)
                            ? of + " is not limited any more\n"
                            : of + " was not limited\n");
            return DONE;
        }
    }
}

package io.postroom.cli;

import picocli.CommandLine.Command;
import tools.jackson.databind.JsonNode;

/** Lists limiters with what of them is used. */
@Command(
        name = "limiters",
        mixinStandardHelpOptions = true,
        description = "Lists the limits of queues and destinations, and what of them is used. Sets and removes them.",
        subcommands = {LimiterCommands.Set.class, LimiterCommands.Remove.class})
final class LimitersCommand extends WatchedCommand {
    @Override
    int run(Backend backend) {
        return showAgain(backend::limiters, answer -> {
            Table table = new Table(
                    "OF",
                    "NAME",
                    "STARTS",
                    "IN PROGRESS",
                    "NEXT START",
                    "PARKED UNTIL",
                    "EACH GROUP",
                    "GROUPS AT LIMIT");
            for (JsonNode limiter : answer.path("limiters")) {
                boolean isOfQueue = limiter.has("queue");
                table.row(
                        limiter,
                        isOfQueue ? "queue" : "destination",
                        text(limiter, isOfQueue ? "queue" : "destination"),
                        used(limiter, "starts", "maxStarts") + in(limiter, "period"),
                        used(limiter, "inProgress", "maxInProgress"),
                        text(limiter, "nextStart").equals("PT0S") ? "now" : "in " + text(limiter, "nextStart"),
                        time(limiter, "parkedUntil"),
                        ofEachGroup(limiter),
                        text(limiter, "groupsAtLimit"));
            }
            return table.draw(width());
        });
    }

    private static String used(JsonNode limiter, String used, String most) {
        return limiter.has(most) ? text(limiter, used) + " of " + text(limiter, most) : text(limiter, used);
    }

    private static String in(JsonNode limiter, String period) {
        return limiter.has(period) ? " in " + text(limiter, period) : "";
    }

    private static String ofEachGroup(JsonNode limiter) {
        String starts = limiter.has("maxStartsPerGroup")
                ? text(limiter, "maxStartsPerGroup") + " starts" + in(limiter, "periodPerGroup")
                : "";
        String inProgress =
                limiter.has("maxInProgressPerGroup") ? text(limiter, "maxInProgressPerGroup") + " in progress" : "";
        return starts.isEmpty() || inProgress.isEmpty() ? starts + inProgress : starts + ", " + inProgress;
    }
}

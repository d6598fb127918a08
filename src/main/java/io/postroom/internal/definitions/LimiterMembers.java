package io.postroom.internal.definitions;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.Limits;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The limiters of a definitions file, and the weights of groups, with the members that they have over HTTP. */
final class LimiterMembers {
    private static final List<String> MEMBERS = List.of(
            "queue",
            "destination",
            "maxStarts",
            "period",
            "window",
            "maxInProgress",
            "maxStartsPerGroup",
            "periodPerGroup",
            "maxInProgressPerGroup");
    private static final int MOST_WEIGHTS = 1000;
    private static final int HEAVIEST = 100;

    private LimiterMembers() {}

    static String name(Limiter limiter) {
        return limiter.queue()
                .map(queue -> "queue " + queue)
                .orElseGet(() -> "destination " + limiter.destination().orElse(""));
    }

    static Map<String, Object> shown(Limiter limiter) {
        Map<String, Object> shown = new LinkedHashMap<>();
        limiter.queue().ifPresent(queue -> shown.put("queue", queue));
        limiter.destination().ifPresent(destination -> shown.put("destination", destination));
        limiter.maxStarts().ifPresent(starts -> shown.put("maxStarts", starts));
        limiter.period().ifPresent(period -> shown.put("period", Durations.format(period)));
        if (limiter.window() != Limiter.Window.SLIDING) {
            shown.put("window", limiter.window().word());
        }
        limiter.maxInProgress().ifPresent(messages -> shown.put("maxInProgress", messages));
        limiter.maxStartsPerGroup().ifPresent(starts -> shown.put("maxStartsPerGroup", starts));
        limiter.periodPerGroup().ifPresent(period -> shown.put("periodPerGroup", Durations.format(period)));
        limiter.maxInProgressPerGroup().ifPresent(messages -> shown.put("maxInProgressPerGroup", messages));
        return shown;
    }

    static Limiter limiter(Entry entry, Renames renames) {
        entry.requireKnown(MEMBERS);
        return new Limiter(
                        entry.optionalText("queue").map(renames::of),
                        entry.optionalText("destination"),
                        entry.optionalNumber("maxStarts"),
                        entry.optionalText("period").map(text -> Durations.parse("period", text)),
                        entry.optionalText("window").map(Limiter.Window::ofWord).orElse(Limiter.Window.SLIDING),
                        entry.optionalNumber("maxInProgress"),
                        entry.optionalNumber("maxStartsPerGroup"),
                        entry.optionalText("periodPerGroup").map(text -> Durations.parse("periodPerGroup", text)),
                        entry.optionalNumber("maxInProgressPerGroup"))
                .requireLimit();
    }

    /** The weights of the groups of a queue; none: the file says nothing about them. */
    static Map<String, Integer> groupWeights(Entry queue) {
        Map<String, Integer> weights = new LinkedHashMap<>();
        queue.members("groupWeights").forEach((group, weight) -> {
            Limits.requireText("groupWeights", group, Limits.KEY_LENGTH);
            if (!weight.isInt() || weight.intValue() < 1 || weight.intValue() > HEAVIEST) {
                throw new InvalidMessageException(
                        "groupWeights", "whole numbers of 1 to " + HEAVIEST, group + ": " + Entry.shown(weight));
            }
            weights.put(group, weight.intValue());
        });
        if (weights.size() > MOST_WEIGHTS) {
            throw new InvalidMessageException(
                    "groupWeights", "of at most " + MOST_WEIGHTS + " groups", "" + weights.size());
        }
        return weights;
    }
}

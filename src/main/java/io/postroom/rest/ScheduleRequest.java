package io.postroom.rest;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Turns the body of a {@code PUT} into a {@link Schedule}. Its member {@code message} is read as the body of {@code POST /api/v1/messages}
 * is, with one difference: nothing comes in from outside, so its direction is OUTGOING unless the request says otherwise.
 */
final class ScheduleRequest {
    private static final String[] TIMINGS = {"cron", "every", "afterEnd", "at"};

    private ScheduleRequest() {}

    /**
     * @throws ProblemException not JSON
     * @throws InvalidMessageException a member is not known, or not what it must be
     */
    static Schedule read(String name, String body) {
        JsonMembers given = JsonMembers.read(
                body, "cron", "zone", "every", "afterEnd", "at", "missed", "missedLimit", "overlap", "message");
        Schedule schedule = timed(name, given);
        Optional<String> zone = given.text("zone");
        schedule = zone.isEmpty() ? schedule : schedule.zone(zone.get());
        schedule = withMissed(schedule, given);
        Optional<Overlap> overlap = word(given, "overlap", Overlap.values());
        schedule = overlap.isEmpty() ? schedule : schedule.overlap(overlap.get());
        Optional<String> message = given.object("message");
        return message.isEmpty() ? schedule : schedule.message(MessageRequest.readScheduled(message.get()));
    }

    private static Schedule timed(String name, JsonMembers given) {
        String found = Stream.of(TIMINGS)
                .filter(timing -> given.text(timing).isPresent())
                .collect(Collectors.joining(" and "));
        String value = given.text(found).orElse("");
        return switch (found) {
            case "cron" -> Schedule.cron(name, value);
            case "every" -> Schedule.every(name, Durations.parse("every", value));
            case "afterEnd" -> Schedule.afterEnd(name, Durations.parse("afterEnd", value));
            case "at" -> Schedule.at(name, MessageRequest.instant(value));
            default ->
                throw new InvalidMessageException(
                        "cron",
                        "given, or one of every, afterEnd and at, and only one of them",
                        found.isEmpty() ? "nothing" : found);
        };
    }

    private static Schedule withMissed(Schedule schedule, JsonMembers given) {
        Optional<MissedRuns> missed = word(given, "missed", MissedRuns.values());
        Optional<Integer> limit = given.integer("missedLimit");
        if (limit.isPresent() && missed.filter(MissedRuns.ALL::equals).isEmpty()) {
            throw new InvalidMessageException(
                    "missedLimit", "given only with ALL", limit.get().toString());
        } else if (limit.isPresent()) {
            return schedule.missedUpTo(limit.get());
        }
        return missed.isEmpty() ? schedule : schedule.missed(missed.get());
    }

    private static <E extends Enum<E>> Optional<E> word(JsonMembers given, String member, E[] known) {
        return given.text(member)
                .map(text -> Stream.of(known)
                        .filter(each -> each.name().equals(text))
                        .findAny()
                        .orElseThrow(() -> new InvalidMessageException(
                                member,
                                "one of " + Arrays.stream(known).map(Enum::name).collect(Collectors.joining(", ")),
                                text)));
    }
}

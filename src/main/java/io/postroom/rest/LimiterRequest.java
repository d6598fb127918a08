package io.postroom.rest;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;

/** Reads the limits of a queue or destination from JSON. */
public final class LimiterRequest {
    private LimiterRequest() {}

    /**
     * Reads limits. A member that is left out does not limit.
     *
     * @param named of what they are
     * @throws InvalidMessageException a value breaks a limit
     * @throws ProblemException the text is no JSON object, or has an unknown member
     */
    public static Limiter read(Limiter named, String json) {
        JsonMembers given = JsonMembers.read(
                json,
                "maxStarts",
                "period",
                "window",
                "maxInProgress",
                "maxStartsPerGroup",
                "periodPerGroup",
                "maxInProgressPerGroup");
        return new Limiter(
                named.queue(),
                named.destination(),
                given.integer("maxStarts"),
                given.text("period").map(time -> Durations.parse("period", time)),
                given.text("window").map(Limiter.Window::ofWord).orElse(Limiter.Window.SLIDING),
                given.integer("maxInProgress"),
                given.integer("maxStartsPerGroup"),
                given.text("periodPerGroup").map(time -> Durations.parse("periodPerGroup", time)),
                given.integer("maxInProgressPerGroup"));
    }
}

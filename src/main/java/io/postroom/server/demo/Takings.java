package io.postroom.server.demo;

import io.postroom.api.CreateMessage;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import java.time.Duration;

/** Writes down by a schedule what has been taken so far: a row for each run, which commits with its message. */
final class Takings {
    static final String QUEUE = "takings";
    static final String SCHEDULE = "demo-takings";

    static final String TYPE = "takings.asked";
    private static final Duration PERIOD = Duration.ofSeconds(2);
    /** After a kill, what the schedule fires without a handler does not pile up. */
    private static final Duration TIME_TO_LIVE = Duration.ofMinutes(1);

    private Takings() {}

    /** The payload: nothing but the question. */
    @MessageType(TYPE)
    record Asked() {}

    static Schedule schedule() {
        return Schedule.every(SCHEDULE, PERIOD)
                .message(CreateMessage.to(QUEUE).json(TYPE, 1, "{}").timeToLive(TIME_TO_LIVE));
    }

    static Handler handler() {
        return Handler.process(QUEUE, Asked.class, (asked, context) -> {
                    DemoBooks.noteTakings(context.connection(), context.id());
                    return Outcome.done();
                })
                .id("demo-takings")
                .concurrency(1)
                .mode(HandlerMode.ATOMIC);
    }
}

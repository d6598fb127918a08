package io.postroom.spring;

import static io.postroom.spring.InvalidHandlerException.require;

import io.postroom.api.CreateMessage;
import io.postroom.api.Durations;
import io.postroom.api.MessageTypes;
import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import io.postroom.handler.OnSchedule;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.springframework.core.annotation.MergedAnnotation;

/** Reads the schedules of handlers from {@link OnSchedule}. */
final class HandlerSchedules {
    /** As a cron expression: no schedule, as with Spring's own annotation. */
    private static final String OFF = "-";

    private final HandlerSettings settings;
    private final List<Schedule> found = new ArrayList<>();

    HandlerSchedules(HandlerSettings settings) {
        this.settings = settings;
    }

    List<Schedule> found() {
        return found;
    }

    /**
     * @param annotation missing: the handler has no schedule
     * @param payload the class that the handler takes
     */
    void add(MergedAnnotation<OnSchedule> annotation, Handler handler, Class<?> payload) {
        if (!annotation.isPresent() || settings.text(annotation, "cron").equals(OFF)) {
            return;
        }
        String name = settings.text(annotation, "name");
        String json = settings.text(annotation, "payload");
        CreateMessage message = CreateMessage.to(handler.queue()).direction(handler.direction());
        found.add(timed(annotation, name.isEmpty() ? handler.id() : name)
                .missed(annotation.getEnum("missed", MissedRuns.class))
                .overlap(annotation.getEnum("overlap", Overlap.class))
                .message(MessageTypes.of(payload)
                        .map(type -> message.json(type.value(), type.version(), json))
                        .orElseGet(() -> message.json(json))));
    }

    private Schedule timed(MergedAnnotation<OnSchedule> annotation, String name) {
        String cron = settings.text(annotation, "cron");
        String zone = settings.text(annotation, "zone");
        String every = settings.text(annotation, "every");
        String afterEnd = settings.text(annotation, "afterEnd");
        require(
                Stream.of(cron, every, afterEnd).filter(text -> !text.isEmpty()).count() == 1,
                "has @OnSchedule that does not say when",
                "Give one of cron, every and afterEnd, and only one of them");
        Schedule schedule;
        if (!cron.isEmpty()) {
            schedule = Schedule.cron(name, cron);
        } else if (!every.isEmpty()) {
            schedule = Schedule.every(name, Durations.parse("every", every));
        } else {
            schedule = Schedule.afterEnd(name, Durations.parse("afterEnd", afterEnd));
        }
        return zone.isEmpty() ? schedule : schedule.zone(zone);
    }
}

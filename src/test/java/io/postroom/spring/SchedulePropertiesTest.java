package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.mock.env.MockEnvironment;

/** Schedules as properties declare them. */
class SchedulePropertiesTest {
    @Test
    void schedules_are_read_also_with_dots_in_their_names() {
        assertThat(declared(
                        "postroom.schedules.nightly.cron=30 2 * * *",
                        "postroom.schedules.nightly.zone=Europe/Berlin",
                        "postroom.schedules.nightly.queue=reports",
                        "postroom.schedules.nightly.type=report",
                        "postroom.schedules.nightly.version=2",
                        "postroom.schedules.nightly.payload={\"n\": 1}",
                        "postroom.schedules.nightly.headers.x-tenant=north",
                        "postroom.schedules.nightly.missed=all",
                        "postroom.schedules.nightly.missed-limit=7",
                        "postroom.schedules.poll.north.after-end=10m",
                        "postroom.schedules.poll.north.overlap=skip",
                        "postroom.schedules.poll.north.exchange=partners",
                        "postroom.schedules.poll.north.routing-key=poll",
                        "postroom.schedules.poll.north.priority=7",
                        "postroom.schedules.poll.north.time-to-live=1h",
                        "postroom.schedules.once.at=2030-01-31T09:00:00+01:00",
                        "postroom.schedules.once.queue=q"))
                .containsExactlyInAnyOrder(
                        Schedule.cron("nightly", "30 2 * * *")
                                .zone("Europe/Berlin")
                                .missedUpTo(7)
                                .message(CreateMessage.to("reports")
                                        .json("report", 2, "{\"n\": 1}")
                                        .header("x-tenant", "north")),
                        Schedule.afterEnd("poll.north", Duration.ofMinutes(10))
                                .overlap(Overlap.SKIP)
                                .message(CreateMessage.via("partners", "poll")
                                        .json("null")
                                        .priority(7)
                                        .timeToLive(Duration.ofHours(1))),
                        Schedule.at("once", Instant.parse("2030-01-31T08:00:00Z"))
                                .message(CreateMessage.to("q").json("null")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "nightly.crom=@daily | is no setting of a schedule",
                "nightly=@daily | is no setting of a schedule",
                "nightly.cron.zone=UTC | postroom.schedules.nightly.cron: cron must be given",
                "nightly.queue=q | cron must be given",
                "nightly.cron=@daily;nightly.every=1h;nightly.queue=q | and only one of them, got \"2 of them\"",
                "nightly.cron=@daily | queue must be given",
                "nightly.cron=@daily;nightly.queue=q;nightly.exchange=e | only one of them",
                "nightly.cron=@daily;nightly.queue=q;nightly.routing-key=k | routing-key must be given only with exchange",
                "nightly.cron=@daily;nightly.queue=q;nightly.version=2 | version must be given only with type",
                "nightly.every=1h;nightly.zone=UTC;nightly.queue=q | zone must be given only with cron",
                "nightly.every=500ms;nightly.queue=q | every must be PT1S",
                "nightly.every=often;nightly.queue=q | postroom.schedules.nightly.every cannot be read",
                "nightly.at=2030-02-30T08:00:00Z;nightly.queue=q | at must be a time with a zone",
                "nightly.every=1h;nightly.missed=twice;nightly.queue=q | postroom.schedules.nightly.missed cannot be read",
                "nightly.every=1h;nightly.missed-limit=5;nightly.queue=q | missed-limit must be given only with all",
                "nightly.every=1h;nightly.priority=10;nightly.queue=q | priority must be",
                "[a b].every=1h;[a b].queue=q | name must be 1 to 127",
            })
    void wrong_property_stops_the_start_and_is_named(String properties, String refusal) {
        String[] each = properties.split(";");
        for (int i = 0; i < each.length; i++) {
            each[i] = "postroom.schedules" + (each[i].startsWith("[") ? "" : ".") + each[i];
        }
        assertThatThrownBy(() -> declared(each))
                .isInstanceOf(StartProblem.class)
                .hasMessageContaining("postroom.schedules")
                .hasMessageContaining(refusal);
    }

    private static List<Schedule> declared(String... properties) {
        MockEnvironment environment = new MockEnvironment();
        for (String property : properties) {
            int end = property.indexOf('=');
            environment.setProperty(property.substring(0, end), property.substring(end + 1));
        }
        return ScheduleProperties.declared(environment);
    }
}

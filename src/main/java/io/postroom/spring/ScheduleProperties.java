package io.postroom.spring;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.core.env.Environment;

/**
 * A schedule that is declared at the start, under {@code postroom.schedules.<name>}.
 *
 * @param cron Cron expression: 5 fields, 6 with seconds first, or @daily and the like.
 * @param zone Time zone of the cron expression; default UTC.
 * @param every Fixed interval, 1 second to 400 days.
 * @param afterEnd Pause between the end of a message and the next one, 1 second to 400 days.
 * @param at The one time at which it fires, such as 2030-01-31T08:00:00Z.
 * @param missed What is done about missed runs: none, once or all; default once.
 * @param missedLimit Most runs that are made up with all, 1 to 1000; default 100.
 * @param overlap What is done while the message before is unfinished: queue, skip or cancel; default queue.
 * @param queue Queue of the messages.
 * @param exchange Exchange of the messages, instead of a queue.
 * @param routingKey Routing key of the messages; only with an exchange.
 * @param type Type of the payload.
 * @param version Version of the type; default 1.
 * @param payload JSON; default null.
 * @param priority Priority, 0 to 9.
 * @param delay Delay of each message.
 * @param timeToLive Time to live of each message.
 * @param group Group of the messages.
 * @param correlationId Correlation id of the messages.
 * @param headers Headers of the messages.
 */
record ScheduleProperties(
        @Nullable String cron,
        @Nullable String zone,
        @Nullable Duration every,
        @Nullable Duration afterEnd,
        @Nullable String at,
        @Nullable MissedRuns missed,
        @Nullable Integer missedLimit,
        @Nullable Overlap overlap,
        @Nullable String queue,
        @Nullable String exchange,
        @Nullable String routingKey,
        @Nullable String type,
        @Nullable Integer version,
        @Nullable String payload,
        @Nullable Integer priority,
        @Nullable Duration delay,
        @Nullable Duration timeToLive,
        @Nullable String group,
        @Nullable String correlationId,
        @Nullable Map<String, String> headers) {
    /** The settings as in a file; headers have names of their own below them. */
    static final List<String> KEYS = List.of(
            "cron",
            "zone",
            "every",
            "after-end",
            "at",
            "missed",
            "missed-limit",
            "overlap",
            "queue",
            "exchange",
            "routing-key",
            "type",
            "version",
            "payload",
            "priority",
            "delay",
            "time-to-live",
            "group",
            "correlation-id",
            "headers");

    private static final NamedProperties PROPERTIES =
            NamedProperties.of("postroom.schedules", "a schedule", KEYS, Set.of("headers"), "docs/configuration.md");

    /**
     * Reads all schedules.
     *
     * @throws StartProblem a property has no such setting, or a value that breaks a limit; the text names the property
     */
    static List<Schedule> declared(Environment environment) {
        List<Schedule> schedules = new ArrayList<>();
        PROPERTIES.bind(
                environment,
                ScheduleProperties.class,
                (schedule, name, bound) -> schedules.add(bound.schedule(schedule, name)));
        return schedules;
    }

    private Schedule schedule(String schedule, ConfigurationPropertyName name) {
        try {
            return withRules(timed(schedule)).message(message());
        } catch (InvalidMessageException refused) {
            throw new StartProblem(name + ": " + refused.getMessage(), "Correct the properties below " + name, refused);
        }
    }

    private Schedule timed(String name) {
        List<Schedule> given = new ArrayList<>();
        if (cron != null) {
            given.add(Schedule.cron(name, cron));
        }
        if (every != null) {
            given.add(Schedule.every(name, every));
        }
        if (afterEnd != null) {
            given.add(Schedule.afterEnd(name, afterEnd));
        }
        if (at != null) {
            given.add(Schedule.at(name, instant(at)));
        }
        if (given.size() != 1) {
            throw new InvalidMessageException(
                    "cron",
                    "given, or one of every, after-end and at, and only one of them",
                    given.size() + " of them");
        }
        return zone == null ? given.get(0) : given.get(0).zone(zone);
    }

    private Schedule withRules(Schedule timed) {
        Schedule schedule = missed == null ? timed : timed.missed(missed);
        if (missedLimit != null && missed != MissedRuns.ALL) {
            throw new InvalidMessageException("missed-limit", "given only with all", missedLimit.toString());
        }
        schedule = missedLimit == null ? schedule : schedule.missedUpTo(missedLimit);
        return overlap == null ? schedule : schedule.overlap(overlap);
    }

    private CreateMessage message() {
        CreateMessage message = withContent(addressed());
        message = priority == null ? message : message.priority(priority);
        message = delay == null ? message : message.delay(delay);
        message = timeToLive == null ? message : message.timeToLive(timeToLive);
        message = group == null ? message : message.group(group);
        message = correlationId == null ? message : message.correlationId(correlationId);
        for (Map.Entry<String, String> header :
                headers == null ? Map.<String, String>of().entrySet() : headers.entrySet()) {
            message = message.header(header.getKey(), header.getValue());
        }
        return message;
    }

    private CreateMessage addressed() {
        if ((queue == null) == (exchange == null)) {
            throw new InvalidMessageException(
                    "queue", "given, or exchange, and only one of them", queue == null ? "nothing" : "both");
        } else if (exchange != null) {
            return CreateMessage.via(exchange, routingKey == null ? "" : routingKey);
        } else if (routingKey != null) {
            throw new InvalidMessageException("routing-key", "given only with exchange", routingKey);
        }
        return CreateMessage.to(queue);
    }

    private CreateMessage withContent(CreateMessage message) {
        String json = payload == null ? "null" : payload;
        if (type != null) {
            return message.json(type, version == null ? 1 : version, json);
        } else if (version != null) {
            throw new InvalidMessageException("version", "given only with type", version.toString());
        }
        return message.json(json);
    }

    private static Instant instant(String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeException unreadable) {
            throw new InvalidMessageException("at", "a time with a zone, such as 2030-01-31T08:00:00Z", text);
        }
    }
}

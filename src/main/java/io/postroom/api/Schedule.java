package io.postroom.api;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A message that is created at planned times. Immutable. There is no {@code build()}: every method returns a changed copy, and refuses a
 * value outside its limits with {@link InvalidMessageException} at once. The text of a cron expression and its zone are read by {@link
 * Schedules#declare}.
 *
 * <pre>{@code
 * Schedule.cron("nightly-report", "30 2 * * *").zone("Europe/Berlin").message(CreateMessage.to("reports").payload(new Report(...)))
 * }</pre>
 *
 * <p>Each message has the headers {@link #PLANNED_AT} and {@link #SCHEDULE}. So it may have at most 62 of its own.
 *
 * @param name limited like a queue's name
 * @param timing when it fires
 * @param message what it creates; empty until {@link #message} was called. It has no id, due time or deduplication key
 * @param missed what is done about times that passed while nobody fired
 * @param missedLimit most runs for {@link MissedRuns#ALL}, 1 to 1000; 1 with the others
 * @param overlap what is done while the message before is unfinished
 */
public record Schedule(
        String name,
        Timing timing,
        Optional<CreateMessage> message,
        MissedRuns missed,
        int missedLimit,
        Overlap overlap) {
    /**
     * The header with the planned time, in ISO 8601 and UTC, such as {@code 2026-03-29T01:00:00Z}: {@code postroom-planned-at}. Of a run
     * that was asked for it is when it was.
     */
    public static final String PLANNED_AT = "postroom-planned-at";
    /** The header with the name of the schedule: {@code postroom-schedule}. */
    public static final String SCHEDULE = "postroom-schedule";

    /** When a schedule fires. */
    public sealed interface Timing {
        /**
         * At the times of an expression on the clock of a zone.
         *
         * @param expression 1 to 200 characters
         * @param zone id of a time zone
         */
        record Cron(String expression, String zone) implements Timing {
            public Cron {
                Limits.requireText("cron", expression, Limits.KEY_LENGTH);
                Limits.requireText("zone", zone, Limits.KEY_LENGTH);
            }
        }

        /**
         * From planned time to planned time.
         *
         * @param period 1 second to 400 days
         */
        record Every(Duration period) implements Timing {
            public Every {
                Limits.requireDuration("every", period, Duration.ofSeconds(1));
            }
        }

        /**
         * From the end of a message to the next one.
         *
         * @param pause 1 second to 400 days
         */
        record AfterEnd(Duration pause) implements Timing {
            public AfterEnd {
                Limits.requireDuration("afterEnd", pause, Duration.ofSeconds(1));
            }
        }

        /**
         * Once.
         *
         * @param instant from 1970 to the end of the year 9999
         */
        record At(Instant instant) implements Timing {
            private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59Z");

            public At {
                if (instant.isBefore(Instant.EPOCH) || instant.isAfter(LATEST)) {
                    throw new InvalidMessageException(
                            "at", "from 1970 to the end of the year 9999", instant.toString());
                }
            }
        }
    }

    public Schedule {
        Limits.requireName("name", name);
        Limits.requireRange("missedLimit", missedLimit, 1, 1000);
        message.ifPresent(Schedule::requireRepeatable);
        if (message.isPresent()) {
            stamped(message.get(), name, Instant.EPOCH); // has the limits of headers
        }
    }

    private static void requireRepeatable(CreateMessage message) {
        message.id().ifPresent(id -> refuse("id", id.toString()));
        message.dueAt().ifPresent(at -> refuse("at", at.toString()));
        message.deduplicationKey().ifPresent(key -> refuse("deduplicationKey", key));
    }

    private static void refuse(String field, String value) {
        throw new InvalidMessageException(
                field,
                "left out in the message of a schedule",
                value,
                "Each run has a message of its own; its planned time is in header " + PLANNED_AT);
    }

    /**
     * Begins a schedule with the times of a cron expression, in UTC unless {@link #zone} is called.
     *
     * <p>Clocks put forward: times that fall into the gap give one run right after it. Clocks put back: times of the doubled hour run once,
     * in its first pass. An expression whose minute or hour begins with {@code *} is an interval instead, which follows the clock: nothing
     * is made up, and both passes run.
     *
     * @param name 1 to 127 of {@code A-Z a-z 0-9 . _ : -}, first a letter or digit
     * @param expression 5 fields (minute, hour, day of month, month, day of week), 6 with seconds before them, or one of {@code @yearly},
     *     {@code @monthly}, {@code @weekly}, {@code @daily}, {@code @hourly}. With 5 fields and both days given, either suffices, as in
     *     crontab; where one of them begins with {@code *}, and with 6 fields, both must hold
     */
    public static Schedule cron(String name, String expression) {
        return of(name, new Timing.Cron(expression, "UTC"));
    }

    /** Begins a schedule with a fixed interval, from planned time to planned time. The first is one period after the declaration. */
    public static Schedule every(String name, Duration period) {
        return of(name, new Timing.Every(period));
    }

    /**
     * Begins a schedule with a fixed pause between the end of a message and the next one. The end is DONE, CANCELLED, EXPIRED or DEAD. The
     * first run is one pause after the declaration.
     */
    public static Schedule afterEnd(String name, Duration pause) {
        return of(name, new Timing.AfterEnd(pause));
    }

    /** Begins a schedule that fires once. An instant in the past is a missed run, for which {@link #missed} holds. */
    public static Schedule at(String name, Instant instant) {
        return of(name, new Timing.At(instant));
    }

    private static Schedule of(String name, Timing timing) {
        return new Schedule(name, timing, Optional.empty(), MissedRuns.ONCE, 1, Overlap.QUEUE);
    }

    /**
     * Sets the zone of a cron expression, such as {@code Europe/Berlin}; default {@code UTC}.
     *
     * @throws InvalidMessageException the schedule has no cron expression
     */
    public Schedule zone(String zone) {
        if (timing instanceof Timing.Cron cron) {
            return new Schedule(name, new Timing.Cron(cron.expression(), zone), message, missed, missedLimit, overlap);
        }
        throw new InvalidMessageException("zone", "given only with cron", zone);
    }

    /** Sets the message. It may have a delay, which begins when it is created. */
    public Schedule message(CreateMessage message) {
        return new Schedule(name, timing, Optional.of(message), missed, missedLimit, overlap);
    }

    /** Sets what is done about missed runs; default {@link MissedRuns#ONCE}. {@link MissedRuns#ALL} means up to 100. */
    public Schedule missed(MissedRuns missed) {
        return new Schedule(name, timing, message, missed, missed == MissedRuns.ALL ? 100 : 1, overlap);
    }

    /** Makes up all missed runs, but at most this many: the last ones; 1 to 1000. */
    public Schedule missedUpTo(int runs) {
        return new Schedule(name, timing, message, MissedRuns.ALL, runs, overlap);
    }

    /** Sets what is done while the message before is unfinished; default {@link Overlap#QUEUE}. */
    public Schedule overlap(Overlap overlap) {
        return new Schedule(name, timing, message, missed, missedLimit, overlap);
    }

    /** Answers the message with the headers of a run. */
    public static CreateMessage stamped(CreateMessage message, String schedule, Instant plannedAt) {
        return message.header(SCHEDULE, schedule).header(PLANNED_AT, plannedAt.toString());
    }
}

package io.postroom.handler;

import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Declares at the start a schedule whose messages this handler takes. Stands beside {@link SendMessage} or {@link ProcessingMessage}, on a
 * method or class:
 *
 * <pre>{@code
 * @SendMessage("reports")
 * @OnSchedule(cron = "30 2 * * *", zone = "Europe/Berlin")
 * void nightlyReport(ReportRequest request) {...}
 * }</pre>
 *
 * <p>Each planned time is one message in the handler's queue, whichever processes run. So it is retried, timed and shown like every other
 * one. What an operator has set stays: see {@link io.postroom.api.Schedules#declare}. A schedule whose annotation is taken away goes on
 * until it is deleted. Texts may hold placeholders such as {@code ${reports.cron}}. An attribute that breaks a limit stops the start.
 *
 * <p>Exactly one of {@link #cron}, {@link #every} and {@link #afterEnd} is given.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
public @interface OnSchedule {
    /** The name of the schedule; default the handler's id. */
    String name() default "";

    /** A cron expression: 5 fields, 6 with seconds first, or {@code @daily} and the like. {@code "-"}: no schedule is declared. */
    String cron() default "";

    /** The time zone of the cron expression; default {@code UTC}. */
    String zone() default "";

    /** From planned time to planned time, such as {@code 10m}; 1 second to 400 days. */
    String every() default "";

    /** From the end of a message to the next one, such as {@code 10m}; 1 second to 400 days. */
    String afterEnd() default "";

    /** What is done about times that passed while nobody fired. {@link MissedRuns#ALL} makes up 100 runs at most. */
    MissedRuns missed() default MissedRuns.ONCE;

    /** What is done while the message before is unfinished. */
    Overlap overlap() default Overlap.QUEUE;

    /** The payload of each message, as JSON of the class that the handler takes. */
    String payload() default "{}";
}

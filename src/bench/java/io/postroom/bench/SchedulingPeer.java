package io.postroom.bench;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.List;

/**
 * A library with schedules, for W14, set up as for the other workloads. A schedule calls a job that does nothing. Stateless; what it has
 * open is a {@link Line}. One open line at a time in this JVM.
 */
interface SchedulingPeer {
    int THREADS = 16;
    ZoneId ZONE = ZoneId.of("Europe/Berlin");
    /** No schedule is due before. */
    Duration REST = Duration.ofHours(11);

    static List<SchedulingPeer> all() {
        return List.of(
                new PostroomSchedules(), new DbSchedulerSchedules(), new JobRunrSchedules(), new QuartzSchedules());
    }

    /** The name as it stands in the tables, in lower case. */
    String name();

    /** How it was set, in one line for the report. */
    String settings();

    /** How many schedules it is measured with at rest. */
    int atRest();

    /** How many of them are due at once; what it fires within a minute or so. */
    int due();

    /** @param job run by each firing, on a thread of the library */
    Line open(BenchDatabase database, Runnable job) throws Exception;

    /** The time of the day in {@link #ZONE} at which cron schedules are due, hours ahead. */
    static ZonedDateTime restingUntil() {
        return ZonedDateTime.now(ZONE).plus(REST);
    }

    /** Schedules in a database of their own. */
    interface Line extends AutoCloseable {
        /**
         * Adds schedules named by {@link #id}, half of them cron schedules or what comes next to them, half intervals of a day. Nothing
         * runs yet.
         */
        void add(int schedules) throws Exception;

        /** Adds schedules for {@link #makeDue}. */
        default void addForFiring(int schedules) throws Exception {
            add(schedules);
        }

        /** Starts the scheduler. */
        void begin() throws Exception;

        /** Makes that many of them due at one instant, some seconds ahead, and returns it. */
        Instant makeDue(int schedules) throws Exception;

        @Override
        void close() throws Exception;
    }

    static String id(int number) {
        return "s-" + number;
    }
}

package io.postroom.bench;

import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.stream.IntStream;
import org.jobrunr.scheduling.JobRequestScheduler;

/**
 * Recurring jobs of JobRunr, the free edition. Its server looks through all of them at each poll, and creates the next run of each as a
 * scheduled job ahead of its time. Which time has come is known from the expression alone, so those that are fired are due each minute.
 */
final class JobRunrSchedules implements SchedulingPeer {
    /** Enough for two polls, of which the first one creates the runs. */
    private static final Duration AHEAD = Duration.ofSeconds(20);

    @Override
    public String name() {
        return "jobrunr";
    }

    @Override
    public String settings() {
        return "scheduleRecurrently (cron, Duration), " + new JobRunr().settings();
    }

    @Override
    public int atRest() {
        return 10_000;
    }

    @Override
    public int due() {
        return 10_000;
    }

    @Override
    public Line open(BenchDatabase database, Runnable job) {
        JobRunr.JobRunrLine line = new JobRunr.JobRunrLine(Peers.pool(database));
        line.prepare(any -> job.run());
        return new Recurring(line);
    }

    private record Recurring(JobRunr.JobRunrLine line) implements Line {
        @Override
        public void add(int schedules) {
            ZonedDateTime time = SchedulingPeer.restingUntil();
            JobRequestScheduler scheduler = line.scheduler();
            String cron = time.getMinute() + " " + time.getHour() + " * * *";
            JobRunr.Message message = new JobRunr.Message("daily");
            IntStream.rangeClosed(1, schedules).parallel().forEach(i -> {
                if (i % 2 == 0) {
                    scheduler.scheduleRecurrently(SchedulingPeer.id(i), cron, ZONE, message);
                } else {
                    scheduler.scheduleRecurrently(SchedulingPeer.id(i), Duration.ofDays(1), message);
                }
            });
        }

        @Override
        public void begin() {
            line.begin();
        }

        /** Due at each full minute. */
        @Override
        public void addForFiring(int schedules) {
            JobRunr.Message message = new JobRunr.Message("each minute");
            IntStream.rangeClosed(1, schedules)
                    .parallel()
                    .forEach(i ->
                            line.scheduler().scheduleRecurrently(SchedulingPeer.id(i), "* * * * *", ZONE, message));
        }

        @Override
        public Instant makeDue(int schedules) {
            return Instant.now().plus(AHEAD).truncatedTo(ChronoUnit.MINUTES).plus(1, ChronoUnit.MINUTES);
        }

        @Override
        public void close() {
            line.close();
        }
    }
}

package io.postroom.bench;

import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TimeZone;
import org.quartz.CronScheduleBuilder;
import org.quartz.SimpleScheduleBuilder;
import org.quartz.Trigger;
import org.quartz.TriggerBuilder;

/** Cron and interval triggers of Quartz in its JDBC store, all of one durable job. */
final class QuartzSchedules implements SchedulingPeer {
    private static final Duration AHEAD = Duration.ofSeconds(4);
    private static final int BLOCK = 1_000;

    @Override
    public String name() {
        return "quartz";
    }

    @Override
    public String settings() {
        return "CronTrigger and SimpleTrigger, " + new Quartz().settings();
    }

    @Override
    public int atRest() {
        return 10_000;
    }

    @Override
    public int due() {
        return 1_000;
    }

    @Override
    public Line open(BenchDatabase database, Runnable job) throws Exception {
        Quartz.QuartzLine line = Quartz.openLine(database);
        line.prepare(any -> job.run());
        return new Triggers(line);
    }

    private record Triggers(Quartz.QuartzLine line) implements Line {
        @Override
        public void add(int schedules) throws Exception {
            ZonedDateTime time = SchedulingPeer.restingUntil();
            CronScheduleBuilder daily = CronScheduleBuilder.dailyAtHourAndMinute(time.getHour(), time.getMinute())
                    .inTimeZone(TimeZone.getTimeZone(ZONE));
            SimpleScheduleBuilder interval = SimpleScheduleBuilder.repeatHourlyForever(24);
            for (int from = 1; from <= schedules; from += BLOCK) {
                Set<Trigger> triggers = new HashSet<>();
                for (int i = from; i < Math.min(from + BLOCK, schedules + 1); i++) {
                    TriggerBuilder<Trigger> trigger = TriggerBuilder.newTrigger()
                            .withIdentity(SchedulingPeer.id(i))
                            .forJob(line.job());
                    triggers.add(
                            i % 2 == 0
                                    ? trigger.withSchedule(daily).build()
                                    : trigger.withSchedule(interval)
                                            .startAt(Date.from(time.toInstant()))
                                            .build());
                }
                line.scheduler().scheduleJobs(Map.of(line.job(), triggers), true);
            }
            for (String table : List.of("qrtz_triggers", "qrtz_cron_triggers", "qrtz_simple_triggers")) {
                Peers.update(line.pool(), "VACUUM ANALYZE " + table);
            }
        }

        @Override
        public void begin() throws Exception {
            line.begin();
        }

        @Override
        public Instant makeDue(int schedules) throws Exception {
            Instant at = Instant.now().plus(AHEAD);
            Peers.update(
                    line.pool(),
                    "UPDATE qrtz_triggers SET next_fire_time = ? WHERE substr(trigger_name, 3)::int <= ?",
                    at.toEpochMilli(),
                    schedules);
            return at;
        }

        @Override
        public void close() throws Exception {
            line.close();
        }
    }
}

package io.postroom.bench;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.task.SchedulableInstance;
import com.github.kagkarlsson.scheduler.task.helper.PlainScheduleAndData;
import com.github.kagkarlsson.scheduler.task.helper.RecurringTaskWithPersistentSchedule;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.github.kagkarlsson.scheduler.task.schedule.Schedule;
import com.github.kagkarlsson.scheduler.task.schedule.Schedules;
import com.zaxxer.hikari.HikariDataSource;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.List;

/** Recurring tasks of db-scheduler, each with a schedule of its own: those are the ones that may be added while it runs. */
final class DbSchedulerSchedules implements SchedulingPeer {
    private static final Duration AHEAD = Duration.ofSeconds(4);

    @Override
    public String name() {
        return "db-scheduler";
    }

    @Override
    public String settings() {
        return "recurringWithPersistentSchedule (daily, fixedDelay), " + new DbScheduler().settings();
    }

    @Override
    public int atRest() {
        return 100_000;
    }

    @Override
    public int due() {
        return 10_000;
    }

    @Override
    public Line open(BenchDatabase database, Runnable job) throws Exception {
        HikariDataSource pool = Peers.pool(database);
        Peers.runScript(pool, DbScheduler.class, "db-scheduler.sql");
        return new Recurring(pool, job);
    }

    private static final class Recurring implements Line {
        private final HikariDataSource pool;
        private final RecurringTaskWithPersistentSchedule<PlainScheduleAndData> task;
        private final Scheduler scheduler;

        Recurring(HikariDataSource pool, Runnable job) {
            this.pool = pool;
            this.task = Tasks.recurringWithPersistentSchedule("report", PlainScheduleAndData.class)
                    .execute((instance, context) -> job.run());
            this.scheduler = DbScheduler.builder(pool, task, true).build();
        }

        @Override
        public void add(int schedules) throws Exception {
            LocalTime time = SchedulingPeer.restingUntil().toLocalTime();
            Schedule daily = Schedules.daily(ZONE, time);
            Schedule interval = Schedules.fixedDelay(Duration.ofDays(1));
            List<SchedulableInstance<?>> instances = new ArrayList<>();
            for (int i = 1; i <= schedules; i++) {
                instances.add(task.schedulableInstance(
                        SchedulingPeer.id(i), new PlainScheduleAndData(i % 2 == 0 ? daily : interval, "daily")));
            }
            scheduler.scheduleBatch(instances);
            Peers.update(
                    pool,
                    "UPDATE scheduled_tasks SET execution_time = ?::timestamptz",
                    Instant.now().plus(REST).toString());
            Peers.update(pool, "VACUUM ANALYZE scheduled_tasks");
        }

        @Override
        public void begin() {
            scheduler.start();
        }

        @Override
        public Instant makeDue(int schedules) throws Exception {
            Instant at = Instant.now().plus(AHEAD);
            Peers.update(
                    pool,
                    "UPDATE scheduled_tasks SET execution_time = ?::timestamptz WHERE substr(task_instance, 3)::int <= ?",
                    at.toString(),
                    schedules);
            return at;
        }

        @Override
        public void close() {
            scheduler.stop();
            pool.close();
        }
    }
}

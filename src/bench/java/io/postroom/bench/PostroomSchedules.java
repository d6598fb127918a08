package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.EngineSettings;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.zone.ZoneRulesProvider;

/** Schedules of Postroom. A firing creates a message, and a handler takes it. */
final class PostroomSchedules implements SchedulingPeer {
    private static final Duration AHEAD = Duration.ofSeconds(4);

    @Override
    public String name() {
        return "postroom";
    }

    @Override
    public String settings() {
        return "default settings, a handler with " + THREADS
                + " threads; a firing creates a message and the handler takes it";
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
    public Line open(BenchDatabase database, Runnable job) {
        return new Schedules(database.pool(PostroomContender.POOL), job);
    }

    /** Half of them are cron schedules, half intervals of a day; all are due more than ten hours ahead. */
    static void fill(Connection connection, int schedules) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("""
                    INSERT INTO postroom.schedule (name, due_at, planned_at, cron, zone, zone_version, every, missed, missed_limit,
                        overlap, settings_by, message)
                    SELECT 's-' || n, at, at, CASE WHEN n %% 2 = 0 THEN cron END, CASE WHEN n %% 2 = 0 THEN 'Europe/Berlin' END,
                           CASE WHEN n %% 2 = 0 THEN '%s' END, CASE WHEN n %% 2 = 1 THEN interval '1 day' END, 'ONCE', 1, 'QUEUE',
                           'operator', '{"queue": "scheduled", "type": "report", "payload": {"kind": "daily"}}'
                    FROM (SELECT n, at, to_char(at AT TIME ZONE 'Europe/Berlin', 'MI HH24 * * *') AS cron
                          FROM generate_series(1, %d) n,
                               LATERAL (SELECT clock_timestamp() + interval '11 hours' + n * interval '100 ms') y (at)) x
                    """.formatted(ZoneRulesProvider.getVersions("UTC").lastKey(), schedules));
            statement.execute("VACUUM ANALYZE postroom.schedule");
        }
    }

    private static final class Schedules implements Line {
        private final HikariDataSource pool;
        private final Runnable job;
        private Postroom postroom;

        Schedules(HikariDataSource pool, Runnable job) {
            this.pool = pool;
            this.job = job;
            postroom = Postroom.on(pool).workers(false).start();
        }

        @Override
        public void add(int schedules) throws SQLException {
            try (Connection connection = pool.getConnection()) {
                fill(connection, schedules);
            }
        }

        @Override
        public void begin() {
            postroom.close();
            postroom = Postroom.on(pool)
                    .settings(EngineSettings.defaults("schedules"))
                    .handler(PostroomContender.handler("scheduled", THREADS, any -> job.run()))
                    .start();
        }

        @Override
        public Instant makeDue(int schedules) throws SQLException {
            Instant at = Instant.now().plus(AHEAD);
            Peers.update(
                    pool,
                    "UPDATE postroom.schedule SET due_at = ?::timestamptz, planned_at = ?::timestamptz WHERE id <= ?",
                    at.toString(),
                    at.toString(),
                    schedules);
            return at;
        }

        @Override
        public void close() {
            postroom.close();
            pool.close();
        }
    }
}

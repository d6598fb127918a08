package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import java.util.UUID;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;
import net.javacrumbs.shedlock.provider.sql.DatabaseProduct;
import net.javacrumbs.shedlock.support.Utils;
import org.springframework.jdbc.core.JdbcTemplate;

/**
 * Makes the locks of jobs that run in one process at a time, in the table {@code postroom.shedlock}. The database's clock decides when a
 * lock ends.
 *
 * <p>The provider is never a bean: a host that has a {@link LockProvider} of its own would find two.
 */
public final class PostgresJobLocks {
    /** The column has 255 characters; a process number and a UUID take up to 60. */
    private static final int LONGEST_HOST = 190;

    private PostgresJobLocks() {}

    /** Names the jobs whose lock nobody has taken for a day: each has a turn an hour at least, in one of the processes. */
    static final Sql IDLE_FOR_A_DAY = Sql.of("""
            -- name: idle_jobs
            SELECT name, locked_by, to_char(locked_at, 'YYYY-MM-DD HH24:MI') || ' UTC',
                   to_char(lock_until, 'YYYY-MM-DD HH24:MI') || ' UTC'
            FROM postroom.shedlock
            WHERE name IN ('postroom.MaintainPartitions', 'postroom.RemoveQueueMessages')
              AND locked_at < timezone('utc', clock_timestamp()) - interval '1 day'
            ORDER BY name
            """);

    /** Frees a lock that ends later than twice its longest time: only a clock that was ahead makes such an end. */
    private static final String FREE_OF_A_WRONG_CLOCK = """
            UPDATE postroom.shedlock
            SET lock_until = timezone('utc', clock_timestamp())
            WHERE name = ?
              AND lock_until > timezone('utc', clock_timestamp()) + 2 * ? * interval '1 millisecond'
            """;

    /**
     * Makes a provider whose locks end with the time given, also after the server's clock was set back. A lock taken a year ahead would
     * keep all nodes from the job for a year.
     *
     * <p>Each provider has a name of its own in {@code locked_by}. ShedLock frees a lock by its name and that value, which is the host's
     * name by default: a process that outlived its lock would free that of another process of the same host.
     *
     * @param source for the statements that take and free locks
     */
    public static LockProvider on(DataSource source) {
        JdbcTemplate jdbc = new JdbcTemplate(source);
        LockProvider locks = new JdbcTemplateLockProvider(JdbcTemplateLockProvider.Configuration.builder()
                .withTableName("postroom.shedlock")
                .withJdbcTemplate(jdbc)
                .usingDbTime()
                .withLockedByValue(owner())
                // Named, because the provider asks only once and remembers "unknown" when the database is away then.
                .withDatabaseProduct(DatabaseProduct.POSTGRES_SQL)
                .build());
        return configuration -> {
            jdbc.update(
                    FREE_OF_A_WRONG_CLOCK,
                    configuration.getName(),
                    configuration.getLockAtMostFor().toMillis());
            return locks.lock(configuration);
        };
    }

    private static String owner() {
        String host = Utils.getHostname();
        return host.substring(0, Math.min(host.length(), LONGEST_HOST)) + ":"
                + ProcessHandle.current().pid() + ":" + UUID.randomUUID();
    }
}

package io.postroom.internal.postgres;

import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;
import net.javacrumbs.shedlock.provider.sql.DatabaseProduct;
import org.springframework.jdbc.core.JdbcTemplate;

/**
 * Makes the locks of jobs that run in one process at a time, in the table {@code postroom.shedlock}. The database's clock decides when a
 * lock ends.
 *
 * <p>The provider is never a bean: a host that has a {@link LockProvider} of its own would find two.
 */
public final class PostgresJobLocks {
    private PostgresJobLocks() {}

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
     * @param source for the statements that take and free locks
     */
    public static LockProvider on(DataSource source) {
        JdbcTemplate jdbc = new JdbcTemplate(source);
        LockProvider locks = new JdbcTemplateLockProvider(JdbcTemplateLockProvider.Configuration.builder()
                .withTableName("postroom.shedlock")
                .withJdbcTemplate(jdbc)
                .usingDbTime()
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
}

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

    /** @param source for the statements that take and free locks */
    public static LockProvider on(DataSource source) {
        return new JdbcTemplateLockProvider(JdbcTemplateLockProvider.Configuration.builder()
                .withTableName("postroom.shedlock")
                .withJdbcTemplate(new JdbcTemplate(source))
                .usingDbTime()
                // Named, because the provider asks only once and remembers "unknown" when the database is away then.
                .withDatabaseProduct(DatabaseProduct.POSTGRES_SQL)
                .build());
    }
}

package io.postroom.internal.postgres.connection;

import java.util.Optional;
import javax.sql.DataSource;
import org.springframework.util.ClassUtils;

/**
 * Connections for people who look at pages. They are a few of their own where the host's data source is a {@code HikariDataSource}, and
 * none of them is open while nobody looks. Else they are those of the host.
 */
public final class ReadingPool implements AutoCloseable {
    private static final int SIZE = 3;
    private static final boolean HAS_HIKARI =
            ClassUtils.isPresent("com.zaxxer.hikari.HikariDataSource", ReadingPool.class.getClassLoader());

    private final DataSource source;
    private final Optional<AutoCloseable> own;

    private ReadingPool(DataSource source, Optional<AutoCloseable> own) {
        this.source = source;
        this.own = own;
    }

    /** Opens a pool named {@code postroom-console} if it can. */
    public static ReadingPool of(DataSource host) {
        if (HAS_HIKARI && HikariEnginePools.isPossible(host)) {
            HikariEnginePools pools = HikariEnginePools.ofReading(host, "postroom-console", SIZE);
            return new ReadingPool(pools.pool(), Optional.of(pools));
        }
        return new ReadingPool(host, Optional.empty());
    }

    public DataSource dataSource() {
        return source;
    }

    /** Closes what was opened here. */
    @Override
    public void close() {
        try {
            if (own.isPresent()) {
                own.get().close();
            }
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible); // a Hikari pool throws none
        }
    }
}

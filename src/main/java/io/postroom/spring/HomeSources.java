package io.postroom.spring;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.api.Transactions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;

/** The data sources of the homes with their transactions, and the pools that were opened for them. */
final class HomeSources implements AutoCloseable {
    /** Less than a pool's usual 30 s: each caller waits so long while the home is away. */
    private static final Duration WAIT = Duration.ofSeconds(5);

    private final Map<String, HostDatabase> homes = new TreeMap<>();
    private final List<HikariDataSource> opened = new ArrayList<>();

    /** @param manager the transaction manager that the settings name; null: none */
    HomeSources(
            ConfigurableListableBeanFactory beans, Map<String, HomeProperties> properties, @Nullable String manager) {
        properties.forEach((home, settings) -> homes.put(
                home,
                HostDatabase.ofHome(
                        beans,
                        home,
                        settings.datasource() == null
                                ? opened(home, settings)
                                : HostDatabase.named(
                                        beans, "postroom.homes." + home + ".datasource", settings.datasource()),
                        manager)));
    }

    /** A pool that opens without its database: a home may be down at the start. */
    private DataSource opened(String home, HomeProperties settings) {
        HikariDataSource pool = new HikariDataSource();
        pool.setPoolName("postroom-home-" + home);
        pool.setJdbcUrl(settings.url());
        pool.setUsername(settings.username());
        pool.setPassword(settings.password());
        pool.setInitializationFailTimeout(-1);
        pool.setConnectionTimeout(WAIT.toMillis());
        opened.add(pool);
        return pool;
    }

    Map<String, DataSource> dataSources() {
        Map<String, DataSource> sources = new TreeMap<>();
        homes.forEach((home, database) -> sources.put(home, database.dataSource()));
        return sources;
    }

    Map<String, Transactions> transactions(ConfigurableListableBeanFactory beans) {
        Map<String, Transactions> transactions = new TreeMap<>();
        homes.forEach((home, database) -> transactions.put(home, database.transactions(beans)));
        return transactions;
    }

    @Override
    public void close() {
        opened.forEach(HikariDataSource::close);
    }
}

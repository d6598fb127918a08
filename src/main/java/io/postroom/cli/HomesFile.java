package io.postroom.cli;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.SchemaMode;
import io.postroom.homes.PostroomHomes;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The databases that a file of properties names, as an application has them: {@code postroom.homes.<name>.url} and so on. */
final class HomesFile implements AutoCloseable {
    private static final Pattern SETTING = Pattern.compile("postroom\\.homes\\.(.+)\\.(url|username|password)");
    private static final int LONGEST = 1024 * 1024;
    private static final int CONNECTIONS = 4;
    /** For a home that has just refused a connection: the least that the pool takes. */
    private static final Duration AGAIN = Duration.ofMillis(250);

    private final Map<String, HikariDataSource> pools = new TreeMap<>();

    private HomesFile() {}

    /** @throws CliException the file cannot be read, or names no home by a URL */
    static HomesFile open(Path file, Terminal terminal) {
        Properties properties = new Properties();
        try {
            properties.load(new StringReader(TopologyCommands.read(file, terminal.in(), LONGEST)));
        } catch (IOException | IllegalArgumentException unreadable) {
            throw CliException.usage(file + " is no file of properties");
        }
        Map<String, Map<String, String>> homes = new TreeMap<>();
        for (String name : properties.stringPropertyNames()) {
            Matcher setting = SETTING.matcher(name);
            if (setting.matches()) {
                homes.computeIfAbsent(setting.group(1), home -> new TreeMap<>())
                        .put(setting.group(2), properties.getProperty(name));
            }
        }
        HomesFile opened = new HomesFile();
        homes.forEach((home, settings) -> opened.pools.put(home, pool(home, settings, terminal)));
        if (opened.pools.isEmpty()) {
            throw CliException.usage(
                    file + " names no home: it needs lines such as postroom.homes.main.url=jdbc:postgresql://…");
        }
        return opened;
    }

    private static String shape(String home) {
        return "postroom.homes." + home + ".url must be such as jdbc:postgresql://db.example:5432/app";
    }

    private static HikariDataSource pool(String home, Map<String, String> settings, Terminal terminal) {
        String url = settings.get("url");
        if (url == null || !url.startsWith("jdbc:postgresql:")) {
            throw CliException.usage(shape(home));
        }
        HikariDataSource pool = new HikariDataSource();
        pool.setPoolName("postroom-cli-" + home);
        pool.setJdbcUrl(url);
        pool.setUsername(orElse(settings.get("username"), terminal.variable("PGUSER")));
        pool.setPassword(orElse(settings.get("password"), terminal.variable("PGPASSWORD")));
        pool.addDataSourceProperty("ApplicationName", "postroom-cli");
        pool.addDataSourceProperty("connectTimeout", "5");
        pool.setMaximumPoolSize(CONNECTIONS);
        pool.setMinimumIdle(0);
        pool.setInitializationFailTimeout(-1);
        pool.setConnectionTimeout(Duration.ofSeconds(5).toMillis());
        return pool;
    }

    private static @Nullable String orElse(@Nullable String given, @Nullable String variable) {
        return given == null ? variable : given;
    }

    /** Homes that a command looks at or changes: without workers, and with the schema as it is. */
    PostroomHomes.Builder homes() {
        return PostroomHomes.on(new TreeMap<String, DataSource>(pools))
                .schema(SchemaMode.NONE)
                .each((home, engine) -> engine.workers(false)
                        .engineDataSource(Objects.requireNonNull(pools.get(home)))
                        .settings(DatabaseBackend.engineSettings()));
    }

    /**
     * For commands that look, before the first use: no statement waits for long, as over {@code --db}, and a home that refuses a connection
     * now is not waited for again.
     */
    HomesFile toLook() {
        pools.values().parallelStream().forEach(pool -> {
            DatabaseBackend.limitStatements(pool);
            pool.addDataSourceProperty("socketTimeout", DatabaseBackend.SOCKET_TIMEOUT);
            if (!takesConnections(pool)) {
                pool.setConnectionTimeout(AGAIN.toMillis());
            }
        });
        return this;
    }

    private static boolean takesConnections(HikariDataSource pool) {
        Properties properties = new Properties();
        properties.putAll(pool.getDataSourceProperties());
        if (pool.getUsername() != null) {
            properties.setProperty("user", pool.getUsername());
        }
        if (pool.getPassword() != null) {
            properties.setProperty("password", pool.getPassword());
        }
        try (Connection tried = DriverManager.getConnection(pool.getJdbcUrl(), properties)) {
            return tried.isValid(0);
        } catch (SQLException refused) {
            return false;
        }
    }

    /** Asks one home alone, and closes the file. */
    Backend only(String name) {
        try (this) {
            HikariDataSource home = pools.get(name);
            if (home == null) {
                throw CliException.usage("--home must be one of " + pools.keySet() + ", got " + name);
            }
            return DatabaseBackend.connect(home.getJdbcUrl(), home.getUsername(), home.getPassword(), shape(name));
        }
    }

    /** The names of the homes, in order. */
    Iterable<String> names() {
        return pools.keySet();
    }

    @Override
    public void close() {
        pools.values().forEach(HikariDataSource::close);
    }
}

package io.postroom.cli;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.EngineSettings;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import tools.jackson.databind.JsonNode;

/** Asks a database. The engine is prepared at the first question and never started. */
final class DatabaseBackend extends EngineBackend {
    /** Seconds, more than a statement may take. */
    static final String SOCKET_TIMEOUT = "90";

    private static final int CONNECTIONS = 2;
    /** A command must not wait for ever behind a lock, nor make others wait behind it. */
    private static final String LIMITS =
            "SELECT set_config('statement_timeout', '30s', false), set_config('lock_timeout', '5s', false)";
    /** The sign of a pooler, see docs/operations.md: settings would stay with whoever gets the session next. */
    private static final String SHARED_SESSIONS = "(?i).*[?&]prepareThreshold=0.*";

    /** A password among the parameters, or a user in front of the host, which the driver would take for the host. */
    private static final String WITH_PASSWORD = "(?is).*[?&](ssl)?password(=.*|&.*|)|[^?]*@.*";

    private static final String SHAPE = "--db must be such as jdbc:postgresql://db.example:5432/app";

    private final String url;
    private final Properties properties;
    private final HikariDataSource pool;
    private @Nullable Postroom postroom;

    private DatabaseBackend(String url, Properties properties, HikariDataSource pool) {
        this.url = url;
        this.properties = properties;
        this.pool = pool;
    }

    /**
     * Connects.
     *
     * @param url as in {@code jdbc:postgresql://db.example/app}
     * @param user null: the driver finds one (PGUSER of the URL, or the system's user)
     * @param password null: the driver looks into {@code ~/.pgpass}
     */
    static DatabaseBackend open(String url, @Nullable String user, @Nullable String password) {
        if (!url.startsWith("jdbc:postgresql:")) {
            throw CliException.usage(SHAPE);
        } else if (url.matches(WITH_PASSWORD)) {
            throw CliException.usage(
                    "--db must have no password, which others could see: use PGPASSWORD, --db-password-file"
                            + " or ~/.pgpass, and --db-user for the user");
        }
        return connect(url, user, password, SHAPE);
    }

    /**
     * Connects with a URL from a file, which may hold a password.
     *
     * @param shape what is told of a URL that the driver cannot read
     */
    static DatabaseBackend connect(String url, @Nullable String user, @Nullable String password, String shape) {
        Properties properties = new Properties();
        properties.setProperty("ApplicationName", "postroom-cli");
        properties.setProperty("connectTimeout", "5");
        properties.setProperty("socketTimeout", SOCKET_TIMEOUT);
        if (user != null) {
            properties.setProperty("user", user);
        }
        if (password != null) {
            properties.setProperty("password", password);
        }
        try (Connection tried = DriverManager.getConnection(url, properties)) {
            tried.getMetaData();
        } catch (SQLException away) {
            String state = String.valueOf(away.getSQLState());
            String why = String.valueOf(away.getMessage());
            if (why.contains(url)) {
                throw CliException.usage(shape); // the driver repeats what it cannot read, which may hold a password
            }
            String sentence = "The database cannot be used: " + why;
            // the classes of a wrong login and of a wrong database: a repeat does not help
            throw state.startsWith("28") || state.startsWith("3D")
                    ? CliException.refused(sentence)
                    : CliException.unreachable(sentence);
        }
        return new DatabaseBackend(url, properties, pool(url, properties));
    }

    private static HikariDataSource pool(String url, Properties properties) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setDataSourceProperties(properties);
        config.setMaximumPoolSize(CONNECTIONS);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(Duration.ofSeconds(10).toMillis());
        config.setInitializationFailTimeout(-1);
        config.setPoolName("postroom-cli");
        limitStatements(config);
        return new HikariDataSource(config);
    }

    /**
     * Limits statements to 30 s and waits for locks to 5 s. Leaves sessions that a pooler shares as they are. Call it before the first
     * connection.
     */
    static void limitStatements(HikariConfig config) {
        if (!config.getJdbcUrl().matches(SHARED_SESSIONS)) {
            config.setConnectionInitSql(LIMITS);
        }
    }

    /** Connections without a pool, for what needs several and rarely: the migrations. */
    private DriverManagerDataSource unpooled() {
        return new DriverManagerDataSource(url, properties);
    }

    /** Of an engine that is never started. */
    static EngineSettings engineSettings() {
        return new EngineSettings(
                "postroom-cli:" + ProcessHandle.current().pid(),
                EngineSettings.DEFAULT_LEASE_TIME,
                EngineSettings.DEFAULT_BEAT_INTERVAL,
                EngineSettings.DEFAULT_POLL_INTERVAL,
                false,
                true);
    }

    @Override
    Postroom postroom() {
        if (postroom == null) {
            postroom = Postroom.on(unpooled())
                    .engineDataSource(pool)
                    .schema(SchemaMode.NONE)
                    .workers(false)
                    .settings(engineSettings())
                    .prepare();
        }
        return postroom;
    }

    @Override
    public JsonNode migrate() {
        SchemaMode.MIGRATE.prepare(unpooled());
        return json(Map.of("migrated", true));
    }

    @Override
    public void close() {
        if (postroom != null) {
            postroom.close();
        }
        pool.close();
    }
}

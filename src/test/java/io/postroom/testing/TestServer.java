package io.postroom.testing;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;

/**
 * The PostgreSQL all tests of this JVM share, started on first use and stopped by a shutdown hook: embedded, or the one
 * named by {@code postroom.test.url}.
 */
final class TestServer {
    private static final int MOST_ATTEMPTS = 3;
    private static final String URL = "postroom.test.url";
    private static final String POOLER = "postroom.test.pooler";

    private static @Nullable TestServer shared;

    /** Tells the databases of this JVM from those of others on a given server. */
    private final String suffix = "_" + ProcessHandle.current().pid();

    private final AtomicInteger numbers = new AtomicInteger();
    private final String host;
    private final int port;
    private final String user;
    private final String password;
    private @Nullable PgBouncer pooler;
    private @Nullable String template;
    /** Kept, because opening a connection costs the server as much as a tenth of making a database. */
    private @Nullable Connection admin;

    TestServer(String host, int port, String user, String password) {
        this.host = host;
        this.port = port;
        this.user = user;
        this.password = password;
    }

    static synchronized TestServer get() {
        if (shared == null) {
            ReusedSessions.register();
            String given = System.getProperty(URL);
            shared = given != null ? given(given) : embedded();
        }
        return shared;
    }

    private static TestServer given(String url) {
        Properties parts = Driver.parseURL(url, null);
        if (parts == null) {
            throw new IllegalArgumentException("postroom.test.url is no PostgreSQL JDBC URL: " + url);
        }
        TestServer server = new TestServer(
                parts.getProperty("PGHOST"),
                Integer.parseInt(parts.getProperty("PGPORT")),
                parts.getProperty("user", "postgres"),
                parts.getProperty("password", ""));
        Runtime.getRuntime().addShutdownHook(new Thread(server::dropTemplate));
        return server;
    }

    /** A port found free may be somebody else's a moment later, and what answers there another test's server. So it is asked its name. */
    private static TestServer embedded() {
        String name = "postroom_tests_" + ProcessHandle.current().pid();
        for (int attempt = 1; ; attempt++) {
            try {
                EmbeddedPostgres postgres = start(name);
                try (Connection connection = postgres.getPostgresDatabase().getConnection();
                        Statement statement = connection.createStatement();
                        ResultSet row = statement.executeQuery("SHOW cluster_name")) {
                    row.next();
                    if (row.getString(1).equals(name)) {
                        TestServer server = new TestServer("127.0.0.1", postgres.getPort(), "postgres", "postgres");
                        server.putPoolerInFront();
                        return server;
                    }
                    throw new IOException("the server at port " + postgres.getPort() + " is another one's");
                }
            } catch (IOException | SQLException e) {
                if (attempt == MOST_ATTEMPTS) {
                    throw new IllegalStateException("no server for the tests after " + attempt + " attempts", e);
                }
            }
        }
    }

    /** Lets all tests go through a PgBouncer in the mode that {@code postroom.test.pooler} names. */
    private void putPoolerInFront() {
        String mode = System.getProperty(POOLER);
        if (mode != null) {
            PgBouncer started = PgBouncer.inFrontOfAll(host, port, mode);
            Runtime.getRuntime().addShutdownHook(new Thread(started::close));
            pooler = started;
        }
    }

    /** Whether sessions of tests go through a pooler, whose clients do not know the process id of their session. */
    static boolean isPooled() {
        return System.getProperty(POOLER) != null && System.getProperty(URL) == null;
    }

    private static EmbeddedPostgres start(String name) throws IOException {
        String fsync = System.getProperty("postroom.test.fsync", "off");
        EmbeddedPostgres.Builder server = EmbeddedPostgres.builder();
        if (fsync.equals("off") && DataInMemory.isPossible()) {
            server.setDataDirectory(DataInMemory.create());
        }
        return server.setPGStartupWait(Duration.ofSeconds(60))
                // As the server's own database is made.
                .setLocaleConfig("locale", "C")
                .setLocaleConfig("locale-provider", "builtin")
                .setLocaleConfig("builtin-locale", "C.UTF-8")
                .setServerConfig("cluster_name", name)
                .setServerConfig("fsync", fsync)
                .setServerConfig("full_page_writes", fsync)
                .setServerConfig("synchronous_commit", fsync)
                .setServerConfig("max_connections", "200")
                .setServerConfig("max_wal_size", "256MB")
                // Databases of tests do not live long enough for autovacuum.
                .setServerConfig("autovacuum_naptime", "10min")
                .start();
    }

    String host() {
        return host;
    }

    /** The port that tests connect to: the server's, or that of the pooler in front of it. */
    int port() {
        return pooler == null ? port : pooler.port();
    }

    String user() {
        return user;
    }

    String password() {
        return password;
    }

    String url(String database, String host, int port) {
        return "jdbc:postgresql://" + host + ":" + port + "/" + database;
    }

    /** @param label goes into the name, for whoever looks at the server while a test hangs */
    TestDatabase createDatabase(String label, boolean migrated) {
        String name = "test_" + label.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9_]", "_");
        name = name.substring(0, Math.min(name.length(), 40)) + "_" + numbers.incrementAndGet() + suffix;
        execute("CREATE DATABASE " + name + " TEMPLATE " + (migrated ? template() : "template0") + copyStrategy());
        String url = url(name, host, port());
        ReusedSessions.keep(url);
        return new TestDatabase(this, name, url, true);
    }

    /** Copies files: without fsync that takes a quarter of the CPU that copying through the WAL takes, and so does the drop. */
    private synchronized String copyStrategy() {
        try {
            return admin().getMetaData().getDatabaseMajorVersion() < 15 ? "" : " STRATEGY FILE_COPY";
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    void dropDatabase(String name) {
        execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
    }

    private synchronized String template() {
        if (template == null) {
            String name = "test_template" + suffix;
            execute("CREATE DATABASE " + name + " TEMPLATE template0");
            migrate(url(name, host, port));
            // A template somebody is connected to cannot be copied.
            execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
            template = name;
        }
        return Objects.requireNonNull(template);
    }

    private synchronized void dropTemplate() {
        if (template != null) {
            dropDatabase(template);
        }
    }

    private void migrate(String url) {
        Flyway.configure()
                .dataSource(url, user, password)
                .schemas("postroom")
                .table("schema_history")
                .locations("classpath:io/postroom/db/migration")
                .load()
                .migrate();
    }

    private synchronized void execute(String sql) {
        try {
            try (Statement statement = admin().createStatement()) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(sql + ": " + e.getMessage(), e);
        }
    }

    private Connection admin() throws SQLException {
        if (admin == null || !admin.isValid(5)) {
            admin = DriverManager.getConnection(url("postgres", host, port), user, password);
        }
        return admin;
    }
}

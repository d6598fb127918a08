package io.postroom.bench;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.util.PSQLException;
import org.springframework.util.FileSystemUtils;

/**
 * The PostgreSQL under measurement: an own one with durable settings, in a directory that is deleted at the end, or a given one.
 *
 * <p>On either, everything happens in databases named {@code postroom_bench_<n>} that carry a mark in their comment. What an interrupted
 * run left is known by it and dropped at the start; a database of that name without the mark is somebody else's, and nothing is begun.
 */
final class BenchServer implements AutoCloseable {
    static final String PREFIX = "postroom_bench_";
    private static final String OWN = "postgresql-";

    static final String MARK = "made by the benchmark of Postroom; dropped without asking";
    /** Whatever may have been set to make commits cheap at the price of losing them. */
    private static final Map<String, String> DURABLE =
            Map.of("fsync", "on", "synchronous_commit", "on", "full_page_writes", "on");

    private static final List<String> SHOWN = List.of(
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "wal_level",
            "shared_buffers",
            "max_wal_size",
            "max_connections",
            "wal_compression",
            "wal_sync_method",
            "checkpoint_timeout",
            "work_mem",
            "jit",
            "autovacuum",
            "autovacuum_naptime",
            "data_checksums",
            "io_method",
            "commit_delay");

    private final @Nullable EmbeddedPostgres own;
    private final @Nullable Path directory;
    private final String url;
    private final String user;
    private final String password;
    private final List<String> open = new ArrayList<>();
    /** Holds a lock by which a second run on the same database is refused. */
    private @Nullable Connection guard;

    private int number;
    private boolean closed;

    private BenchServer(
            @Nullable EmbeddedPostgres own, @Nullable Path directory, String url, String user, String password) {
        this.own = own;
        this.directory = directory;
        this.url = url;
        this.user = user;
        this.password = password;
    }

    /** Starts one in a new directory in {@code parent}. */
    static BenchServer own(Path parent) throws IOException {
        deleteLeftovers(parent);
        Path directory = parent.resolve(OWN + ProcessHandle.current().pid());
        Files.createDirectories(directory);
        Path home = directory.toRealPath();
        File log = home.resolve("postgres.log").toFile();
        try {
            EmbeddedPostgres postgres = EmbeddedPostgres.builder()
                    .setOverrideWorkingDirectory(home.resolve("binaries").toFile())
                    .setDataDirectory(home.resolve("data"))
                    .setCleanDataDirectory(false)
                    .setRegisterShutdownHook(false)
                    .setPGStartupWait(Duration.ofSeconds(60))
                    .setOutputRedirector(ProcessBuilder.Redirect.appendTo(log))
                    .setErrorRedirector(ProcessBuilder.Redirect.appendTo(log))
                    .setLocaleConfig("locale", "C")
                    .setLocaleConfig("locale-provider", "builtin")
                    .setLocaleConfig("builtin-locale", "C.UTF-8")
                    // The library is made for tests and sets all three to off.
                    .setServerConfig("fsync", "on")
                    .setServerConfig("synchronous_commit", "on")
                    .setServerConfig("full_page_writes", "on")
                    .setServerConfig("shared_buffers", "1GB")
                    .setServerConfig("max_wal_size", "8GB")
                    .setServerConfig("max_connections", "300")
                    .setServerConfig("listen_addresses", "127.0.0.1")
                    .start();
            String url = "jdbc:postgresql://127.0.0.1:" + postgres.getPort() + "/postgres";
            return new BenchServer(postgres, home, url, "postgres", "postgres");
        } catch (IOException | RuntimeException e) {
            String said = log.exists() ? Files.readString(log.toPath()) : "";
            FileSystemUtils.deleteRecursively(home);
            throw new BenchException("PostgreSQL does not start: " + e.getMessage() + "\n" + said);
        }
    }

    /**
     * Uses the server of the URL.
     *
     * @throws BenchException it cannot be used, or its database holds something
     */
    static BenchServer given(String url) {
        Properties parts = Driver.parseURL(url, null);
        if (parts == null) {
            throw new BenchException("Not a PostgreSQL JDBC URL: " + url);
        }
        BenchServer server = new BenchServer(
                null, null, url, parts.getProperty("user", "postgres"), parts.getProperty("password", ""));
        try {
            server.guard = server.connect();
            refuseForeign(server.guard);
            if (!"t".equals(text(server.guard, "SELECT pg_try_advisory_lock(hashtext('" + MARK + "'))"))) {
                throw new BenchException("Another benchmark is running on " + server.address() + ".");
            }
        } catch (SQLException e) {
            throw new BenchException("Cannot use " + server.address() + ": " + e.getMessage());
        }
        return server;
    }

    /** Anything that is neither PostgreSQL's own nor of an extension. */
    private static void refuseForeign(Connection connection) throws SQLException {
        String foreign = text(connection, """
                SELECT coalesce(
                    (SELECT c.oid::regclass::text
                     FROM pg_class c
                     JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
                       AND n.nspname !~ '^pg_(toast_)?temp'
                       AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                       AND NOT EXISTS (
                         SELECT FROM pg_depend d
                         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
                     ORDER BY c.relkind <> 'r', n.nspname, c.relname
                     LIMIT 1),
                    (SELECT 'schema ' || nspname
                     FROM pg_namespace
                     WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'public')
                       AND nspname !~ '^pg_(toast_)?temp'
                     ORDER BY nspname
                     LIMIT 1),
                    '')
                """);
        if (!foreign.isEmpty()) {
            throw new BenchException("The database " + connection.getCatalog() + " is in use: it holds " + foreign
                    + ". Name an empty one, such as postgres, on a server you can spare.");
        }
    }

    boolean isOwn() {
        return own != null;
    }

    /** Host, port and database; never the password. */
    String address() {
        Properties parts = Driver.parseURL(url, null);
        return parts.getProperty("PGHOST") + ":" + parts.getProperty("PGPORT") + "/" + parts.getProperty("PGDBNAME");
    }

    boolean isLocal() {
        String host = String.valueOf(Driver.parseURL(url, null).getProperty("PGHOST"));
        return isOwn() || List.of("localhost", "127.0.0.1", "::1", "[::1]").contains(host);
    }

    Connection connect() throws SQLException {
        return DriverManager.getConnection(url, user, password);
    }

    /** Returns the settings as the server has them now, in the order of the report. */
    Map<String, String> settings() throws SQLException {
        Map<String, String> settings = new LinkedHashMap<>();
        try (Connection connection = connect()) {
            settings.put("version", text(connection, "SELECT split_part(version(), ' on ', 1)"));
            for (String name : SHOWN) {
                settings.put(
                        name, text(connection, "SELECT coalesce(current_setting('" + name + "', true), 'unknown')"));
            }
        }
        return settings;
    }

    /** Settings under which an acknowledged message can be lost, like {@code fsync=off}; empty: none. */
    static List<String> unsafe(Map<String, String> settings) {
        return DURABLE.keySet().stream()
                .sorted()
                .filter(name -> name.equals("synchronous_commit")
                        ? List.of("off", "local").contains(settings.get(name))
                        : !"on".equals(settings.get(name)))
                .map(name -> name + "=" + settings.get(name))
                .toList();
    }

    /** @throws BenchException there is too little, or the own server could not hold it */
    String checkDisk(long needed) throws IOException, SQLException {
        Path place = directory;
        if (place == null && isLocal()) {
            try (Connection connection = connect()) {
                Path data = Path.of(text(connection, "SELECT coalesce(current_setting('data_directory', true), '')"));
                place = data.isAbsolute() && Files.isDirectory(data) ? data : null;
            } catch (PSQLException notAllowed) {
                place = null;
            }
        }
        String needs = gigabytes(needed) + " GB of disk needed";
        if (place == null) {
            return needs + "; what the given server has cannot be checked from here";
        }
        long free = Files.getFileStore(place).getUsableSpace();
        if (free < needed) {
            throw new BenchException("Too little disk: " + gigabytes(needed) + " GB needed for these workloads, "
                    + gigabytes(free) + " GB free where PostgreSQL keeps its data. Choose fewer by workloads=.");
        }
        return needs + ", " + gigabytes(free) + " GB free";
    }

    private static String gigabytes(long bytes) {
        return Figures.number(bytes / 1e9);
    }

    /** Drops what an interrupted run left. Call once, before the first {@link #createDatabase}. */
    void dropLeftovers() throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            List<String> marked = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery(
                    "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE starts_with(datname, '"
                            + PREFIX + "') ORDER BY datname")) {
                while (rows.next()) {
                    if (!MARK.equals(rows.getString(2))) {
                        throw new BenchException("The server has a database " + rows.getString(1)
                                + ", which is not the benchmark's: its comment does not say \"" + MARK
                                + "\". Drop or rename it.");
                    }
                    marked.add(rows.getString(1));
                }
            }
            for (String name : marked) {
                statement.execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
            }
        }
    }

    synchronized void refuseIfClosed() {
        if (closed) {
            throw new BenchException("The benchmark was stopped.");
        }
    }

    /** An empty one. Dropped by {@link #drop}, at the latest by {@link #close}. */
    synchronized BenchDatabase createDatabase() throws SQLException {
        refuseIfClosed();
        String name = PREFIX + ++number;
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + name + " TEMPLATE template0");
            open.add(name);
            statement.execute("COMMENT ON DATABASE " + name + " IS '" + MARK + "'");
        }
        return new BenchDatabase(urlOf(name), user, password);
    }

    private String urlOf(String database) {
        Properties parts = Driver.parseURL(url, null);
        String host = String.valueOf(parts.getProperty("PGHOST"));
        String query = url.contains("?") ? url.substring(url.indexOf('?')) : "";
        return "jdbc:postgresql://" + (host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host) + ":"
                + parts.getProperty("PGPORT") + "/" + database + query;
    }

    synchronized void drop(BenchDatabase database) throws SQLException {
        Properties parts = Driver.parseURL(database.url(), null);
        String name = String.valueOf(parts.getProperty("PGDBNAME"));
        if (open.remove(name)) {
            try (Connection connection = connect();
                    Statement statement = connection.createStatement()) {
                statement.execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
            }
        }
    }

    /** Drops what is left; stops the own server and deletes its directory. Repeating it does nothing. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (own == null) {
            dropOpen();
            return;
        }
        try {
            stopAtOnce(directory);
            own.close();
            FileSystemUtils.deleteRecursively(directory);
        } catch (IOException e) {
            System.err.println("Could not clean up " + directory + ": " + e.getMessage());
        }
    }

    private void dropOpen() {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            for (String name : open) {
                statement.execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
            }
            if (guard != null) {
                guard.close();
            }
        } catch (SQLException e) {
            System.err.println("Could not drop " + String.join(", ", open) + "; the next run will. " + e.getMessage());
        }
    }

    /** Removes what killed runs left; their server may still be there. */
    private static void deleteLeftovers(Path parent) throws IOException {
        List<Path> found;
        try (Stream<Path> files = Files.list(parent)) {
            found = files.filter(file -> file.getFileName().toString().matches(OWN + "\\d+"))
                    .toList();
        }
        for (Path directory : found) {
            long owner = Long.parseLong(directory.getFileName().toString().substring(OWN.length()));
            if (ProcessHandle.of(owner).filter(ProcessHandle::isAlive).isEmpty()) {
                stopAtOnce(directory.toRealPath());
                FileSystemUtils.deleteRecursively(directory);
            }
        }
    }

    /** What it holds is deleted anyway, so it need not write it out first. */
    private static void stopAtOnce(Path directory) throws IOException {
        Path data = directory.resolve("data");
        Path file = data.resolve("postmaster.pid");
        if (!Files.exists(file)) {
            return;
        }
        long process = Long.parseLong(Files.readAllLines(file).get(0).strip());
        ProcessHandle handle = ProcessHandle.of(process).orElse(null);
        if (handle == null || !handle.info().commandLine().orElse("").contains(data.toString())) {
            return; // long gone, and its number given to another
        }
        new ProcessBuilder("kill", "-QUIT", String.valueOf(process)).inheritIO().start();
        try {
            handle.onExit().get(20, TimeUnit.SECONDS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException stillThere) {
            handle.destroyForcibly();
        }
    }

    /** The first column of the first row. */
    static String text(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getString(1);
        }
    }
}

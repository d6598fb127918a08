package io.postroom.server;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.util.FileSystemUtils;

/**
 * A PostgreSQL of the server's own, kept in one directory: binaries, data, log and passwords. Committed data survive a
 * restart, and a power cut, too.
 *
 * <p>The library that brings the binaries is made for tests. Its defaults lose data (no fsync, a data directory deleted on
 * close) and let every local user in as superuser; all of that is overridden here, and this class adds what it lacks:
 *
 * <ol>
 *   <li>take the {@linkplain DirectoryLock lock} of the directory, so that a second server is refused;
 *   <li>{@linkplain OrphanedPostmaster stop} a PostgreSQL that outlived a killed server;
 *   <li>check that the data are of the major version of the binaries, and set a half-made first start aside;
 *   <li>start, with fsync, passwords and on 127.0.0.1 only, and stop waiting as soon as PostgreSQL says that it cannot;
 *   <li>see to the role and the database, both named {@code postroom}.
 * </ol>
 *
 * <p>What is in the directory:
 *
 * <pre>
 * lock                 held while a server runs
 * version              major version of the data; written when the first start is complete
 * password             of the role postroom, which owns the database and is no superuser
 * superuser-password   of the role postgres, for an operator
 * data/                PostgreSQL's data directory
 * binaries/            unpacked PostgreSQL; may be deleted while no server runs
 * postgres.log         what PostgreSQL says
 * </pre>
 *
 * <p>There is no shutdown hook: the JVM runs its hooks side by side, and the database would stop while the engine still
 * finishes its work. The code that starts the database must close it, after everything else. If it is never closed,
 * PostgreSQL runs on, and the next start stops it.
 */
public final class EmbeddedDatabase implements AutoCloseable {
    /** Where the server keeps its database unless told otherwise, relative to its working directory. */
    public static final Path DEFAULT_DIRECTORY = Path.of(".postroom");

    /** Major version of the binaries in the build; a test compares it with the running server. */
    static final int MAJOR_VERSION = 18;

    private static final Logger log = LoggerFactory.getLogger(EmbeddedDatabase.class);

    private static final String NAME = "postroom";
    private static final String VERSION_FILE = "version";

    /** Enough for an engine, its pool and an operator, at some 10 MB each when all of them are busy. */
    private static final String MAX_CONNECTIONS = "60";

    /** Recovery after a crash replays up to max_wal_size, 1 GB, before PostgreSQL lets anybody in. */
    private static final Duration START_WAIT = Duration.ofMinutes(5);

    private static final Duration STOP_WAIT = Duration.ofSeconds(60);
    private static final long LOG_KEPT_BYTES = 10 * 1024 * 1024;

    private final Path data;
    private final DirectoryLock lock;
    private final EmbeddedPostgres postgres;
    private final String password;
    private boolean closed;

    private EmbeddedDatabase(Path data, DirectoryLock lock, EmbeddedPostgres postgres, String password) {
        this.data = data;
        this.lock = lock;
        this.postgres = postgres;
        this.password = password;
    }

    /**
     * Starts PostgreSQL on the directory and returns when it accepts connections. The first start creates directory, data,
     * role and database.
     *
     * @param directory absent, empty, or made by an earlier start; {@link #DEFAULT_DIRECTORY} if there is no better
     * @param port on 127.0.0.1; 0 for any free one, another at each start
     * @throws EmbeddedDatabaseException if it cannot be started; nothing is left running or locked then
     */
    public static EmbeddedDatabase start(Path directory, int port) {
        try {
            refuseWherePostgresIsDeleted(directory);
            Path home = prepareDirectory(directory);
            DirectoryLock lock = DirectoryLock.acquire(home);
            try {
                return start(home, lock, port);
            } catch (IOException | RuntimeException | Error e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new EmbeddedDatabaseException(
                    "Cannot use " + directory + " as data directory of the embedded PostgreSQL: " + e, e);
        }
    }

    private static EmbeddedDatabase start(Path home, DirectoryLock lock, int port) throws IOException {
        Path data = home.resolve("data");
        OrphanedPostmaster.stop(data);
        boolean first = checkVersion(home, data);
        if (first) {
            setAside(data);
        }
        deleteHalfUnpacked(home.resolve("binaries"));
        refuseTakenPort(port);

        Path superuserPasswordFile = home.resolve("superuser-password");
        if (!first && !Files.exists(superuserPasswordFile)) {
            throw new EmbeddedDatabaseException("The file " + superuserPasswordFile
                    + " is missing, and without it the database cannot be opened. Bring it back from a backup.");
        }
        String superuserPassword = readOrCreatePassword(superuserPasswordFile);
        String password = readOrCreatePassword(home.resolve("password"));

        EmbeddedPostgres postgres = startPostgres(home, data, superuserPasswordFile, superuserPassword, port);
        try {
            prepareDatabase(postgres, password);
            if (first) {
                Files.writeString(home.resolve(VERSION_FILE), MAJOR_VERSION + "\n");
            }
        } catch (SQLException e) {
            stop(postgres, data);
            throw new EmbeddedDatabaseException("Cannot prepare the embedded database: " + e.getMessage(), e);
        } catch (IOException | RuntimeException | Error e) {
            stop(postgres, data);
            throw e;
        }
        EmbeddedDatabase database = new EmbeddedDatabase(data, lock, postgres, password);
        log.info("Embedded PostgreSQL runs on {} and keeps its data in {}", database.jdbcUrl(), data);
        return database;
    }

    /** The URL, without user and password. */
    public String jdbcUrl() {
        return "jdbc:postgresql://127.0.0.1:" + postgres.getPort() + "/" + NAME;
    }

    /** The owner of the database; no superuser. */
    public String username() {
        return NAME;
    }

    /** The same at every start of this directory. */
    public String password() {
        return password;
    }

    /** Disconnects clients, waits for PostgreSQL to end and unlocks the directory. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try (lock) {
            stop(postgres, data);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // --- before the start

    /**
     * Refuses directories in which the library deletes data. In its working directory it deletes data directories that look
     * abandoned, other servers' included: those whose lock file is older than ten minutes and not locked.
     */
    private static void refuseWherePostgresIsDeleted(Path directory) {
        if (System.getProperty("ot.epg.working-dir") != null) {
            throw new EmbeddedDatabaseException("The system property ot.epg.working-dir is set. It makes the embedded"
                    + " PostgreSQL delete data directories it finds there; start without it.");
        }
        Path cleaned =
                Path.of(System.getProperty("java.io.tmpdir"), "embedded-pg").toAbsolutePath();
        if (directory.toAbsolutePath().normalize().startsWith(cleaned)) {
            throw new EmbeddedDatabaseException("The data directory " + directory + " lies in " + cleaned
                    + ", where old ones are deleted; choose another.");
        }
    }

    private static Path prepareDirectory(Path directory) throws IOException {
        Files.createDirectories(directory);
        Path home = directory.toRealPath();
        if (!Files.exists(home.resolve(DirectoryLock.FILE_NAME))) {
            try (Stream<Path> files = Files.list(home)) {
                if (files.findAny().isPresent()) {
                    throw new EmbeddedDatabaseException("The directory " + home
                            + " holds other files and was not made by this server; name an empty or a new one.");
                }
            }
        }
        // Passwords are in it, and the library makes the directory of the binaries writable for everyone.
        restrict(home, "rwx------");
        return home;
    }

    /** @return whether this is the first start, or the first one that gets to its end */
    private static boolean checkVersion(Path home, Path data) throws IOException {
        Path file = home.resolve(VERSION_FILE);
        if (!Files.exists(file)) {
            return true;
        }
        String version = Files.readString(file).strip();
        if (!version.equals(Integer.toString(MAJOR_VERSION))) {
            throw new EmbeddedDatabaseException("The data in " + home + " were written by PostgreSQL " + version
                    + ", but this server brings PostgreSQL " + MAJOR_VERSION
                    + ", which cannot read them. Start the Postroom"
                    + " release that wrote them, export them with pg_dump, and import them into a new directory here.");
        }
        if (!Files.exists(data.resolve("PG_VERSION"))) {
            throw new EmbeddedDatabaseException(
                    "There should be data in " + data + ", but there are none. Bring them back," + " or delete " + home
                            + " to start with an empty database.");
        }
        return false;
    }

    /** Renames the data of a first start that was interrupted. Nobody has used that database; deleting it is still left to a human. */
    private static void setAside(Path data) throws IOException {
        if (!Files.exists(data)) {
            return;
        }
        String when = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'")
                .withZone(ZoneOffset.UTC)
                .format(Instant.now());
        Path aside = data.resolveSibling(data.getFileName() + ".incomplete-" + when);
        Files.move(data, aside);
        log.warn("The first start on this directory was interrupted; what there was of a database is now in {}", aside);
    }

    /** Deletes binaries that were not unpacked to the end. The library takes every file for a complete one, so later starts would fail. */
    private static void deleteHalfUnpacked(Path binaries) throws IOException {
        if (!Files.isDirectory(binaries)) {
            return;
        }
        List<Path> unpacked;
        try (Stream<Path> found = Files.list(binaries)) {
            unpacked = found.toList();
        }
        for (Path one : unpacked) {
            if (!Files.exists(one.resolve(".exists"))) {
                FileSystemUtils.deleteRecursively(one);
            }
        }
    }

    private static void refuseTakenPort(int port) {
        if (port == 0) {
            return;
        }
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port));
        } catch (IOException e) {
            throw new EmbeddedDatabaseException(
                    "Port " + port + " on 127.0.0.1 is not free for the embedded PostgreSQL: " + e.getMessage()
                            + ". Choose another, or 0 for any.",
                    e);
        }
    }

    private static String readOrCreatePassword(Path file) throws IOException {
        if (!Files.exists(file)) {
            byte[] random = new byte[24];
            new SecureRandom().nextBytes(random);
            Files.createFile(file);
            restrict(file, "rw-------");
            Files.writeString(file, HexFormat.of().formatHex(random) + "\n");
        }
        return Files.readString(file).strip();
    }

    private static void restrict(Path path, String permissions) throws IOException {
        if (path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
        }
    }

    // --- start and stop

    private static EmbeddedPostgres startPostgres(
            Path home, Path data, Path superuserPasswordFile, String superuserPassword, int port) throws IOException {
        Path logFile = prepareLog(home.resolve("postgres.log"));
        EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
                .setOverrideWorkingDirectory(home.resolve("binaries").toFile())
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setRegisterShutdownHook(false)
                .setPGStartupWait(START_WAIT)
                .setPort(port)
                // To a file instead of our logger: PostgreSQL writes there also after the JVM was killed.
                .setOutputRedirector(ProcessBuilder.Redirect.appendTo(logFile.toFile()))
                .setErrorRedirector(ProcessBuilder.Redirect.appendTo(logFile.toFile()))
                // Options of initdb, in force from the first start on.
                .setLocaleConfig("auth-host", "scram-sha-256")
                .setLocaleConfig("auth-local", "scram-sha-256")
                .setLocaleConfig("pwfile", superuserPasswordFile.toString())
                // The same order and the same messages on every machine.
                .setLocaleConfig("locale", "C")
                .setLocaleConfig("locale-provider", "builtin")
                .setLocaleConfig("builtin-locale", "C.UTF-8")
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("listen_addresses", "127.0.0.1")
                .setServerConfig("unix_socket_directories", "")
                .setServerConfig("max_connections", MAX_CONNECTIONS)
                .setConnectConfig("password", superuserPassword);

        StartWatch watch = new StartWatch(logFile);
        EmbeddedPostgres postgres;
        try (watch) {
            postgres = builder.start();
        } catch (IOException | RuntimeException e) {
            OrphanedPostmaster.stop(data);
            throw new EmbeddedDatabaseException(notStarted(watch), e);
        }
        // The library returns normally when its wait is interrupted.
        boolean interrupted = Thread.interrupted();
        if (watch.sawFailure() || interrupted) {
            stop(postgres, data);
            if (!watch.sawFailure()) {
                Thread.currentThread().interrupt();
                throw new EmbeddedDatabaseException("Interrupted while the embedded PostgreSQL was starting");
            }
            throw new EmbeddedDatabaseException(notStarted(watch));
        }
        return postgres;
    }

    private static String notStarted(StartWatch watch) {
        return "The embedded PostgreSQL does not start. Its log, " + watch.logFile() + ", says:\n" + watch.lastLines();
    }

    private static Path prepareLog(Path logFile) throws IOException {
        if (Files.exists(logFile) && Files.size(logFile) > LOG_KEPT_BYTES) {
            Files.move(logFile, logFile.resolveSibling("postgres.log.1"), StandardCopyOption.REPLACE_EXISTING);
        }
        if (!Files.exists(logFile)) {
            Files.createFile(logFile);
        }
        return logFile;
    }

    private static void prepareDatabase(EmbeddedPostgres postgres, String password) throws SQLException {
        try (Connection connection = postgres.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            if (!exists(statement, "SELECT 1 FROM pg_roles WHERE rolname = '" + NAME + "'")) {
                statement.execute("CREATE ROLE " + NAME + " LOGIN");
            }
            // Each time: the file decides, so a lost one is simply made anew.
            statement.execute("ALTER ROLE " + NAME + " PASSWORD '" + password.replace("'", "''") + "'");
            if (!exists(statement, "SELECT 1 FROM pg_database WHERE datname = '" + NAME + "'")) {
                statement.execute("CREATE DATABASE " + NAME + " OWNER " + NAME);
            }
        }
    }

    private static boolean exists(Statement statement, String query) throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            return rows.next();
        }
    }

    /** Stops PostgreSQL and waits for its end. The library waits five seconds; the checkpoint of a busy server may take longer. */
    private static void stop(EmbeddedPostgres postgres, Path data) throws IOException {
        ProcessHandle process = OrphanedPostmaster.find(data).orElse(null);
        postgres.close();
        if (process != null && !OrphanedPostmaster.awaitEnd(data, process, STOP_WAIT)) {
            log.error(
                    "PostgreSQL (process {}) is still writing; the next start on {} will wait for it",
                    process.pid(),
                    data);
        }
    }
}

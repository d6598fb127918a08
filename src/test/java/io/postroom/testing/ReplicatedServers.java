package io.postroom.testing;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Set;
import org.awaitility.Awaitility;
import org.springframework.util.FileSystemUtils;

/**
 * A primary and a standby of the embedded binaries, with physical replication between them. A test cuts the replication, goes on writing,
 * and then promotes the standby, which lacks what was written since. Not thread-safe.
 */
public final class ReplicatedServers implements AutoCloseable {
    private static final Set<String> NOT_COPIED = Set.of("postmaster.pid", "postmaster.opts", "epg-lock");
    private static final Set<String> COPIED_EMPTY = Set.of("pg_wal", "pg_replslot", "pg_dynshmem", "pg_stat_tmp");

    private final Path directory;
    private final EmbeddedPostgres primary;
    private final EmbeddedPostgres standby;

    private ReplicatedServers(Path directory, EmbeddedPostgres primary, EmbeddedPostgres standby) {
        this.directory = directory;
        this.primary = primary;
        this.standby = standby;
    }

    /** Starts both servers. The standby follows the primary. */
    public static ReplicatedServers start() throws IOException, SQLException {
        Path directory = Files.createTempDirectory("replicated");
        EmbeddedPostgres primary = server(directory.resolve("primary"));
        try {
            Path copy = directory.resolve("standby");
            back(primary, directory.resolve("primary"), copy);
            Files.createFile(copy.resolve("standby.signal"));
            Files.writeString(
                    copy.resolve("postgresql.auto.conf"),
                    "primary_conninfo = 'host=127.0.0.1 port=" + primary.getPort() + " user=postgres'\n");
            return new ReplicatedServers(directory, primary, server(copy));
        } catch (IOException | SQLException | RuntimeException failed) {
            primary.close();
            throw failed;
        }
    }

    private static EmbeddedPostgres server(Path data) throws IOException {
        return EmbeddedPostgres.builder()
                .setPGStartupWait(Duration.ofSeconds(60))
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setServerConfig("max_connections", "200")
                .setServerConfig("fsync", "off")
                .setServerConfig("synchronous_commit", "on") // the builder's default is off
                .setServerConfig("hot_standby", "on")
                .start();
    }

    /** Takes a base backup in the order that the server's documentation describes. */
    private static void back(EmbeddedPostgres server, Path data, Path copy) throws IOException, SQLException {
        try (Connection connection = connect(server.getPort());
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_backup_start('standby', true)");
            copy(data, copy);
            try (ResultSet row = statement.executeQuery("SELECT labelfile FROM pg_backup_stop()")) {
                row.next();
                Files.writeString(copy.resolve("backup_label"), row.getString(1));
            }
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
                Path target = to.resolve(from.relativize(folder));
                Files.createDirectories(target);
                Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwx------"));
                if (COPIED_EMPTY.contains(folder.getFileName().toString())) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (!NOT_COPIED.contains(file.getFileName().toString())) {
                    Files.copy(file, to.resolve(from.relativize(file)));
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
                return FileVisitResult.CONTINUE; // a file may be removed under a base backup
            }
        });
    }

    /** Where a client finds whichever server is the primary. */
    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + primary.getPort() + ",127.0.0.1:" + standby.getPort()
                + "/postgres?targetServerType=primary&hostRecheckSeconds=0&user=postgres&password=postgres";
    }

    /** Where a client finds the standby, for reading. */
    public String standbyUrl() {
        return "jdbc:postgresql://127.0.0.1:" + standby.getPort() + "/postgres?user=postgres&password=postgres";
    }

    /** Waits until the standby has all that was committed. */
    public void awaitStandby() throws SQLException {
        try (Connection ahead = connect(primary.getPort());
                Connection behind = connect(standby.getPort())) {
            String written = ask(ahead, "SELECT pg_current_wal_lsn()");
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> ask(behind, "SELECT pg_last_wal_replay_lsn() >= '" + written + "'"), "t"::equals);
        }
    }

    /** Waits until the standby has all that was committed, and cuts the replication: it gets nothing more. */
    public void cutReplication() throws SQLException {
        awaitStandby();
        try (Connection ahead = connect(primary.getPort());
                Connection behind = connect(standby.getPort())) {
            ask(behind, "SELECT set_config('application_name', 'cut', false)");
            behind.createStatement().execute("ALTER SYSTEM SET primary_conninfo = ''");
            ask(behind, "SELECT pg_reload_conf()");
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> ask(ahead, "SELECT count(*) FROM pg_stat_replication"), "0"::equals);
        }
    }

    /** Stops the primary and promotes the standby, which takes writes when this method returns. */
    public void failOver() throws IOException, SQLException {
        primary.close();
        try (Connection connection = connect(standby.getPort())) {
            ask(connection, "SELECT pg_promote(true, 60)");
        }
    }

    private static Connection connect(int port) throws SQLException {
        return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + port + "/postgres", "postgres", "postgres");
    }

    private static String ask(Connection connection, String question) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            return row.getString(1);
        }
    }

    @Override
    public void close() {
        try {
            standby.close();
            primary.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            FileSystemUtils.deleteRecursively(directory.toFile());
        }
    }
}

package io.postroom.upgrade;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.util.FileSystemUtils;

/** An old server of the machine's packages with {@code wal_level = logical}, and a new one of the embedded binaries. Both keep fsync on. */
final class TwoServers implements AutoCloseable {
    private static final Path PROGRAMS = Path.of("/usr/lib/postgresql/15/bin");

    private final Path folder;
    private final int oldPort;
    private final EmbeddedPostgres newServer;
    private final List<HikariDataSource> pools = new ArrayList<>();

    private TwoServers(Path folder, int oldPort, EmbeddedPostgres newServer) {
        this.folder = folder;
        this.oldPort = oldPort;
        this.newServer = newServer;
    }

    /** What this machine lacks; null: nothing. */
    static @Nullable String missing() {
        return Stream.of(PROGRAMS + "/postgres", "/usr/bin/pg_dump", "/usr/bin/psql", "/usr/bin/setpriv")
                .filter(program -> !Files.isExecutable(Path.of(program)))
                .findFirst()
                .orElse(null);
    }

    static TwoServers start() throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory(
                "upgrade", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Path data = Files.createDirectory(folder.resolve("old"));
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        if (isRoot()) {
            run(Map.of(), "chown", "postgres", data.toString());
        }
        asServer(
                PROGRAMS + "/initdb",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "-D",
                data + "/data");
        asServer(
                PROGRAMS + "/pg_ctl",
                "-D",
                data + "/data",
                "-w",
                "-l",
                data + "/log",
                "-o",
                "-p " + port
                        + " -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c wal_level=logical -c max_connections=100",
                "start");
        EmbeddedPostgres newServer = EmbeddedPostgres.builder()
                .setPGStartupWait(Duration.ofSeconds(60))
                .setLocaleConfig("locale", "C")
                .setServerConfig("max_connections", "100")
                .setServerConfig("synchronous_commit", "on")
                .start();
        return new TwoServers(folder, port, newServer);
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    /** The server refuses to run as root. */
    private static void asServer(String... command) throws IOException, InterruptedException {
        List<String> all = new ArrayList<>();
        if (isRoot()) {
            all.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"));
        }
        all.addAll(List.of(command));
        run(Map.of(), all.toArray(String[]::new));
    }

    /**
     * Runs a program of the recipes.
     *
     * @throws IllegalStateException it failed; has what it said
     */
    static String run(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        Path said = Files.createTempFile("said", ".txt"); // a server that is left behind would hold a pipe open
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .redirectInput(new java.io.File("/dev/null"));
            builder.environment().putAll(environment);
            Process process = builder.start();
            if (!process.waitFor(300, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            if (process.waitFor() != 0) {
                throw new IllegalStateException(String.join(" ", command) + ": " + Files.readString(said));
            }
            return Files.readString(said);
        } finally {
            Files.delete(said);
        }
    }

    /** Connection string of libpq for a database of the old server. */
    String oldServer() {
        return "host=127.0.0.1 port=" + oldPort + " user=postgres dbname=postgres";
    }

    String newServer(String database) {
        return "host=127.0.0.1 port=" + newServer.getPort() + " user=postgres dbname=" + database;
    }

    HikariDataSource oldPool() {
        return pool("jdbc:postgresql://127.0.0.1:" + oldPort + "/postgres?user=postgres");
    }

    HikariDataSource newPool(String database) {
        return pool("jdbc:postgresql://127.0.0.1:" + newServer.getPort() + "/" + database
                + "?user=postgres&password=postgres");
    }

    private HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(5);
        config.setMinimumIdle(0);
        HikariDataSource pool = new HikariDataSource(config);
        pools.add(pool);
        return pool;
    }

    @Override
    public void close() throws IOException {
        pools.forEach(HikariDataSource::close);
        newServer.close();
        try {
            asServer(PROGRAMS + "/pg_ctl", "-D", folder + "/old/data", "-m", "immediate", "stop");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            FileSystemUtils.deleteRecursively(folder.toFile());
        }
    }
}

package io.postroom.testing;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.springframework.util.FileSystemUtils;

/** A server of the embedded binaries with a {@link WrongClock}, which a test steps while the server runs. */
public final class SteppedServer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path directory;
    private final WrongClock clock;
    private final int port;
    private final Process postmaster;

    private SteppedServer(Path directory, WrongClock clock, int port, Process postmaster) {
        this.directory = directory;
        this.clock = clock;
        this.port = port;
        this.postmaster = postmaster;
    }

    /**
     * Starts a server. Returns when it takes connections.
     *
     * @param ahead how wrong its clock is at its start
     */
    public static SteppedServer start(Duration ahead) throws IOException, SQLException {
        Path directory = Files.createTempDirectory("stepped");
        WrongClock clock = WrongClock.in(directory, ahead);
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        Path data = directory.resolve("data");
        List<String> command = new ArrayList<>();
        if ("root".equals(System.getProperty("user.name"))) {
            command.addAll(
                    List.of("unshare", "-U")); // the server refuses to run as root; EmbeddedPostgres does the same
        }
        command.addAll(clock.prefix());
        command.addAll(List.of(programs(data) + "/postgres", "-D", data.toString(), "-p", String.valueOf(port)));
        for (String setting : List.of(
                "max_connections=100",
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                "unix_socket_directories=")) {
            command.addAll(List.of("-c", setting));
        }
        Process postmaster = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile())
                .start();
        Runtime.getRuntime().addShutdownHook(new Thread(postmaster::destroy)); // for a run of tests that is broken off
        SteppedServer server = new SteppedServer(directory, clock, port, postmaster);
        Awaitility.await().atMost(PATIENCE).until(server::answers);
        return server;
    }

    /** Makes the data of a server, with the right clock, and answers where its programs are. */
    private static String programs(Path data) throws IOException, SQLException {
        try (EmbeddedPostgres maker = EmbeddedPostgres.builder()
                        .setPGStartupWait(PATIENCE)
                        .setDataDirectory(data)
                        .setCleanDataDirectory(false)
                        .setLocaleConfig("locale", "C")
                        .setServerConfig("fsync", "off")
                        .start();
                Connection connection = maker.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT setting FROM pg_config WHERE name = 'BINDIR'")) {
            row.next();
            return row.getString(1);
        }
    }

    private boolean answers() throws IOException {
        if (!postmaster.isAlive()) {
            throw new IllegalStateException("the server has ended: " + Files.readString(directory.resolve("log")));
        }
        try (Connection connection = DriverManager.getConnection(
                "jdbc:postgresql://127.0.0.1:" + port + "/postgres", "postgres", "postgres")) {
            return connection.isValid(5);
        } catch (SQLException notYet) {
            return false;
        }
    }

    /** A fresh database with our migrations. */
    public TestDatabase database() {
        return new TestServer("127.0.0.1", port, "postgres", "postgres").createDatabase("Stepped", true);
    }

    /** The clock of the server. */
    public WrongClock clock() {
        return clock;
    }

    @Override
    public void close() throws InterruptedException, IOException {
        new ProcessBuilder("kill", "-QUIT", String.valueOf(postmaster.pid()))
                .start()
                .waitFor();
        if (!postmaster.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            postmaster.destroyForcibly();
        }
        FileSystemUtils.deleteRecursively(directory.toFile());
    }
}

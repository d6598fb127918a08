package io.postroom.testing;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.springframework.util.FileSystemUtils;

/** A server of the embedded binaries that a test crashes and starts again, on the same port and the same data. Not thread-safe. */
public final class CrashingServer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path directory;
    private final int port;
    private EmbeddedPostgres server;

    private CrashingServer(Path directory, int port) throws IOException {
        this.directory = directory;
        this.port = port;
        this.server = server();
    }

    public static CrashingServer start() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            int port = free.getLocalPort();
            free.close();
            return new CrashingServer(Files.createTempDirectory("crashing"), port);
        }
    }

    private EmbeddedPostgres server() throws IOException {
        return EmbeddedPostgres.builder()
                .setPGStartupWait(PATIENCE)
                .setPort(port)
                .setDataDirectory(directory.resolve("data"))
                .setCleanDataDirectory(false)
                .setServerConfig("max_connections", "200")
                .setServerConfig("max_prepared_transactions", "10")
                .setServerConfig("fsync", "off") // the machine stays up, so the server finds all that it wrote
                .setServerConfig(
                        "synchronous_commit",
                        "on") // else a crash loses what was just committed; the builder's default is off
                .start();
    }

    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + port + "/postgres?user=postgres&password=postgres";
    }

    /** Ends the server and all its backends at once, without a checkpoint. Returns when it is gone. */
    public void crash() throws IOException, InterruptedException {
        Path file = directory.resolve("data").resolve("postmaster.pid");
        long postmaster = Long.parseLong(Files.readAllLines(file).get(0).strip());
        ProcessHandle handle = ProcessHandle.of(postmaster).orElseThrow();
        new ProcessBuilder("kill", "-QUIT", String.valueOf(postmaster)).start().waitFor();
        try {
            handle.onExit().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException stillThere) {
            throw new IOException("the server does not end", stillThere);
        }
    }

    /** Starts the server that has crashed. Returns when it has recovered and takes connections. */
    public void restart() throws IOException {
        server.close();
        server = server();
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            FileSystemUtils.deleteRecursively(directory.toFile());
        }
    }
}

package io.postroom.testing;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.util.FileSystemUtils;

/** A PostgreSQL 15 of the machine's packages on loopback, with fsync on. User postgres needs no password. Not thread-safe. */
public final class PackagedServer implements AutoCloseable {
    public static final Path PROGRAMS = Path.of("/usr/lib/postgresql/15/bin");

    private final Path folder;
    private final int port;
    private final String settings;

    private PackagedServer(Path folder, int port, String settings) {
        this.folder = folder;
        this.port = port;
        this.settings = settings;
    }

    /** What this machine lacks; null: nothing. */
    public static @Nullable String missing() {
        return Stream.of(PROGRAMS + "/postgres", "/usr/bin/pg_dump", "/usr/bin/psql", "/usr/bin/setpriv")
                .filter(program -> !Files.isExecutable(Path.of(program)))
                .findFirst()
                .orElse(null);
    }

    /**
     * Makes a server and starts it.
     *
     * @param settings as in {@code wal_level=logical}; no spaces in values
     */
    public static PackagedServer start(String... settings) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory(
                "packaged", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        if (isRoot()) {
            run(Map.of(), "chown", "postgres", folder.toString());
        }
        StringBuilder options =
                new StringBuilder("-p " + port + " -c listen_addresses=127.0.0.1 -c unix_socket_directories=");
        for (String setting : settings) {
            options.append(" -c ").append(setting);
        }
        PackagedServer server = new PackagedServer(folder, port, options.toString());
        try {
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
                    server.data());
            server.start();
        } catch (IOException | InterruptedException | RuntimeException failed) {
            server.close();
            throw failed;
        }
        return server;
    }

    private String data() {
        return folder + "/data";
    }

    /** Starts it again, on the same port. Returns when it takes connections. */
    public void start() throws IOException, InterruptedException {
        asServer(PROGRAMS + "/pg_ctl", "-D", data(), "-w", "-l", folder + "/log", "-o", settings, "start");
    }

    /** Ends it without a checkpoint, so that it recovers at its next start. */
    public void crash() throws IOException, InterruptedException {
        asServer(PROGRAMS + "/pg_ctl", "-D", data(), "-m", "immediate", "stop");
    }

    public int port() {
        return port;
    }

    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + port + "/postgres?user=postgres";
    }

    /** Connection string of libpq. */
    public String connection() {
        return "host=127.0.0.1 port=" + port + " user=postgres dbname=postgres";
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
        run(
                Map.of("HOME", "/"),
                all.toArray(String[]::new)); // it may not read root's, where libpq looks for certificates
    }

    /**
     * Runs a program and answers what it said.
     *
     * @throws IllegalStateException it failed; has what it said
     */
    public static String run(Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        Path said = Files.createTempFile("said", ".txt"); // a server that is left behind would hold a pipe open
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .redirectInput(new File("/dev/null"));
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

    @Override
    public void close() throws IOException {
        try {
            crash();
        } catch (IllegalStateException down) {
            // a test had ended it already
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            FileSystemUtils.deleteRecursively(folder.toFile());
        }
    }
}

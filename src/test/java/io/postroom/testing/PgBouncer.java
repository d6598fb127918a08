package io.postroom.testing;

import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A real PgBouncer on 127.0.0.1 in front of the tests' server, with the configuration that its manual begins with. Where it is not
 * installed, {@link #binary()} is empty and tests are skipped.
 */
public final class PgBouncer implements AutoCloseable {
    private static final List<Path> PLACES = List.of(Path.of("/usr/sbin/pgbouncer"), Path.of("/usr/bin/pgbouncer"));

    private static final String USERS = "${users}";

    private final Path folder;
    private final int port;
    private Process process;

    private PgBouncer(Path folder, int port) throws IOException {
        this.folder = folder;
        this.port = port;
        this.process = run();
    }

    /** The one that {@code -Dpostroom.test.pgbouncer=/path} names, else that of the machine's packages. */
    public static Optional<Path> binary() {
        String given = System.getProperty("postroom.test.pgbouncer");
        return (given == null ? PLACES.stream() : Stream.of(Path.of(given)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Skips the test that asks where none is installed. */
    public static void assumeInstalled() {
        assumeThat(binary())
                .as("pgbouncer is not installed: apt-get install pgbouncer")
                .isPresent();
    }

    /**
     * Starts it in front of the server of a database. All its clients become the database's user.
     *
     * @param mode its {@code pool_mode}: session, transaction or statement
     */
    public static PgBouncer inFrontOf(TestDatabase database, String mode) {
        return start("""
                [databases]
                * = host=%s port=%d user=%s password=%s
                [pgbouncer]
                auth_type = any
                pool_mode = %s
                max_client_conn = 200
                default_pool_size = 20
                ignore_startup_parameters = extra_float_digits
                """.formatted(database.host(), database.port(), database.user(), database.password(), mode));
    }

    /**
     * Starts it in front of a server that asks for no password, for all its databases. Each client stays the user that it says it is.
     *
     * @param mode its {@code pool_mode}: session, transaction or statement
     */
    static PgBouncer inFrontOfAll(String host, int port, String mode) {
        return start("""
                [databases]
                * = host=%s port=%d auth_user=postgres
                [pgbouncer]
                auth_type = trust
                auth_file = %s
                auth_query = SELECT rolname, '' FROM pg_roles WHERE rolname = $1
                pool_mode = %s
                max_client_conn = 1000
                default_pool_size = 60
                server_idle_timeout = 5
                ignore_startup_parameters = extra_float_digits, options
                """.formatted(host, port, USERS, mode));
    }

    private static PgBouncer start(String settings) {
        try {
            int port = freePort();
            Path folder = Files.createTempDirectory(
                    "pgbouncer", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
            Path users = Files.writeString(folder.resolve("users"), "\"postgres\" \"postgres\"\n");
            Files.writeString(
                    folder.resolve("pgbouncer.ini"), settings.replace(USERS, users.toString()) + """
                    listen_addr = 127.0.0.1
                    listen_port = %d
                    unix_socket_dir =
                    """.formatted(port));
            return new PgBouncer(folder, port);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts the process and returns when it takes connections. */
    private Process run() throws IOException {
        Process started = new ProcessBuilder(command(folder.resolve("pgbouncer.ini")))
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
                .start();
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(this::answers);
        return started;
    }

    /** Kills it in the middle of whatever its clients do, and starts it again on the same port. */
    public void killAndRestart() throws IOException, InterruptedException {
        process.destroyForcibly().waitFor();
        process = run();
    }

    /** As root it refuses to run, and changes to another user first when it is told to. */
    private static List<String> command(Path ini) {
        List<String> command = new ArrayList<>(List.of(binary().orElseThrow().toString()));
        if ("root".equals(System.getProperty("user.name"))) {
            command.addAll(List.of("-u", "nobody"));
        }
        command.add(ini.toString());
        return command;
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    private boolean answers() {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    int port() {
        return port;
    }

    /** JDBC URL through it to a database of its server, without user and password. */
    public String url(TestDatabase database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database.name();
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            try (Stream<Path> files = Files.list(folder)) {
                files.forEach(file -> file.toFile().delete());
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;

/** The server in a JVM of its own, as a user starts it in a directory: to be killed, and to be read on its terminal. */
final class ServerProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private final Path directory;
    private final Process process;
    private final List<String> terminal = new CopyOnWriteArrayList<>();
    private final Thread reader = new Thread(this::read, "server-terminal");

    private ServerProcess(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
        reader.setDaemon(true);
        reader.start();
    }

    static ServerProcess start(Path directory, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-cp",
                classPath(),
                PostroomServer.class.getName(),
                "--server.port=0",
                RunningServer.WITHOUT_TEST_LIBRARIES));
        command.addAll(Arrays.asList(arguments));
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true);
        // What the machine that runs the tests says about its own databases is not meant for this one.
        builder.environment().keySet().removeIf(name -> name.startsWith("SPRING_") || name.startsWith("POSTROOM_"));
        return new ServerProcess(directory, builder.start());
    }

    /** As little of the tests as can be: their logging configuration would take the place of the server's. */
    private static String classPath() {
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return Arrays.stream(all.split(java.io.File.pathSeparator))
                .filter(entry -> !entry.endsWith("test-classes"))
                .collect(Collectors.joining(java.io.File.pathSeparator));
    }

    private void read() {
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line; (line = out.readLine()) != null; ) {
                terminal.add(line);
            }
        } catch (IOException killed) {
            terminal.add("(" + killed.getMessage() + ")");
        }
    }

    String terminal() {
        return String.join("\n", terminal);
    }

    /** Waits for a line that contains the text. Fails as soon as the process ends without it. */
    String awaitLine(String text) {
        Awaitility.await()
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> isOnTerminal(text) || !reader.isAlive());
        return terminal.stream()
                .filter(line -> line.contains(text))
                .findFirst()
                .orElseThrow(() -> new AssertionError("the server has ended without \"" + text + "\":\n" + terminal()));
    }

    private boolean isOnTerminal(String text) {
        return terminal.stream().anyMatch(line -> line.contains(text));
    }

    /** SIGKILL: no shutdown hook runs. */
    void kill() throws InterruptedException {
        process.toHandle().destroyForcibly(); // Process's own would close the terminal, last words and all
        awaitEnd();
    }

    /** SIGTERM, as from an init system. */
    int terminate() throws InterruptedException {
        process.toHandle().destroy();
        return awaitEnd();
    }

    int awaitEnd() throws InterruptedException {
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as(terminal()).isTrue();
        reader.join();
        return process.exitValue();
    }

    Path home() {
        return directory.resolve(".postroom");
    }

    /** In the server's own database, with what its terminal and its files say about how to get in. */
    List<String> query(String sql) {
        String line = awaitLine("Embedded PostgreSQL runs on ");
        String url = line.substring(line.indexOf("jdbc:")).split(" ")[0];
        try (Connection connection = DriverManager.getConnection(
                        url,
                        "postroom",
                        Files.readString(home().resolve("password")).strip());
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<String> first = new ArrayList<>();
            while (rows.next()) {
                first.add(rows.getString(1));
            }
            return first;
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        OrphanedPostmaster.stop(home().resolve("data"));
    }
}

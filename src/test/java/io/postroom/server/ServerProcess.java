package io.postroom.server;

import io.postroom.testing.JvmProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The server in a JVM of its own, as a user starts it in a directory: to be killed, and to be read on its terminal. */
final class ServerProcess implements AutoCloseable {
    private final Path directory;
    private final JvmProcess process;

    private ServerProcess(Path directory, JvmProcess process) {
        this.directory = directory;
        this.process = process;
    }

    static ServerProcess start(Path directory, String... arguments) throws IOException {
        String[] all = Stream.concat(
                        Stream.of("--server.port=0", RunningServer.WITHOUT_TEST_LIBRARIES), Stream.of(arguments))
                .toArray(String[]::new);
        JvmProcess process = JvmProcess.of(PostroomServer.class)
                .withoutTestClasses()
                .arguments(all)
                .in(directory)
                .start();
        return new ServerProcess(directory, process);
    }

    String terminal() {
        return process.output();
    }

    /** Waits for a line that contains the text. Fails as soon as the process ends without it. */
    String awaitLine(String text) {
        return process.awaitLine(text);
    }

    /** Sends SIGKILL: no shutdown hook runs. */
    void kill() throws InterruptedException {
        process.kill();
    }

    /** Sends SIGTERM, as an init system does. */
    int terminate() throws InterruptedException {
        return process.terminate();
    }

    int awaitEnd() throws InterruptedException {
        return process.awaitEnd();
    }

    Path home() {
        return directory.resolve(".postroom");
    }

    /** Runs SQL in the server's own database, with what its terminal and its files say about how to get in. */
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
        process.close();
        OrphanedPostmaster.stop(home().resolve("data"));
    }
}

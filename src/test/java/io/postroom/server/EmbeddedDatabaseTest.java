package io.postroom.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.testing.JvmProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EmbeddedDatabaseTest {
    /** Shared by the tests that need a database: making one takes far longer than starting it again. */
    @TempDir
    static Path parent;

    @Test
    void settings_are_durable_and_closed_to_others() throws Exception {
        int port = freePort();
        try (EmbeddedDatabase database = EmbeddedDatabase.start(shared(), port)) {
            assertThat(database.jdbcUrl()).isEqualTo("jdbc:postgresql://127.0.0.1:" + port + "/postroom");
            Map.of(
                            "fsync", "on",
                            "synchronous_commit", "on",
                            "full_page_writes", "on",
                            "data_checksums", "on",
                            "listen_addresses", "127.0.0.1",
                            "server_encoding", "UTF8")
                    .forEach((setting, value) ->
                            assertThat(show(database, setting)).as(setting).isEqualTo(value));
            assertThat(Integer.parseInt(show(database, "server_version_num")) / 10_000)
                    .isEqualTo(EmbeddedDatabase.MAJOR_VERSION);
            assertThat(query(connectAsSuperuser(database), "SHOW unix_socket_directories"))
                    .isEmpty();
            assertThat(query(database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
                    .isEqualTo("f");
        }
        assertThat(permissions(shared())).isEqualTo("rwx------");
        assertThat(permissions(shared().resolve("password"))).isEqualTo("rw-------");
        assertThat(permissions(shared().resolve("superuser-password"))).isEqualTo("rw-------");
    }

    @Test
    void nobody_comes_in_without_the_password() {
        try (EmbeddedDatabase database = EmbeddedDatabase.start(shared(), 0)) {
            for (String user : List.of("postroom", "postgres")) {
                assertThatThrownBy(() -> DriverManager.getConnection(database.jdbcUrl(), user, "guess"))
                        .isInstanceOfSatisfying(
                                SQLException.class,
                                e -> assertThat(e.getSQLState()).isEqualTo("28P01"));
                assertThatThrownBy(() -> DriverManager.getConnection(database.jdbcUrl() + "?user=" + user))
                        .isInstanceOf(SQLException.class)
                        .hasMessageContaining("password");
            }
        }
    }

    @Test
    void data_and_password_survive_a_restart() {
        String password;
        try (EmbeddedDatabase database = EmbeddedDatabase.start(shared(), 0)) {
            password = database.password();
            update(database, "CREATE TABLE kept AS SELECT 42 AS answer");
        }
        try (EmbeddedDatabase database = EmbeddedDatabase.start(shared(), 0)) {
            assertThat(database.password()).isEqualTo(password);
            assertThat(query(database, "SELECT answer FROM kept")).isEqualTo("42");
        }
    }

    @Test
    void second_start_on_the_directory_is_refused_and_harms_nothing() throws Exception {
        try (EmbeddedDatabase database = EmbeddedDatabase.start(shared(), 0)) {
            assertThatThrownBy(() -> EmbeddedDatabase.start(shared(), 0))
                    .isInstanceOf(EmbeddedDatabaseException.class)
                    .hasMessageContaining("in use by another server (this process)");
            assertThat(query(database, "SELECT 1")).isEqualTo("1");

            try (JvmProcess other = forkServer(shared())) {
                assertThat(other.awaitEnd()).isNotZero();
                assertThat(other.output())
                        .contains("in use by another server (process "
                                + ProcessHandle.current().pid() + ")");
            }
        }
    }

    @Test
    @Tag("fault-long")
    void rows_committed_before_the_JVM_was_killed_are_there_at_the_next_start(@TempDir Path directory)
            throws Exception {
        int confirmed;
        UnpackedBinaries.linkInto(directory);
        try (JvmProcess server = forkServer(directory)) {
            server.awaitLine("committed 200");
            assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                    .isInstanceOf(EmbeddedDatabaseException.class)
                    .hasMessageContaining("(process " + server.pid() + ")");
            server.kill();
            confirmed = server.lines().stream()
                    .filter(line -> line.matches("committed \\d+"))
                    .mapToInt(line -> Integer.parseInt(line.substring("committed ".length())))
                    .max()
                    .orElseThrow();
        }
        assertThat(confirmed).isGreaterThanOrEqualTo(200);
        ProcessHandle left = OrphanedPostmaster.find(directory.resolve("data")).orElseThrow();
        assertThat(left.isAlive()).as("PostgreSQL outlives its JVM").isTrue();

        try (EmbeddedDatabase database = EmbeddedDatabase.start(directory, 0)) {
            await().until(() -> !left.isAlive());
            assertThat(Integer.parseInt(query(database, "SELECT count(*) FROM written")))
                    .isGreaterThanOrEqualTo(confirmed);
        }
    }

    @Test
    void interrupted_first_start_is_set_aside_and_begun_again(@TempDir Path directory) throws Exception {
        Files.createFile(directory.resolve("lock"));
        Files.createDirectories(directory.resolve("data/base"));
        Files.createFile(directory.resolve("data/postgresql.conf"));
        Path halfUnpacked = directory.resolve("binaries/PG-0123/bin/postgres");
        Files.createDirectories(halfUnpacked.getParent());
        Files.createFile(halfUnpacked);

        try (EmbeddedDatabase database = EmbeddedDatabase.start(directory, 0)) {
            assertThat(query(database, "SELECT current_database()")).isEqualTo("postroom");
        }
        assertThat(halfUnpacked).doesNotExist();
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.filter(file -> file.getFileName().toString().startsWith("data.incomplete-")))
                    .hasSize(1);
        }
    }

    @Test
    void failing_start_says_at_once_what_PostgreSQL_said(@TempDir Path directory) throws Exception {
        UnpackedBinaries.linkInto(directory);
        EmbeddedDatabase.start(directory, 0).close();
        Path configuration = directory.resolve("data/postgresql.conf");
        String sound = Files.readString(configuration);
        Files.writeString(configuration, sound + "\nno_such_setting = 1\n");
        assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("unrecognized configuration parameter \"no_such_setting\"");

        Files.writeString(configuration, sound);
        Path passwordFile = directory.resolve("superuser-password");
        String password = Files.readString(passwordFile);
        Files.writeString(passwordFile, "wrong");
        assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("password authentication failed for user \"postgres\"");

        Files.writeString(passwordFile, password);
        Files.delete(directory.resolve("password"));
        try (EmbeddedDatabase database = EmbeddedDatabase.start(directory, 0)) {
            assertThat(query(database, "SELECT 1"))
                    .as("a lost password of the owner is made anew")
                    .isEqualTo("1");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"17", "19"})
    void data_of_another_major_version_are_refused(String version, @TempDir Path directory) throws Exception {
        Files.createFile(directory.resolve("lock"));
        Files.writeString(directory.resolve("version"), version + "\n");
        assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("were written by PostgreSQL " + version)
                .hasMessageContaining("pg_dump");
    }

    @Test
    void lost_data_are_not_replaced_by_an_empty_database(@TempDir Path directory) throws Exception {
        Files.createFile(directory.resolve("lock"));
        Files.writeString(directory.resolve("version"), EmbeddedDatabase.MAJOR_VERSION + "\n");
        assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("There should be data");
    }

    @Test
    void lock_file_of_a_living_process_that_is_not_ours_is_left_alone(@TempDir Path directory) throws Exception {
        Files.createFile(directory.resolve("lock"));
        Path pidFile = directory.resolve("data/postmaster.pid");
        Files.createDirectories(pidFile.getParent());
        Files.writeString(pidFile, ProcessHandle.current().pid() + "\n" + directory + "\n");
        assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("that process is")
                .hasMessageContaining("java");
        assertThat(pidFile).exists();
    }

    /** After a restart of the machine the number may be given to anybody. PostgreSQL takes such a file for an old one. */
    @Test
    void lock_file_that_names_a_process_of_another_user_does_not_keep_the_server_from_starting(@TempDir Path directory)
            throws Exception {
        Path data = Files.createDirectories(directory.resolve("data"));
        boolean isRoot = ProcessHandle.current().info().user().orElse("").equals("root");
        Process foreign = isRoot
                ? new ProcessBuilder("setpriv", "--reuid", "65534", "--clear-groups", "sleep", "60").start()
                : null;
        try {
            ProcessHandle process = foreign == null ? ProcessHandle.of(1).orElseThrow() : foreign.toHandle();
            await().until(() ->
                    !process.info().user().equals(ProcessHandle.current().info().user()));
            Files.writeString(data.resolve("postmaster.pid"), process.pid() + "\n" + data + "\n");

            OrphanedPostmaster.stop(data);

            assertThat(process.isAlive()).isTrue();
            assertThat(data.resolve("postmaster.pid")).exists();
        } finally {
            if (foreign != null) {
                foreign.destroy();
            }
        }
    }

    @Test
    void directory_with_other_files_is_refused(@TempDir Path directory) throws Exception {
        Files.createFile(directory.resolve("thesis.txt"));
        assertThatThrownBy(() -> EmbeddedDatabase.start(directory, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("holds other files");
    }

    @Test
    void taken_port_is_reported_before_anything_is_started(@TempDir Path directory) throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> EmbeddedDatabase.start(directory, taken.getLocalPort()))
                    .isInstanceOf(EmbeddedDatabaseException.class)
                    .hasMessageContaining("Port " + taken.getLocalPort());
        }
        assertThat(directory.resolve("data")).doesNotExist();
    }

    @Test
    void places_where_the_library_deletes_data_are_refused(@TempDir Path directory) {
        Path cleaned = Path.of(System.getProperty("java.io.tmpdir"), "embedded-pg", "mine");
        assertThatThrownBy(() -> EmbeddedDatabase.start(cleaned, 0))
                .isInstanceOf(EmbeddedDatabaseException.class)
                .hasMessageContaining("old ones are deleted");

        System.setProperty("ot.epg.working-dir", directory.toString());
        try {
            assertThatThrownBy(() -> EmbeddedDatabase.start(directory.resolve("mine"), 0))
                    .isInstanceOf(EmbeddedDatabaseException.class)
                    .hasMessageContaining("ot.epg.working-dir");
        } finally {
            System.clearProperty("ot.epg.working-dir");
        }
    }

    /** Another JVM with a server on the directory; it writes rows and tells each commit, until it is killed. */
    static final class WritingServer {
        public static void main(String[] arguments) throws Exception {
            try (EmbeddedDatabase database = EmbeddedDatabase.start(Path.of(arguments[0]), 0);
                    Connection connection = connect(database);
                    Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE written (number int PRIMARY KEY)");
                for (int number = 1; ; number++) {
                    statement.execute("INSERT INTO written VALUES (" + number + ")");
                    System.out.println("committed " + number);
                }
            }
        }
    }

    private static JvmProcess forkServer(Path directory) throws IOException {
        return JvmProcess.of(WritingServer.class)
                .arguments(directory.toString())
                .start();
    }

    private static Path shared() {
        return parent.resolve("shared");
    }

    private static Connection connect(EmbeddedDatabase database) throws SQLException {
        return DriverManager.getConnection(database.jdbcUrl(), database.username(), database.password());
    }

    private static String show(EmbeddedDatabase database, String setting) {
        return query(database, "SHOW " + setting);
    }

    private static Connection connectAsSuperuser(EmbeddedDatabase database) throws Exception {
        return DriverManager.getConnection(
                database.jdbcUrl(),
                "postgres",
                Files.readString(shared().resolve("superuser-password")).strip());
    }

    private static String query(EmbeddedDatabase database, String sql) {
        try {
            return query(connect(database), sql);
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private static String query(Connection opened, String sql) {
        try (Connection connection = opened;
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            assertThat(rows.next()).isTrue();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private static void update(EmbeddedDatabase database, String sql) {
        try (Connection connection = connect(database);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}

package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The libraries Postroom is compared with, and what their adapters share. */
final class Peers {
    /** Enough connections for 16 workers, 8 enqueuers and what each peer does beside. */
    private static final int CONNECTIONS = 30;

    private static final int BLOCK = 1000;

    private Peers() {}

    static List<Contender> all() {
        return List.of(new DbScheduler(), new JobRunr(), new Quartz());
    }

    /** The version on the class path, as its jar says. */
    static String version(Contender peer) {
        if (peer instanceof DbScheduler) {
            return mavenVersion(
                    com.github.kagkarlsson.scheduler.Scheduler.class, "com.github.kagkarlsson/db-scheduler");
        } else if (peer instanceof Quartz) {
            return mavenVersion(org.quartz.Scheduler.class, "org.quartz-scheduler/quartz");
        } else if (peer instanceof JobRunr) { // built by Gradle
            return Objects.requireNonNull(org.jobrunr.scheduling.JobRequestScheduler.class
                    .getPackage()
                    .getImplementationVersion());
        }
        throw new IllegalArgumentException("no peer: " + peer.name());
    }

    private static String mavenVersion(Class<?> of, String artifact) {
        Properties properties = new Properties();
        try (InputStream file = open(of, "/META-INF/maven/" + artifact + "/pom.properties")) {
            properties.load(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties.getProperty("version");
    }

    /** Opens a pool as a host would: with the driver's switch that makes one INSERT of a batch. Only Quartz has no batches. */
    static HikariDataSource pool(BenchDatabase database) {
        String url = database.url() + (database.url().contains("?") ? "&" : "?") + "reWriteBatchedInserts=true";
        return new BenchDatabase(url, database.user(), database.password()).pool(CONNECTIONS);
    }

    /** An id like no other in this database, also not of another process. */
    static String id(AtomicLong sequence) {
        return ProcessHandle.current().pid() + "-" + sequence.incrementAndGet();
    }

    /** Returns this number of messages, in lists of the size a bulk call does well with. */
    static List<List<String>> blocks(int messages, String payload) {
        List<List<String>> blocks = new ArrayList<>();
        for (int left = messages; left > 0; left -= BLOCK) {
            blocks.add(Collections.nCopies(Math.min(left, BLOCK), payload));
        }
        return blocks;
    }

    /** @param script of many statements, found beside the class */
    static void runScript(DataSource dataSource, Class<?> beside, String script) throws SQLException, IOException {
        try (InputStream file = open(beside, script);
                Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(new String(file.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    static long count(DataSource dataSource, String query) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement statement = connection.prepareStatement(query);
                ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getLong(1);
        }
    }

    static void update(DataSource dataSource, String statement, Object... parameters) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement prepared = connection.prepareStatement(statement)) {
            for (int i = 0; i < parameters.length; i++) {
                prepared.setObject(i + 1, parameters[i]);
            }
            prepared.execute();
        }
    }

    private static InputStream open(Class<?> beside, String resource) {
        @Nullable InputStream found = beside.getResourceAsStream(resource);
        return Objects.requireNonNull(found, resource);
    }
}

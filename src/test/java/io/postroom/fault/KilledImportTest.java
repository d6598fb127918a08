package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Processes that are killed while they import files: each line is a message once, or a bad line once. */
@PostgresTest
@Timeout(300)
class KilledImportTest {
    private static final Duration SOON = Duration.ofSeconds(120);

    private final TestDatabase database;
    private final JdbcClient sql;

    @TempDir
    Path folder;

    KilledImportTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    @BeforeEach
    void clear() {
        sql.sql("DELETE FROM postroom.file_import").update();
        sql.sql("TRUNCATE postroom.message, postroom.ready").update();
        freeLocks();
    }

    /** Spares the test the ten seconds for which a dead process keeps the others from the folder. */
    private void freeLocks() {
        sql.sql("UPDATE postroom.shedlock SET lock_until = locked_at WHERE name LIKE 'postroom.file-import.%'")
                .update();
    }

    /** Each tenth line is a bad one. */
    private void put(String name, int lines) throws IOException {
        StringBuilder text = new StringBuilder("file,n\n");
        for (int i = 2; i <= lines + 1; i++) {
            text.append(name).append(i % 10 == 0 ? "" : "," + i).append('\n');
        }
        Path hidden = folder.resolve("." + name);
        Files.writeString(hidden, text);
        Files.move(hidden, folder.resolve(name));
    }

    private JvmProcess start(int lastLine) throws IOException {
        return JvmProcess.of(ImportWorker.class)
                .arguments(
                        database.url(),
                        database.user(),
                        database.password(),
                        folder.toString(),
                        String.valueOf(lastLine))
                .echo()
                .start();
    }

    private Postroom here() {
        return Postroom.on(database.pool())
                .schema(SchemaMode.NONE)
                .fileImport(ImportWorker.settings(folder))
                .start();
    }

    private long count(String query) {
        return sql.sql(query).query(Long.class).single();
    }

    private void awaitDone(int files) {
        await().atMost(SOON)
                .until(() -> count("SELECT count(*) FROM postroom.file_import WHERE state = 'DONE'") == files);
    }

    private void assertEachLineOnce(int files, int lines) throws IOException {
        long good = (long) files * (lines - lines / 10);
        assertThat(count("SELECT count(*) FROM postroom.message_content")).isEqualTo(good);
        assertThat(count("SELECT count(DISTINCT (payload ->> 'file', payload ->> 'n')) FROM postroom.message_content"))
                .isEqualTo(good);
        assertThat(count("SELECT sum(messages) FROM postroom.file_import")).isEqualTo(good);
        assertThat(count("SELECT sum(bad_lines) FROM postroom.file_import")).isEqualTo((long) files * (lines / 10));
        await().atMost(SOON).untilAsserted(() -> {
            try (Stream<Path> all = Files.walk(folder.resolve("done"))) {
                assertThat(all.filter(path -> path.endsWith("bad-lines.ndjson")).flatMap(KilledImportTest::lines))
                        .hasSize(files * (lines / 10))
                        .doesNotHaveDuplicates();
            }
        });
    }

    private static Stream<String> lines(Path file) {
        try {
            return Files.readAllLines(file).stream().map(line -> file + line);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void import_goes_on_where_a_killed_process_left_it() throws Exception {
        killAtLines(1503);
    }

    @Test
    @Tag("fault-long")
    void import_goes_on_where_killed_processes_left_it() throws Exception {
        killAtLines(2, 1503, 3999);
    }

    private void killAtLines(int... lines) throws Exception {
        put("a.csv", 4000);
        for (int line : lines) {
            try (JvmProcess killed = start(line)) {
                killed.awaitEnd();
            }
            freeLocks();
            assertThat(count("SELECT sum(lines) FROM postroom.file_import")).isLessThan(line);
        }
        try (Postroom last = here()) {
            awaitDone(1);
            assertEachLineOnce(1, 4000);
        }
    }

    @Test
    @Tag("fault-long")
    void processes_share_a_folder_and_one_of_them_dies() throws Exception {
        try (JvmProcess killed = start(0)) {
            killed.awaitLine("READY");
            try (Postroom other = here()) {
                for (int i = 0; i < 20; i++) {
                    put(i + ".csv", 500);
                }
                await().atMost(SOON)
                        .until(() -> count("SELECT count(*) FROM postroom.file_import WHERE state = 'DONE'") >= 5);
                killed.kill();
                freeLocks();
                awaitDone(20);
                assertEachLineOnce(20, 500);
            }
        }
    }
}

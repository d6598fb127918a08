package io.postroom.server.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The demo's files of orders: which count, and what happens when they cannot be written. */
@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
@Timeout(120)
class DemoFilesTest {
    private static final String FILE = "events.ndjson";

    @TempDir
    Path directory;

    private final TestDatabase database;
    private final JdbcClient sql;
    private final DemoProgress progress;

    DemoFilesTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
        this.progress = new DemoProgress(database.pool(), FILE);
    }

    @BeforeEach
    void begin() {
        sql.sql("TRUNCATE postroom.file_import").update();
        progress.begin();
        progress.forget();
        progress.begin();
    }

    @Test
    void only_files_of_this_run_that_are_imported_to_their_ends_count() {
        progress.orderFilesWritten(2);
        String mine = "-run-" + progress.run() + ".ndjson";
        imported("own-orders.ndjson", "DONE");
        imported("orders-1-run-20200101-000000.ndjson", "DONE");
        imported("orders-1" + mine, "DONE");
        imported("orders-1" + mine, "FAILED"); // written again after a kill, and refused
        imported("orders-2" + mine, "RUNNING");
        assertThat(progress.areOrderFilesImported()).isFalse();

        sql.sql("UPDATE postroom.file_import SET state = 'DONE', finished_at = now() WHERE state = 'RUNNING'")
                .update();
        assertThat(progress.areOrderFilesImported()).isTrue();
    }

    @Test
    void a_folder_that_takes_no_file_keeps_the_demo_waiting_until_it_does(CapturedOutput output) throws Exception {
        List<String> terminal = new CopyOnWriteArrayList<>();
        try (SpringHost host = SpringHost.start(
                        database.url(), database.user(), database.password(), directory.resolve("mails"));
                Demo demo = host.demo(events(), terminal::add)) {
            Path first = TicketFile.at(directory.resolve(FILE)).readAfter(0).next(40).stream()
                    .map(TicketFile.Line::event)
                    .filter(event -> event.operation().equals(TicketEvent.CHECKED_OUT))
                    .findFirst()
                    .map(event -> directory.resolve("inbox/.orders-"
                            + event.timestamp().toString().substring(0, 13).replace('T', '-') + "-run-" + progress.run()
                            + ".ndjson"))
                    .orElseThrow();
            Files.createDirectories(first); // a folder where a file is to be written
            demo.start();
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> output.getAll().contains("cannot write its files of orders"));
            Files.delete(first);
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> terminal.stream().anyMatch(line -> line.startsWith("Demo: finished, 40 events")));
        }
        assertThat(Stream.of(output.getAll().split("\n"))
                        .filter(line -> line.contains("cannot write its files of orders")))
                .hasSize(1);
    }

    private TicketFile events() throws Exception {
        try (InputStream in = TicketFile.class.getResourceAsStream("ticket-events.ndjson")) {
            String some = new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .limit(40)
                    .collect(Collectors.joining("\n", "", "\n"));
            return TicketFile.at(Files.writeString(directory.resolve(FILE), some));
        }
    }

    private void imported(String file, String state) {
        sql.sql("INSERT INTO postroom.file_import (id, size, modified_us, import_name, file, state, finished_at)"
                        + " VALUES (gen_random_uuid(), 1, 1, :import, :file, :state,"
                        + " CASE WHEN :state <> 'RUNNING' THEN now() END)")
                .param("import", Accounting.IMPORT)
                .param("file", file)
                .param("state", state)
                .update();
    }
}

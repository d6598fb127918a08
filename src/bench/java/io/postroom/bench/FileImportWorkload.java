package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.FileImport;
import io.postroom.api.ImportedFile.State;
import io.postroom.bench.WorkloadResult.Row;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * W19: a CSV file of 200,000 lines becomes messages, against the same messages by the bulk call in batches of 1,000 on one thread. The
 * import reads the file twice: once for its hash, once for its lines.
 */
final class FileImportWorkload implements Workload {
    private static final int LINES = 200_000;
    private static final int BULK = 1000;
    private static final String QUEUE = "bench";

    @Override
    public String id() {
        return "W19";
    }

    @Override
    public String title() {
        return "import of a CSV file, and the same messages in bulks of " + BULK;
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(LINES) * 2_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Rounds rounds = new Rounds(bench, result);
        int lines = bench.options().messages(LINES);
        Row bulk = result.row("postroom, createMessages", "bulk of " + BULK + ", 1 thread", null);
        Row imported = result.row("postroom, file import", "blocks of 1,000 lines", bulk);
        rounds.add(bulk, warmUp -> measured(bench, (database, meter) -> bulks(database, meter, lines)));
        rounds.add(imported, warmUp -> measured(bench, (database, meter) -> imported(database, meter, lines)));
        rounds.run();
        result.atLeast(
                "rate of the import >= 0.7 x the bulk call",
                imported.ratio(Sample::rate).median(),
                0.7,
                bench.options());
        return result;
    }

    @FunctionalInterface
    private interface Trial {
        Sample run(BenchDatabase database, Meter meter) throws Exception;
    }

    private static Sample measured(Bench bench, Trial trial) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            return trial.run(database, new Meter(connection, bench.server().isLocal()));
        } finally {
            bench.server().drop(database);
        }
    }

    private static Sample bulks(BenchDatabase database, Meter meter, int lines) throws Exception {
        try (HikariDataSource pool = database.pool(4);
                Postroom postroom = Postroom.on(pool).workers(false).start()) {
            return meter.measure(() -> {
                List<CreateMessage> batch = new ArrayList<>(BULK);
                for (int i = 0; i < lines; i++) {
                    batch.add(CreateMessage.to(QUEUE)
                            .json(json(i))
                            .header(FileImport.FILE_NAME, "orders.csv")
                            .header(FileImport.FILE_LINE, String.valueOf(i + 2)));
                    if (batch.size() == BULK || i == lines - 1) {
                        postroom.queueMessages().createMessages(batch);
                        batch.clear();
                    }
                }
                return lines;
            });
        }
    }

    private static String json(int i) {
        return "{\"order\":\"A-" + i + "\",\"customer\":\"ann@example.org\",\"amount\":\"129.90\",\"text\":\"" + text()
                + "\"}";
    }

    private static String text() {
        return "one of many orders in a file of orders, with a text of about a hundred characters in each of them";
    }

    private static Sample imported(BenchDatabase database, Meter meter, int lines) throws Exception {
        Path folder = Files.createTempDirectory("postroom-bench");
        try (HikariDataSource pool = database.pool(4);
                Postroom postroom = Postroom.on(pool)
                        .fileImport(FileImport.of("orders", folder, QUEUE)
                                .format(FileImport.Format.CSV)
                                .stableFor(Duration.ZERO))
                        .start()) {
            Path hidden = folder.resolve(".orders.csv");
            try (BufferedWriter file = Files.newBufferedWriter(hidden)) {
                file.write("order,customer,amount,text\n");
                for (int i = 0; i < lines; i++) {
                    file.write("A-" + i + ",ann@example.org,129.90," + "\"" + text() + "\"\n");
                }
            }
            return meter.measure(() -> {
                Files.move(hidden, folder.resolve("orders.csv"));
                while (postroom.fileImports().list(1).stream().noneMatch(file -> file.state() == State.DONE)) {
                    Thread.sleep(20);
                }
                return lines;
            });
        } finally {
            delete(folder);
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}

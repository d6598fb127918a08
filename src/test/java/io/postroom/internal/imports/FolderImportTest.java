package io.postroom.internal.imports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.FileImport;
import io.postroom.api.FileImport.Format;
import io.postroom.api.ImportedFile;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.FileImportStore;
import io.postroom.internal.storage.NewMessage;
import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Steps of several processes in one folder, which a fast machine would seldom show. */
@PostgresTest
class FolderImportTest {
    private final FileImportStore store;
    private final JdbcClient sql;
    private final AtomicLong nanos = new AtomicLong();

    @TempDir
    Path folder;

    FolderImportTest(DataSource pool) {
        store = PostgresStores.on(pool).fileImports();
        sql = JdbcClient.create(pool);
    }

    @BeforeEach
    void clear() {
        sql.sql("DELETE FROM postroom.file_import").update();
    }

    /** What a process creates, and what it does in its transaction. */
    private static class Creator implements ImportedMessages {
        final List<String> created = new ArrayList<>();
        private final List<String> encoded = new ArrayList<>();
        Runnable inTransaction = () -> {};

        @Override
        public NewMessage encode(CreateMessage message) {
            String json = ((CreateMessage.Content.Json) message.content()).json();
            if (json.startsWith("bad")) {
                throw new InvalidMessageException("payload", "JSON", json);
            }
            encoded.add(json);
            return new NewMessage(
                    MessageIds.next(),
                    false,
                    1,
                    "q",
                    4,
                    null,
                    null,
                    null,
                    null,
                    null,
                    message.deduplication(),
                    null,
                    null);
        }

        @Override
        public Runnable create(List<NewMessage> messages, Connection connection) {
            inTransaction.run();
            created.addAll(encoded);
            encoded.clear();
            return () -> {};
        }
    }

    private FolderImport process(Creator creator) {
        return new FolderImport(
                FileImport.of("orders", folder, "q").format(Format.NDJSON),
                new Inbox(folder, Duration.ofSeconds(2), nanos::get),
                store,
                creator);
    }

    private void put(String name, String text) throws Exception {
        Files.writeString(folder.resolve(name), text);
    }

    private void rest(FolderImport process) throws Exception {
        process.hasWork();
        nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        assertThat(process.hasWork()).isTrue();
    }

    private ImportedFile only() {
        assertThat(store.list(10)).hasSize(1);
        return store.list(10).get(0);
    }

    private static String lines(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> (i % 500 == 7 ? "bad" : "") + i + "\n")
                .collect(Collectors.joining());
    }

    @Test
    void file_is_taken_when_neither_size_nor_time_changed_for_long_enough() throws Exception {
        FolderImport process = process(new Creator());
        put("a", "1\n");
        assertThat(process.hasWork()).isFalse();
        nanos.addAndGet(Duration.ofMillis(1999).toNanos());
        assertThat(process.hasWork()).isFalse();
        put("a", "1\n2\n");
        nanos.addAndGet(Duration.ofMillis(1).toNanos());
        assertThat(process.hasWork()).as("it has grown").isFalse();
        nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        assertThat(process.hasWork()).isTrue();
    }

    @Test
    void death_between_bad_lines_and_commit_repeats_neither() throws Exception {
        Creator dying = new Creator();
        put("a", lines(0, 1500));
        FolderImport first = process(dying);
        rest(first);
        dying.inTransaction = () -> {
            if (!dying.created.isEmpty()) {
                throw new IllegalStateException("dies in its second block, with its bad lines on disk");
            }
        };
        assertThatThrownBy(() -> first.work(Duration.ofMinutes(1))).hasMessageContaining("dies");
        Path own = folder.resolve("processing").resolve(only().id().toString());
        assertThat(Files.readAllLines(own.resolve("bad-lines.ndjson"))).hasSize(3);
        assertThat(only().badLines()).isEqualTo(2);

        Creator next = new Creator();
        FolderImport second = process(next);
        assertThat(second.hasWork()).isTrue();
        assertThat(second.work(Duration.ofMinutes(1))).isFalse();

        assertThat(dying.created).hasSize(998);
        assertThat(next.created).hasSize(499).first().isEqualTo("1000");
        assertThat(only().state()).isEqualTo(State.DONE);
        assertThat(only().messages()).isEqualTo(1497);
        assertThat(Files.readAllLines(
                        folder.resolve("done").resolve(only().id().toString()).resolve("bad-lines.ndjson")))
                .hasSize(3);
    }

    /** One process was suspended after it had read its lines. Another one imports the same lines, and dies in the block behind them. */
    @Test
    void process_with_an_older_position_creates_nothing_and_cuts_nothing_off() throws Exception {
        Creator fast = new Creator();
        fast.inTransaction = () -> {
            if (!fast.created.isEmpty()) {
                throw new IllegalStateException("dies in its second block");
            }
        };
        put("a", lines(0, 1500));
        boolean[] overtaken = {false};
        Creator suspended = new Creator() {
            @Override
            public NewMessage encode(CreateMessage message) {
                if (!overtaken[0]) {
                    overtaken[0] = true;
                    assertThatThrownBy(() -> process(fast).work(Duration.ofMinutes(1)))
                            .hasMessageContaining("dies");
                }
                return super.encode(message);
            }
        };
        FolderImport slower = process(suspended);
        rest(slower);

        slower.work(Duration.ofMinutes(1));

        assertThat(fast.created).hasSize(998);
        assertThat(suspended.created).isEmpty();
        assertThat(only().state()).isEqualTo(State.RUNNING);
        assertThat(only().lines()).isEqualTo(1000);
        Path own = folder.resolve("processing").resolve(only().id().toString());
        assertThat(Files.readAllLines(own.resolve("bad-lines.ndjson"))).hasSizeGreaterThanOrEqualTo(2);

        Creator last = new Creator();
        process(last).work(Duration.ofMinutes(1));
        assertThat(last.created).hasSize(499);
        assertThat(only().messages()).isEqualTo(1497);
        assertThat(only().badLines()).isEqualTo(3);
    }

    @Test
    void file_that_vanished_between_look_and_claim_is_no_trouble() throws Exception {
        Creator creator = new Creator();
        put("a", "1\n");
        put("b", "2\n");
        FolderImport process = process(creator);
        rest(process);
        Files.delete(folder.resolve("a"));

        assertThat(process.work(Duration.ofMinutes(1))).isFalse();

        assertThat(creator.created).containsExactly("2");
        try (var left = Files.list(folder.resolve("processing"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void link_that_took_the_place_of_a_file_is_not_read() throws Exception {
        Creator creator = new Creator();
        Path outside = Files.createTempFile("outside", ".ndjson");
        Files.writeString(outside, "9\n");
        put("a", "1\n");
        FolderImport process = process(creator);
        rest(process);
        Files.delete(folder.resolve("a"));
        Files.createSymbolicLink(folder.resolve("a"), outside);

        process.work(Duration.ofMinutes(1));

        assertThat(creator.created).isEmpty();
        assertThat(only().state()).isEqualTo(State.FAILED);
        assertThat(only().error()).contains("link");
        assertThat(outside).hasContent("9");
        Files.delete(outside);
    }

    @Test
    void file_that_changes_while_it_is_imported_fails_and_says_what_was_created() throws Exception {
        Creator creator = new Creator();
        put("a", lines(0, 2500));
        FolderImport process = process(creator);
        rest(process);
        creator.inTransaction = () -> {
            try {
                Path file = folder.resolve("processing")
                        .resolve(only().id().toString())
                        .resolve("a");
                Files.writeString(file, "more\n", StandardOpenOption.APPEND);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        };

        process.work(Duration.ofMinutes(1));

        assertThat(only().state()).isEqualTo(State.FAILED);
        assertThat(only().error()).contains("changed").contains("998 of its lines are messages");
        Path own = folder.resolve("failed").resolve(only().id().toString());
        assertThat(own.resolve("reason.txt")).content().contains("998");
    }

    @Test
    void file_that_vanished_from_processing_fails() throws Exception {
        Creator creator = new Creator();
        put("a", lines(0, 2500));
        FolderImport process = process(creator);
        rest(process);
        creator.inTransaction = () -> {
            try {
                Files.delete(folder.resolve("processing")
                        .resolve(only().id().toString())
                        .resolve("a"));
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        };

        process.work(Duration.ofMinutes(1));

        assertThat(only().state()).isEqualTo(State.FAILED);
        assertThat(only().error()).contains("gone");
    }
}

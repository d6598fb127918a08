package io.postroom.internal.imports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.CreateMessage;
import io.postroom.api.ImportedFile.State;
import io.postroom.internal.storage.NewMessage;
import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Steps of several processes in one folder, which a fast machine would seldom show. */
@PostgresTest
class FolderImportTest extends FolderFixture {
    FolderImportTest(DataSource pool) {
        super(pool);
    }

    @Test
    void file_is_taken_when_neither_size_nor_time_changed_for_long_enough() throws Exception {
        FolderImport process = process(new LineCreator());
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
        LineCreator dying = new LineCreator();
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

        LineCreator next = new LineCreator();
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
        LineCreator fast = new LineCreator();
        fast.inTransaction = () -> {
            if (!fast.created.isEmpty()) {
                throw new IllegalStateException("dies in its second block");
            }
        };
        put("a", lines(0, 1500));
        boolean[] overtaken = {false};
        LineCreator suspended = new LineCreator() {
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

        LineCreator last = new LineCreator();
        process(last).work(Duration.ofMinutes(1));
        assertThat(last.created).hasSize(499);
        assertThat(only().messages()).isEqualTo(1497);
        assertThat(only().badLines()).isEqualTo(3);
    }

    @Test
    void file_that_vanished_between_look_and_claim_is_no_trouble() throws Exception {
        LineCreator creator = new LineCreator();
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
        LineCreator creator = new LineCreator();
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
        LineCreator creator = new LineCreator();
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
        LineCreator creator = new LineCreator();
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

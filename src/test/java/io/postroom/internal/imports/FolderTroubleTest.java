package io.postroom.internal.imports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.DuplicateMessageException;
import io.postroom.api.ImportedFile;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.MessageIds;
import io.postroom.api.QueueFullException;
import io.postroom.api.StoreException;
import io.postroom.testing.PostgresTest;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Files that fail for a while, or that a queue or the store refuses, beside others in the same folder. */
@PostgresTest
class FolderTroubleTest extends FolderFixture {
    FolderTroubleTest(DataSource pool) {
        super(pool);
    }

    /** Works as often as a file is tried, with waits in between. */
    private void workThroughFailures(FolderImport process) throws Exception {
        for (int i = 0; i < Patience.MOST_FAILURES; i++) {
            assertThat(process.work(Duration.ofMinutes(1))).isFalse();
            nanos.addAndGet(Duration.ofMinutes(1).toNanos());
        }
    }

    private ImportedFile named(String name) {
        return store.list(10).stream()
                .filter(file -> file.file().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private List<String> badLines(ImportedFile file) throws IOException {
        return Files.readAllLines(
                folder.resolve("done").resolve(file.id().toString()).resolve(Inbox.BAD_LINES));
    }

    // ---- one file that holds up nobody

    @Test
    void line_for_which_an_interceptor_fails_again_and_again_is_a_bad_line_and_other_files_go_on_meanwhile()
            throws Exception {
        LineCreator creator = new LineCreator();
        creator.interceptor = json -> {
            if (json.equals("3")) {
                throw new IllegalStateException("no tenant");
            }
        };
        put("a", "1\n2\n3\n4\n");
        put("b", "5\n");
        FolderImport process = process(creator);
        rest(process);

        assertThat(process.work(Duration.ofMinutes(1))).isFalse();
        assertThat(creator.created)
                .as("all before that line, and the other file")
                .containsExactly("1", "2", "5");
        assertThat(process.work(Duration.ofMinutes(1))).as("it rests").isFalse();
        assertThat(process.hasWork()).as("a resting file is no work").isFalse();
        assertThat(named("a").state()).isEqualTo(State.RUNNING);
        assertThat(named("b").state()).isEqualTo(State.DONE);

        nanos.addAndGet(Duration.ofMinutes(1).toNanos());
        assertThat(process.hasWork()).isTrue();
        workThroughFailures(process);
        assertThat(creator.created).containsExactly("1", "2", "5", "4");
        assertThat(named("a").state()).isEqualTo(State.DONE);
        assertThat(named("a").messages()).isEqualTo(3);
        assertThat(badLines(named("a")))
                .singleElement()
                .asString()
                .startsWith("{\"line\":3,")
                .contains("an interceptor failed 10 times", "no tenant", "\"text\":\"3\"");
    }

    @Test
    void interceptor_that_works_again_has_cost_no_line() throws Exception {
        LineCreator creator = new LineCreator();
        int[] failures = {Patience.MOST_FAILURES - 1};
        creator.interceptor = json -> {
            if (json.equals("2") && failures[0]-- > 0) {
                throw new IllegalStateException("the directory is away");
            }
        };
        put("a", "1\n2\n3\n");
        FolderImport process = process(creator);
        rest(process);
        workThroughFailures(process);
        assertThat(creator.created).containsExactly("1", "2", "3");
        assertThat(named("a").badLines()).isZero();
    }

    /** A link in the place of a file that was begun stands for a disk that fails: it cannot be opened. */
    @Test
    void file_that_cannot_be_read_again_and_again_fails_and_other_files_go_on_meanwhile() throws Exception {
        LineCreator creator = new LineCreator();
        put("a", lines(0, 1500));
        put("b", "5\n");
        FolderImport process = process(creator);
        rest(process);
        creator.inTransaction = () -> {
            creator.inTransaction = () -> {};
            throw new StoreException("the process stops", StoreException.Kind.UNAVAILABLE, "57P01", null);
        };
        assertThatThrownBy(() -> process.work(Duration.ofMinutes(1))).hasMessageContaining("stops");
        Path own = folder.resolve("processing").resolve(named("a").id().toString());
        Files.delete(own.resolve("a"));
        Files.createSymbolicLink(own.resolve("a"), own.resolve("a")); // nothing can open it

        assertThat(process.work(Duration.ofMinutes(1))).isFalse();
        assertThat(creator.created).containsExactly("5");
        assertThat(named("a").state()).isEqualTo(State.RUNNING);

        nanos.addAndGet(Duration.ofMinutes(1).toNanos());
        workThroughFailures(process);
        assertThat(named("a").state()).isEqualTo(State.FAILED);
        assertThat(named("a").error()).contains("could not be read in 10 tries", "0 of its lines are messages");
    }

    /** The pipe is put there while no process runs. Whoever opens it waits for somebody who writes into it. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void pipe_in_the_place_of_a_file_that_was_begun_holds_no_thread() throws Exception {
        LineCreator creator = new LineCreator();
        put("a", lines(0, 1500));
        put("b", "5\n");
        FolderImport process = process(creator);
        rest(process);
        creator.inTransaction = () -> {
            creator.inTransaction = () -> {};
            throw new StoreException("the process stops", StoreException.Kind.UNAVAILABLE, "57P01", null);
        };
        assertThatThrownBy(() -> process.work(Duration.ofMinutes(1))).hasMessageContaining("stops");
        Path file =
                folder.resolve("processing").resolve(named("a").id().toString()).resolve("a");
        Files.delete(file);
        makePipe(file);
        assertThat(CompletableFuture.supplyAsync(() -> worked(process))).succeedsWithin(Duration.ofSeconds(30));
        assertThat(creator.created).as("the other file goes on").containsExactly("5");

        nanos.addAndGet(Duration.ofMinutes(1).toNanos());
        workThroughFailures(process);
        assertThat(named("a").state()).isEqualTo(State.FAILED);
        assertThat(named("a").error()).contains("could not be read in 10 tries", "no regular file");
    }

    /** Bad lines cannot be written: a folder has their name. The file is good, so it waits for as long as that lasts. */
    @Test
    void file_beside_which_nothing_can_be_written_waits_and_other_files_go_on_meanwhile() throws Exception {
        LineCreator creator = new LineCreator();
        put("a", "bad1\n2\n");
        put("b", "5\n");
        FolderImport process = process(creator);
        rest(process);
        Path[] inTheWay = new Path[1];
        creator.interceptor = json -> {
            if (json.equals("2") && inTheWay[0] == null) {
                inTheWay[0] = folder.resolve("processing")
                        .resolve(only().id().toString())
                        .resolve(Inbox.BAD_LINES);
                assertThat(inTheWay[0].toFile().mkdir()).isTrue();
            }
        };
        workThroughFailures(process);
        workThroughFailures(process);
        assertThat(creator.created).containsExactly("5");
        assertThat(named("a").state()).isEqualTo(State.RUNNING);

        Files.delete(inTheWay[0]);
        workThroughFailures(process);
        assertThat(creator.created).containsExactly("5", "2");
        assertThat(badLines(named("a"))).hasSize(1);
    }

    /** Whoever opens the pipe for bad lines waits for a reader, and would do so in an open transaction. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void pipe_with_the_name_of_the_bad_lines_holds_no_thread() throws Exception {
        LineCreator creator = new LineCreator();
        put("a", "bad1\n2\n");
        put("b", "5\n");
        FolderImport process = process(creator);
        rest(process);
        Path[] pipe = new Path[1];
        creator.interceptor = json -> {
            if (json.equals("2") && pipe[0] == null) {
                pipe[0] = folder.resolve("processing")
                        .resolve(only().id().toString())
                        .resolve(Inbox.BAD_LINES);
                makePipe(pipe[0]);
            }
        };
        CompletableFuture<Boolean> work = CompletableFuture.supplyAsync(() -> worked(process));
        try {
            assertThat(work).succeedsWithin(Duration.ofSeconds(20));
        } finally {
            if (!work.isDone()) {
                new RandomAccessFile(pipe[0].toFile(), "rw")
                        .close(); // else its transaction would hold the end of the test
            }
        }
        workThroughFailures(process);
        assertThat(creator.created).as("the other file goes on").containsExactly("5");
        assertThat(named("a").state()).isEqualTo(State.RUNNING);

        Files.delete(pipe[0]);
        workThroughFailures(process);
        assertThat(creator.created).containsExactly("5", "2");
        assertThat(badLines(named("a"))).hasSize(1);
    }

    private static void makePipe(Path file) {
        try {
            assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                    .isZero();
        } catch (IOException | InterruptedException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static boolean worked(FolderImport process) {
        try {
            return process.work(Duration.ofMinutes(1));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    // ---- blocks

    @Test
    void block_is_as_long_as_the_queue_has_room() throws Exception {
        LineCreator creator = new LineCreator();
        put("a", IntStream.range(0, 20).mapToObj(i -> i + "\n").collect(Collectors.joining()));
        FolderImport process = process(creator);
        rest(process);
        creator.store = lines -> {
            if (lines.size() > 3 && creator.created.size() < 10) {
                throw new QueueFullException("q", 3, 0);
            }
        };
        assertThat(process.work(Duration.ofMinutes(1))).isFalse();
        assertThat(creator.created)
                .containsExactlyElementsOf(
                        IntStream.range(0, 20).mapToObj(String::valueOf).toList());
        assertThat(creator.blocks).allMatch(size -> size > 0).startsWith(2, 2).contains(4);
        assertThat(named("a").messages()).isEqualTo(20);
    }

    @Test
    void lines_of_a_file_wait_for_a_queue_that_moves_to_another_home() throws Exception {
        LineCreator creator = new LineCreator();
        put("a", IntStream.range(0, 10).mapToObj(i -> i + "\n").collect(Collectors.joining()));
        FolderImport process = process(creator);
        rest(process);
        creator.store = lines -> {
            throw new StoreException("queue \"q\" has moved to home \"b\"", StoreException.Kind.REFUSED, "PR421", null);
        };
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(() -> process.work(Duration.ofMinutes(1))).hasMessageContaining("has moved");
            assertThat(process.hasWork()).isTrue();
        }
        assertThat(only().badLines()).isZero();
        assertThat(only().state()).isEqualTo(State.RUNNING);

        creator.store = lines -> {};
        assertThat(process.work(Duration.ofMinutes(1))).isFalse();
        assertThat(creator.created).hasSize(10);
        assertThat(only().badLines()).isZero();
    }

    @Test
    void line_that_the_store_refuses_is_recorded_with_its_number_and_text_though_it_is_the_only_one_of_its_block()
            throws Exception {
        LineCreator creator = new LineCreator();
        creator.store = lines -> {
            if (lines.contains("1000") || lines.contains("2000")) {
                throw new DuplicateMessageException("q", "deduplicationKey", "k", MessageIds.next(), Optional.empty());
            }
        };
        put("a", IntStream.range(0, 1001).mapToObj(i -> i + "\n").collect(Collectors.joining()));
        put("b", "2000\n");
        FolderImport process = process(creator);
        rest(process);
        assertThat(process.work(Duration.ofMinutes(1))).isFalse();
        assertThat(creator.created).hasSize(1000);
        assertThat(badLines(named("a")))
                .singleElement()
                .asString()
                .startsWith("{\"line\":1001,")
                .endsWith("\"text\":\"1000\"}");
        assertThat(badLines(named("b")))
                .singleElement()
                .asString()
                .startsWith("{\"line\":1,")
                .endsWith("\"text\":\"2000\"}");
    }
}

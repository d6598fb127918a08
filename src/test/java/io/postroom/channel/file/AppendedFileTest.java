package io.postroom.channel.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.testing.FullDisk;
import io.postroom.testing.JvmProcess;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class AppendedFileTest {
    private static final byte[] HEADER = bytes("a,b\r\n");

    @TempDir
    Path folder;

    /** Appends {@code arguments[1]} lines that begin with {@code arguments[2]}. */
    public static void main(String[] arguments) throws Exception {
        AppendedFile file = new AppendedFile(Path.of(arguments[0]), true);
        System.out.println("READY");
        append(file, arguments[2], Integer.parseInt(arguments[1]));
        System.out.println("END");
    }

    private static void append(AppendedFile file, String name, int lines) throws Exception {
        for (int i = 0; i < lines; i++) {
            file.append(HEADER, bytes(name + ",\"" + i + "\n" + "x".repeat(i % 50) + "\"\r\n"), null);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void threads_and_processes_append_whole_lines_to_one_file() throws Exception {
        Path path = folder.resolve("log.csv");
        int lines = 100;
        try (JvmProcess other = JvmProcess.of(AppendedFileTest.class)
                .arguments(path.toString(), String.valueOf(lines), "other")
                .start()) {
            other.awaitLine("READY");
            ExecutorService threads = Executors.newFixedThreadPool(2);
            List<Future<?>> ends = new ArrayList<>();
            for (String name : List.of("one", "two")) {
                ends.add(threads.submit(() -> {
                    append(new AppendedFile(path, true), name, lines);
                    return null;
                }));
            }
            for (Future<?> end : ends) {
                end.get();
            }
            other.awaitLine("END");
            threads.shutdown();
        }
        String text = Files.readString(path);
        assertThat(text).startsWith("a,b\r\n").endsWith("\"\r\n");
        assertThat(text.split("a,b")).as("one header").hasSize(2);
        for (String name : List.of("one", "two", "other")) {
            List<String> expected = IntStream.range(0, lines)
                    .mapToObj(i -> name + ",\"" + i + "\n" + "x".repeat(i % 50) + "\"")
                    .toList();
            assertThat(List.of(text.split("\r\n"))).containsSubsequence(expected);
        }
    }

    @Test
    void unfinished_line_of_a_killed_writer_is_cut_off() throws Exception {
        Path path = folder.resolve("log.ndjson");
        Files.writeString(path, "{\"n\":1}\n{\"n\":2");

        new AppendedFile(path, false).append(new byte[0], bytes("{\"n\":3}\n"), null);

        assertThat(path).hasContent("{\"n\":1}\n{\"n\":3}\n");
    }

    @Test
    void unfinished_record_with_a_line_end_in_quotes_is_cut_off_as_a_whole() throws Exception {
        Path path = folder.resolve("log.csv");
        AppendedFile file = new AppendedFile(path, true);
        file.append(HEADER, bytes("1,\"x\ny\"\r\n"), null);
        Files.writeString(path, "2,\"first\r\nsecond\r\n", StandardOpenOption.APPEND);

        file.append(HEADER, bytes("3,z\r\n"), null);

        assertThat(Files.readString(path)).isEqualTo("a,b\r\n1,\"x\ny\"\r\n3,z\r\n");
    }

    @Test
    void header_that_was_cut_is_written_anew() throws Exception {
        Path path = folder.resolve("log.csv");
        Files.writeString(path, "a,");

        new AppendedFile(path, true).append(HEADER, bytes("1,2\r\n"), null);

        assertThat(Files.readString(path)).isEqualTo("a,b\r\n1,2\r\n");
    }

    @Test
    void file_that_was_taken_away_begins_anew() throws Exception {
        Path path = folder.resolve("log.csv");
        AppendedFile file = new AppendedFile(path, true);
        file.append(HEADER, bytes("1,\"2\"\r\n"), null);
        Files.move(path, folder.resolve("taken.csv"));
        file.append(HEADER, bytes("3,4\r\n"), null);

        assertThat(Files.readString(path)).isEqualTo("a,b\r\n3,4\r\n");
    }

    @Test
    void repeat_is_found_across_the_borders_of_what_is_read_at_once() throws Exception {
        Path path = folder.resolve("log.ndjson");
        AppendedFile file = new AppendedFile(path, false);
        for (int before = 65_530; before < 65_540; before++) {
            Files.deleteIfExists(path);
            Files.writeString(path, "x".repeat(before) + "\n{\"id\":\"7\",1}\n");
            assertThat(file.append(new byte[0], bytes("{\"id\":\"7\",2}\n"), bytes("{\"id\":\"7\"")))
                    .isFalse();
            assertThat(file.append(new byte[0], bytes("{\"id\":\"8\"}\n"), bytes("{\"id\":\"8\"")))
                    .isTrue();
        }
    }

    @Test
    void link_is_refused() throws Exception {
        Path outside = Files.createTempFile("outside", ".txt");
        Path path = Files.createSymbolicLink(folder.resolve("log.csv"), outside);

        assertThatThrownBy(() -> new AppendedFile(path, true).append(HEADER, bytes("1,2\r\n"), null))
                .isInstanceOf(IOException.class);
        assertThat(outside).isEmptyFile();
        Files.delete(outside);
    }

    /** The device answers "no space left" to the first byte. */
    @Test
    @EnabledIf("hasFullDevice")
    void full_disk_leaves_the_file_as_it_was() throws Exception {
        Path path = folder.resolve("log.ndjson");
        Files.writeString(path, "{\"n\":1}\n");
        AppendedFile file =
                new AppendedFile(path, false, (opened, options) -> new FullDisk(FileChannel.open(opened, options)));

        assertThatThrownBy(() -> file.append(new byte[0], bytes("{\"n\":2}\n"), null))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("space");

        assertThat(path).hasContent("{\"n\":1}\n");
        new AppendedFile(path, false).append(new byte[0], bytes("{\"n\":2}\n"), null);
        assertThat(path).hasContent("{\"n\":1}\n{\"n\":2}\n");
    }

    static boolean hasFullDevice() {
        return FullDisk.isThere();
    }
}

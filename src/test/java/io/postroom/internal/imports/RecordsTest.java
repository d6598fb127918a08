package io.postroom.internal.imports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.internal.imports.Records.BadRecordException;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordsTest {
    private static final int LARGEST = 1000;

    @TempDir
    Path folder;

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("file"), bytes);
    }

    /** Each record as {@code line: json}, {@code line! problem: text} or {@code line-} for an empty one. */
    private List<String> csv(String text) throws Exception {
        return csv(text.getBytes(StandardCharsets.UTF_8));
    }

    private List<String> csv(byte[] bytes) throws Exception {
        try (FileChannel channel = FileChannel.open(file(bytes))) {
            CsvRecords records = new CsvRecords(channel, 0, bytes.length, 0, LARGEST, ',');
            assertThat(records.next()).isTrue();
            return all(records.under(records.names()));
        }
    }

    private List<String> ndjson(byte[] bytes) throws Exception {
        try (FileChannel channel = FileChannel.open(file(bytes))) {
            return all(new NdjsonRecords(channel, 0, bytes.length, 0, LARGEST));
        }
    }

    private static List<String> all(Records records) throws IOException {
        List<String> all = new ArrayList<>();
        while (records.next()) {
            all.add(shown(records));
        }
        return all;
    }

    @Test
    void csv_is_read_by_rfc_4180() throws Exception {
        assertThat(csv("a,b\r\n1,2\r\n\"x\"\"y\",\"p,q\"\r\n\"two\nlines\",z\n\n\"\",\n last,\"end\""))
                .containsExactly(
                        "2: {\"a\":\"1\",\"b\":\"2\"}",
                        "3: {\"a\":\"x\\\"y\",\"b\":\"p,q\"}",
                        "4: {\"a\":\"two\\u000alines\",\"b\":\"z\"}",
                        "6-",
                        "7: {\"a\":\"\",\"b\":null}",
                        "8: {\"a\":\" last\",\"b\":\"end\"}");
    }

    @Test
    void broken_quote_costs_one_line() throws Exception {
        assertThat(csv("a,b\n5\" pipe,1\n\"x\"y,2\nz \"q\",3\n\"never,4\n5,6\n\"1\"\"\n7,8\n"))
                .containsExactly(
                        "2! a quote that neither begins nor ends a value: 5\" pipe,1",
                        "3! a quote that neither begins nor ends a value: \"x\"y,2",
                        "4! a quote that neither begins nor ends a value: z \"q\",3",
                        "5! a quote that neither begins nor ends a value: \"never,4",
                        "6: {\"a\":\"5\",\"b\":\"6\"}",
                        "7! a quote that is never closed: \"1\"\"",
                        "8: {\"a\":\"7\",\"b\":\"8\"}");
    }

    @Test
    void quote_that_is_never_closed_does_not_take_the_rest_of_the_file() throws Exception {
        String many = "1,2\n".repeat(1000);
        List<String> records = csv("a,b\n\"x,1\n" + many);

        assertThat(records).hasSize(1001);
        assertThat(records.get(0)).isEqualTo("2! longer than 1000 bytes: \"x,1");
        assertThat(records.get(1000)).startsWith("1002: {");
    }

    @Test
    void other_number_of_values_is_a_bad_line() throws Exception {
        assertThat(csv("a,b\n1\n1,2,3\n1,2\n"))
                .containsExactly(
                        "2! 1 values under 2 names", "3! 3 values under 2 names", "4: {\"a\":\"1\",\"b\":\"2\"}");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a,a | two columns have the name \"a\"",
                "a, | column 2 has no name",
                "a,\"b | a quote that is never closed"
            })
    void header_must_name_the_columns(String header, String reason) throws Exception {
        assertThatThrownBy(() -> csv(header))
                .isInstanceOf(BadRecordException.class)
                .hasMessage(reason);
    }

    @Test
    void bytes_that_are_not_utf_8_are_a_bad_line() throws Exception {
        byte[] latin1 = "a\n\u00fc\nok\n\ufffd\n".getBytes(StandardCharsets.ISO_8859_1);
        assertThat(csv(latin1)).containsExactly("2! not UTF-8", "3: {\"a\":\"ok\"}", "4: {\"a\":\"?\"}");
        assertThat(csv("a\n\ufffd\n")).containsExactly("2: {\"a\":\"\ufffd\"}");
    }

    @ParameterizedTest
    @ValueSource(ints = {999, 1000})
    void line_of_the_largest_size_is_read(int size) throws Exception {
        String line = "x".repeat(size);
        assertThat(ndjson((line + "\n{}\n").getBytes(StandardCharsets.UTF_8))).containsExactly("1: " + line, "2: {}");
    }

    @ParameterizedTest
    @ValueSource(ints = {1001, 1002, 3_999, 4_000, 4_001, 65_536, 131_072, 1_000_000})
    void longer_line_is_a_bad_line_and_the_next_one_is_read(int size) throws Exception {
        String line = "x".repeat(size);
        String excerpt = line.substring(0, Math.min(size, Records.EXCERPT));
        assertThat(ndjson((line + "\n{}\n" + line).getBytes(StandardCharsets.UTF_8)))
                .containsExactly(
                        "1! longer than 1000 bytes: " + excerpt, "2: {}", "3! longer than 1000 bytes: " + excerpt);
    }

    @Test
    void huge_line_passes_through_a_small_window() throws Exception {
        Path file = folder.resolve("huge");
        try (OutputStream out = Files.newOutputStream(file)) {
            byte[] part = new byte[1024 * 1024];
            for (int i = 0; i < 200; i++) {
                out.write(part);
            }
            out.write("\n{}".getBytes(StandardCharsets.UTF_8));
        }
        try (FileChannel channel = FileChannel.open(file)) {
            NdjsonRecords records = new NdjsonRecords(channel, 0, channel.size(), 0, LARGEST);
            assertThat(records.next()).isTrue();
            assertThat(records.problem()).isEqualTo("longer than 1000 bytes");
            assertThat(records.next()).isTrue();
            assertThat(records.line()).isEqualTo(2);
            assertThat(records.json()).isEqualTo("{}");
            assertThat(records.window.bytes.length).isLessThan(300_000);
        }
    }

    @Test
    void file_that_became_shorter_is_noticed() throws Exception {
        Path file = file("{}\n{}\n".getBytes(StandardCharsets.UTF_8));
        try (FileChannel channel = FileChannel.open(file)) {
            NdjsonRecords records = new NdjsonRecords(channel, 0, 100, 0, LARGEST);
            assertThatThrownBy(() -> all(records)).isInstanceOf(EOFException.class);
        }
    }

    /** Whoever goes on from the place behind any record reads the same records as whoever did not stop. */
    @Test
    void reading_goes_on_from_every_place() throws Exception {
        Random random = new Random(7);
        StringBuilder text = new StringBuilder("a,b\n");
        String[] parts = {"1", "\"q\"", "\"two\r\nlines\"", "\"", "x\"", "\r\n", "\n", ",", "", "é", "y".repeat(1200)};
        for (int i = 0; i < 3000; i++) {
            text.append(parts[random.nextInt(parts.length)]).append(random.nextInt(3) == 0 ? "\n" : "");
        }
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        List<String> whole = csv(bytes);
        List<String> inParts = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(folder.resolve("file"))) {
            long place = 4;
            long lines = 1;
            while (true) {
                CsvRecords records =
                        new CsvRecords(channel, place, bytes.length, lines, LARGEST, ',').under(List.of("a", "b"));
                int most = 1 + random.nextInt(3);
                int read = 0;
                while (read < most && records.next()) {
                    inParts.add(shown(records));
                    read++;
                }
                if (read < most) {
                    break;
                }
                place = records.place();
                lines = records.linesRead();
            }
        }
        assertThat(inParts).isEqualTo(whole);
    }

    private static String shown(Records records) {
        if (records.problem() != null) {
            return records.line() + "! " + records.problem() + ": " + records.excerpt();
        } else if (records.isEmpty()) {
            return records.line() + "-";
        }
        try {
            return records.line() + ": " + records.json();
        } catch (BadRecordException bad) {
            return records.line() + "! " + bad.getMessage();
        }
    }
}

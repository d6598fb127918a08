package io.postroom.channel.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FileOutboxTest {
    private static final Instant CREATED = Instant.parse("2027-03-31T22:30:00Z");

    private final FileOutbox files = new FileOutbox();
    private final UUID id = MessageIds.next();

    @TempDir
    Path folder;

    record Customer(String name) {}

    record Invoice(String order, Integer cents, Customer customer) {}

    private static final Invoice INVOICE = new Invoice("A-1", 1990, new Customer("Ann \"the\" Lee, Dr.\nBonn"));

    private SettingsEntry entry(String... properties) {
        SettingsEntry entry = SettingsEntry.of("archive", "file").endpoint(folder.toString());
        for (int i = 0; i < properties.length; i += 2) {
            entry = entry.property(properties[i], properties[i + 1]);
        }
        return entry;
    }

    private Delivered first(SettingsEntry entry) {
        return delivered(entry, "", 1);
    }

    private Delivered delivered(SettingsEntry entry, String correlation, int deliveries) {
        return new Delivered(id, "invoices", "invoice", CREATED, deliveries, correlation, entry);
    }

    private List<String> names() throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            return list.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private String only() throws IOException {
        assertThat(names()).hasSize(1);
        return Files.readString(folder.resolve(names().get(0)));
    }

    @Test
    void message_is_a_file_of_json_named_by_its_id() throws Exception {
        assertThat(files.write(INVOICE, first(entry()))).isEqualTo(Outcome.done());

        assertThat(names()).containsExactly(id + ".json");
        assertThat(only()).startsWith("{\"order\":\"A-1\",\"cents\":1990,");
    }

    @Test
    void repeated_message_is_the_same_file() throws Exception {
        SettingsEntry entry = entry("name", "{date}-{id}.json");
        files.write(INVOICE, first(entry));
        byte[] before = Files.readAllBytes(folder.resolve(names().get(0)));

        assertThat(files.write(INVOICE, delivered(entry, "", 2))).isEqualTo(Outcome.done());

        assertThat(names()).containsExactly("2027-03-31-" + id + ".json");
        assertThat(Files.readAllBytes(folder.resolve(names().get(0)))).isEqualTo(before);
    }

    @Test
    void whoever_looks_sees_whole_files_only() throws Exception {
        SettingsEntry entry = entry();
        String large = "x".repeat(500_000);
        ExecutorService writers = Executors.newFixedThreadPool(2);
        CountDownLatch written = new CountDownLatch(2);
        files.write(large, first(entry));
        long whole = Files.size(folder.resolve(id + ".json"));
        for (int i = 0; i < 2; i++) {
            writers.submit(() -> {
                for (int n = 0; n < 20; n++) {
                    files.write(large, first(entry));
                }
                written.countDown();
                return null;
            });
        }
        do {
            assertThat(Files.size(folder.resolve(id + ".json"))).isEqualTo(whole);
        } while (written.getCount() > 0);
        writers.shutdown();
        assertThat(writers.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
        assertThat(names()).containsExactly(id + ".json");
    }

    @ParameterizedTest
    @CsvSource({
        "../x, .._x",
        "/etc/passwd, _etc_passwd",
        "a/b, a_b",
        "'a\\b', a_b",
        "'line\nend', line_end",
        "ä€𝄞, ___",
        "., .",
    })
    void values_of_messages_make_no_path(String value, String safe) throws Exception {
        assertThat(files.write("hello", delivered(entry("name", "x-{correlationId}-{id}.json"), value, 1)))
                .isEqualTo(Outcome.done());

        assertThat(names()).containsExactly("x-" + safe + "-" + id + ".json");
    }

    @ParameterizedTest
    @CsvSource({
        "CON, _CON.2027-03-31",
        "nul, _nul.2027-03-31",
        ".hidden, _hidden.2027-03-31",
        "../../x, _._.._x.2027-03-31",
        "'', none.2027-03-31"
    })
    void names_that_systems_keep_for_themselves_are_changed(String value, String name) throws Exception {
        SettingsEntry entry = entry("append", "day", "name", "{correlationId}.{date}");

        assertThat(files.write("hello", delivered(entry, value, 1))).isEqualTo(Outcome.done());

        assertThat(names()).containsExactly(name);
    }

    @Test
    void name_does_not_end_with_a_dot() throws Exception {
        files.write("hello", delivered(entry("name", "{id}-{correlationId}"), "x.", 1));

        assertThat(names()).containsExactly(id + "-x_");
    }

    @Test
    void nul_and_long_values_are_harmless() throws Exception {
        files.write("hello", delivered(entry("name", "{correlationId}-{id}"), "a\0b" + "x".repeat(300), 1));

        assertThat(names()).containsExactly("a_b" + "x".repeat(97) + "-" + id);
    }

    @Test
    void name_that_is_too_long_rejects_the_message() throws Exception {
        Outcome outcome = files.write(
                "hello", delivered(entry("name", "{correlationId}{correlationId}-{id}"), "x".repeat(200), 1));

        assertThat(outcome)
                .isInstanceOfSatisfying(
                        Outcome.Reject.class,
                        reject -> assertThat(reject.reason()).contains("at most 200 bytes"));
        assertThat(names()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../{id}", "a/{id}", "{id}{secret}", "{id", "x.json", "{id} .json", ""})
    void mistake_in_the_template_lets_messages_wait(String template) throws Exception {
        assertThat(files.write("hello", first(entry("name", template)))).isInstanceOf(Outcome.NotNow.class);
        assertThat(names()).isEmpty();
    }

    @Test
    void mistakes_in_the_entry_let_messages_wait() throws Exception {
        for (Map<String, String> wrong : List.of(
                Map.of("format", "xml"),
                Map.of("append", "week"),
                Map.of("append", "day", "name", "{queue}.csv"),
                Map.of("append", "day", "name", "{id}-{date}"),
                Map.of("append", "day", "format", "json"),
                Map.of("format", "csv"),
                Map.of("columns", "a"),
                Map.of("format", "csv", "columns", "a,,b"),
                Map.of("format", "csv", "columns", "a,a"),
                Map.of("format", "csv", "columns", "{password}"),
                Map.of("zone", "Mars"),
                Map.of("nme", "x"),
                Map.of("format", "csv", "columns", "a", "separator", "\""))) {
            SettingsEntry entry = entry();
            for (Map.Entry<String, String> property : wrong.entrySet()) {
                entry = entry.property(property.getKey(), property.getValue());
            }
            assertThat(files.write("hello", first(entry))).as("%s", wrong).isInstanceOf(Outcome.NotNow.class);
        }
        assertThat(files.write(
                        "hello", first(SettingsEntry.of("archive", "file").endpoint("relative"))))
                .isInstanceOf(Outcome.NotNow.class);
        assertThat(files.write("hello", first(SettingsEntry.of("archive", "file"))))
                .isInstanceOf(Outcome.NotNow.class);
        assertThat(names()).isEmpty();
    }

    @Test
    void missing_folder_lets_messages_wait_and_is_not_made() throws Exception {
        Path missing = folder.resolve("not-mounted");
        Outcome outcome =
                files.write("hello", first(SettingsEntry.of("archive", "file").endpoint(missing.toString())));

        assertThat(outcome).isEqualTo(Outcome.notNow(missing.toString(), FileOutbox.PARK_FOR));
        assertThat(missing).doesNotExist();
    }

    @Test
    void link_of_that_name_is_replaced_and_not_followed() throws Exception {
        Path outside = Files.createTempFile("outside", ".txt");
        Files.writeString(outside, "mine");
        Files.createSymbolicLink(folder.resolve(id + ".json"), outside);

        assertThat(files.write("hello", first(entry()))).isEqualTo(Outcome.done());

        assertThat(outside).hasContent("mine");
        assertThat(Files.isRegularFile(folder.resolve(id + ".json"), LinkOption.NOFOLLOW_LINKS))
                .isTrue();
        Files.delete(outside);
    }

    @Test
    void bytes_are_written_as_they_are() throws Exception {
        byte[] bytes = {0, 1, (byte) 0xFF};

        assertThat(files.write(bytes, first(entry("format", "bytes")))).isEqualTo(Outcome.done());
        assertThat(Files.readAllBytes(folder.resolve(id + ".bin"))).isEqualTo(bytes);
        assertThat(files.write("text", first(entry("format", "bytes")))).isInstanceOf(Outcome.Reject.class);
        assertThat(files.write(bytes, first(entry()))).isInstanceOf(Outcome.Reject.class);
    }

    @Test
    void lines_of_a_day_are_one_file_in_the_zone_of_the_entry() throws Exception {
        SettingsEntry entry = entry("append", "day", "zone", "Europe/Berlin");
        files.write(INVOICE, delivered(entry, "case-7", 1));
        files.write("second", first(entry));

        assertThat(names()).containsExactly("invoices-2027-04-01.ndjson");
        assertThat(only().lines())
                .hasSize(2)
                .first()
                .asString()
                .startsWith("{\"id\":\"" + id + "\",\"createdAt\":\"2027-03-31T22:30:00Z\",\"type\":\"invoice\"")
                .contains("\"correlationId\":\"case-7\"")
                .contains("\"payload\":{\"order\":\"A-1\"");
    }

    @Test
    void decimals_are_written_to_csv_with_all_digits_and_without_an_exponent() throws Exception {
        SettingsEntry entry = entry("append", "month", "format", "csv", "columns", "amount,rate,dust,round");
        Map<String, BigDecimal> payload = Map.of(
                "amount", new BigDecimal("20000000.00"),
                "rate", new BigDecimal("1234567890.123456789"),
                "dust", new BigDecimal("0.00000001"),
                "round", new BigDecimal("2E+7"));

        assertThat(files.write(payload, first(entry))).isEqualTo(Outcome.done());

        assertThat(only()).endsWith("\r\n20000000.00,1234567890.123456789,0.00000001,20000000\r\n");
    }

    @Test
    void csv_has_a_header_once_and_quotes_what_needs_quotes() throws Exception {
        SettingsEntry entry =
                entry("append", "month", "format", "csv", "columns", "{id}, order, cents, customer.name, missing");
        files.write(INVOICE, first(entry));
        files.write(new Invoice("", null, null), first(entry));

        assertThat(only())
                .isEqualTo("id,order,cents,customer.name,missing\r\n"
                        + id + ",A-1,1990,\"Ann \"\"the\"\" Lee, Dr.\nBonn\",\r\n"
                        + id + ",\"\",,,\r\n");
    }

    @Test
    void repeated_line_is_left_out_where_lines_begin_with_the_id() throws Exception {
        for (SettingsEntry entry : List.of(
                entry("append", "hour"),
                entry("append", "hour", "format", "csv", "columns", "{id},order", "separator", ";"),
                entry("append", "hour", "format", "csv", "columns", "{id}", "name", "one-{hour}"))) {
            files.write(INVOICE, first(entry));
            List<Long> sizes = sizes();
            assertThat(files.write(INVOICE, delivered(entry, "", 2))).isEqualTo(Outcome.done());
            assertThat(sizes()).isEqualTo(sizes);
            Delivered other = new Delivered(MessageIds.next(), "invoices", "", CREATED, 2, "", entry);
            files.write(INVOICE, other);
            assertThat(sizes()).isNotEqualTo(sizes);
        }
    }

    private List<Long> sizes() throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            return list.sorted().map(file -> file.toFile().length()).toList();
        }
    }

    @Test
    void left_overs_of_killed_processes_are_removed() throws Exception {
        Path old = folder.resolve(".x.json.1.tmp");
        Path young = folder.resolve(".y.json.2.tmp");
        Files.write(old, "half".getBytes(StandardCharsets.UTF_8));
        Files.write(young, "half".getBytes(StandardCharsets.UTF_8));
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(2))));

        files.write("hello", first(entry()));

        assertThat(old).doesNotExist();
        assertThat(young).exists();
    }
}

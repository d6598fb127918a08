package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.postroom.Postroom;
import io.postroom.api.FileImport;
import io.postroom.api.FileImport.Done;
import io.postroom.api.FileImport.Format;
import io.postroom.api.ImportedFile;
import io.postroom.api.ImportedFile.State;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Overflow;
import io.postroom.api.QueueSettings;
import io.postroom.api.SettingsEntry;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Files of a folder that become messages. */
@PostgresTest
@Timeout(120)
class FileImportTest {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Duration STABLE = Duration.ofMillis(100);

    private final TestDatabase database;
    private final JdbcClient sql;
    private Postroom postroom;

    @TempDir
    Path folder;

    FileImportTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    private FileImport of(Format format) {
        return FileImport.of("orders", folder, "orders").format(format).stableFor(STABLE);
    }

    private void start(FileImport settings) {
        postroom = Postroom.on(database.pool()).fileImport(settings).start();
        PostroomKit.of(postroom).reset();
        sql.sql("DELETE FROM postroom.file_import").update();
    }

    @AfterEach
    void close() {
        if (postroom != null) {
            postroom.close();
        }
    }

    private void put(String name, String text) throws IOException {
        Path hidden = folder.resolve("." + name);
        Files.writeString(hidden, text);
        Files.move(hidden, folder.resolve(name));
    }

    private ImportedFile awaitEnd(String name) {
        return await().atMost(SOON)
                .until(
                        () -> postroom.fileImports().list(100).stream()
                                .filter(file -> file.file().equals(name))
                                .findFirst()
                                .orElse(null),
                        file -> file != null
                                && file.state() != State.RUNNING
                                && !Files.exists(folder.resolve("processing")
                                        .resolve(file.id().toString())));
    }

    private List<String> payloads() {
        return sql.sql("SELECT c.payload::text FROM postroom.message_content c ORDER BY c.message_id")
                .query(String.class)
                .list();
    }

    private Path beside(ImportedFile file, String name) {
        return folder.resolve(file.state() == State.DONE ? "done" : "failed")
                .resolve(file.id().toString())
                .resolve(name);
    }

    @Test
    void lines_of_csv_become_messages_with_their_place() throws Exception {
        start(of(Format.CSV).type("order", 2));
        put("a.csv", "\uFEFForder,customer\r\nA-1,\"Lee, Ann\"\r\n\r\nA-2,\r\n");

        ImportedFile file = awaitEnd("a.csv");

        assertThat(file.state()).isEqualTo(State.DONE);
        assertThat(file.messages()).isEqualTo(2);
        assertThat(file.lines()).isEqualTo(4);
        assertThat(file.position()).isEqualTo(file.size());
        assertThat(payloads())
                .containsExactly(
                        "{\"order\": \"A-1\", \"customer\": \"Lee, Ann\"}", "{\"order\": \"A-2\", \"customer\": null}");
        assertThat(sql.sql("""
                        SELECT m.type || '/' || m.type_version || ' ' || m.direction || ' ' || (c.headers ->> 'file-name')
                            || ':' || (c.headers ->> 'file-line')
                        FROM postroom.queue_messages m JOIN postroom.message_content c USING (message_id) ORDER BY message_id
                        """).query(String.class).list())
                .containsExactly("order/2 INCOMING a.csv:2", "order/2 INCOMING a.csv:4");
        assertThat(beside(file, "a.csv")).exists();
    }

    @Test
    void bad_lines_are_kept_beside_the_file_and_the_others_become_messages() throws Exception {
        start(of(Format.NDJSON).largestLine(100).done(Done.DELETE));
        put(
                "b.ndjson",
                "{\"n\":1}\n{broken\n{\"n\":2}\n{\"long\":\"" + "x".repeat(200) + "\"}\n{\"nul\":\"\\u0000\"}\n3");

        ImportedFile file = awaitEnd("b.ndjson");

        assertThat(file.state()).isEqualTo(State.DONE);
        assertThat(file.badLines()).isEqualTo(3);
        assertThat(payloads()).containsExactly("{\"n\": 1}", "{\"n\": 2}", "3");
        assertThat(Files.readAllLines(beside(file, "bad-lines.ndjson")))
                .satisfiesExactly(
                        bad -> assertThat(bad).startsWith("{\"line\":2,").contains("{broken"),
                        bad -> assertThat(bad).startsWith("{\"line\":4,\"reason\":\"longer than 100 bytes\""),
                        bad -> assertThat(bad).startsWith("{\"line\":5,"));
        assertThat(beside(file, "b.ndjson"))
                .as("kept, because it has bad lines")
                .exists();
    }

    @Test
    void imported_file_is_deleted_on_demand() throws Exception {
        start(of(Format.NDJSON).done(Done.DELETE));
        put("c.ndjson", "1\n2\n");

        assertThat(awaitEnd("c.ndjson").messages()).isEqualTo(2);

        await().atMost(SOON).untilAsserted(() -> assertThat(files()).isEmpty());
    }

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile)
                    .map(file -> folder.relativize(file).toString())
                    .toList();
        }
    }

    @Test
    void whole_files_are_messages() throws Exception {
        start(of(Format.BYTES));
        Files.write(folder.resolve("d.bin"), new byte[] {0, 1, 2});
        Files.write(folder.resolve("empty.bin"), new byte[0]);
        Files.write(folder.resolve("large.bin"), new byte[1024 * 1024 + 1]);

        assertThat(awaitEnd("d.bin").messages()).isEqualTo(1);
        assertThat(awaitEnd("empty.bin").messages()).isEqualTo(1);
        ImportedFile large = awaitEnd("large.bin");

        assertThat(large.state()).isEqualTo(State.FAILED);
        assertThat(beside(large, "reason.txt")).content().contains("at most 1048576");
        assertThat(sql.sql("SELECT octet_length(body) FROM postroom.message_content ORDER BY 1")
                        .query(Integer.class)
                        .list())
                .containsExactly(0, 3);
    }

    @Test
    void file_that_is_no_json_fails_as_a_whole() throws Exception {
        start(of(Format.JSON));
        put("good.json", "{\"a\":\n1}\n");
        put("bad.json", "{\"a\":");

        assertThat(awaitEnd("good.json").state()).isEqualTo(State.DONE);
        ImportedFile bad = awaitEnd("bad.json");

        assertThat(bad.state()).isEqualTo(State.FAILED);
        assertThat(beside(bad, "bad.json")).exists();
        assertThat(beside(bad, "reason.txt")).content().contains("payload must be");
        assertThat(payloads()).containsExactly("{\"a\": 1}");
    }

    @Test
    void csv_without_names_of_columns_fails() throws Exception {
        start(of(Format.CSV));
        put("e.csv", "a,a\n1,2\n");
        put("nothing.csv", "");

        assertThat(awaitEnd("e.csv").error()).contains("two columns have the name \"a\"");
        assertThat(awaitEnd("nothing.csv").state()).isEqualTo(State.DONE);
        assertThat(payloads()).isEmpty();
    }

    @Test
    void same_file_again_fails_unless_it_is_allowed() throws Exception {
        start(of(Format.NDJSON));
        put("f.ndjson", "1\n");
        awaitEnd("f.ndjson");
        put("f.ndjson", "1\n");
        await().atMost(SOON).until(() -> postroom.fileImports().list(2).size() == 2);
        ImportedFile second = awaitEnd("f.ndjson");
        assertThat(second.error()).contains("was imported at");
        put("f.ndjson", "2\n");
        await().atMost(SOON).until(() -> payloads().size() == 2);
        postroom.close();
        postroom = Postroom.on(database.pool())
                .fileImport(of(Format.NDJSON).again(true))
                .start();
        put("f.ndjson", "2\n");
        await().atMost(SOON).until(() -> payloads().size() == 3);
    }

    @Test
    void key_makes_no_second_message_and_refuses_other_content() throws Exception {
        start(of(Format.CSV).key("id"));
        put("g.csv", "id,v\n1,a\n2,b\n1,a\n,c\n");
        assertThat(awaitEnd("g.csv").badLines()).isEqualTo(1);
        put("h.csv", "id,v\n3,c\n1,other\n4,d\n");

        ImportedFile file = awaitEnd("h.csv");

        assertThat(file.messages()).isEqualTo(2);
        assertThat(file.badLines()).isEqualTo(1);
        assertThat(beside(file, "bad-lines.ndjson"))
                .content()
                .startsWith("{\"line\":3,")
                .contains("1,other");
        assertThat(payloads()).hasSize(4);
    }

    @Test
    void keys_that_differ_in_their_last_digit_are_two() throws Exception {
        start(of(Format.NDJSON).key("id"));
        put("digits.ndjson", "{\"id\":12345678901234567.1}\n{\"id\":12345678901234567.2}\n");
        ImportedFile file = awaitEnd("digits.ndjson");
        assertThat(file.badLines()).isZero();
        assertThat(file.messages()).isEqualTo(2);
    }

    @Test
    void growing_file_waits_until_it_is_at_rest() throws Exception {
        start(of(Format.NDJSON).stableFor(Duration.ofSeconds(1)));
        Path file = folder.resolve("i.ndjson");
        try (OutputStream out = Files.newOutputStream(file)) {
            for (int i = 0; i < 6; i++) {
                out.write((i + "\n").getBytes(StandardCharsets.UTF_8));
                out.flush();
                Thread.sleep(400); // what is tested is that time passes and the file changes
                assertThat(file).exists();
            }
        }
        assertThat(awaitEnd("i.ndjson").messages()).isEqualTo(6);
    }

    @Test
    void links_folders_and_unfinished_files_are_left_alone() throws Exception {
        Path outside = Files.createTempFile("outside", ".ndjson");
        Files.writeString(outside, "\"secret\"\n");
        Files.createSymbolicLink(folder.resolve("link.ndjson"), outside);
        Files.createDirectory(folder.resolve("sub"));
        Files.writeString(folder.resolve("sub").resolve("x.ndjson"), "1\n");
        Files.writeString(folder.resolve("x.ndjson.part"), "1\n");
        Files.writeString(folder.resolve(".hidden"), "1\n");
        boolean hasPipe = made("mkfifo", folder.resolve("pipe").toString());
        boolean hasDevice = made("mknod", folder.resolve("device").toString(), "c", "1", "5"); // /dev/zero, if allowed
        start(of(Format.NDJSON));
        put("j.ndjson", "1\n");

        awaitEnd("j.ndjson");

        assertThat(payloads()).containsExactly("1");
        assertThat(folder.resolve("link.ndjson")).isSymbolicLink();
        assertThat(Files.exists(folder.resolve("pipe"))).isEqualTo(hasPipe);
        assertThat(Files.exists(folder.resolve("device"))).isEqualTo(hasDevice);
        assertThat(postroom.fileImports().list(10)).hasSize(1);
        Files.delete(outside);
    }

    private static boolean made(String... command) throws Exception {
        return new ProcessBuilder(command).start().waitFor() == 0;
    }

    @Test
    void odd_names_are_imported_and_shown_without_control_characters() throws Exception {
        start(of(Format.NDJSON));
        put("line\nend.ndjson", "1\n");
        put("x".repeat(250), "2\n");
        put("bad-lines.ndjson", "3\n");

        ImportedFile odd = awaitEnd("line_end.ndjson");
        awaitEnd("x".repeat(200));
        awaitEnd("file-bad-lines.ndjson");

        assertThat(beside(odd, "line\nend.ndjson")).exists();
        assertThat(payloads()).containsExactlyInAnyOrder("1", "2", "3");
    }

    /** The names are made by a shell, because Java's file names are texts: both read alike, and are two files. */
    @Test
    void names_that_are_no_utf_8_are_imported_and_shown_readably() throws Exception {
        Process shell = new ProcessBuilder(
                        "sh",
                        "-c",
                        "cd \"$1\" && for i in 1 2; do echo $i > \"$(printf \"odd\\37${i}\")\"; done",
                        "sh",
                        folder.toString())
                .start();
        assumeTrue(shell.waitFor() == 0, "this system takes no such name");
        start(of(Format.NDJSON));

        await().atMost(SOON)
                .until(() -> postroom.fileImports().list(10).stream()
                                .filter(file -> file.state() == State.DONE)
                                .count()
                        == 2);

        assertThat(payloads()).containsExactlyInAnyOrder("1", "2");
        assertThat(postroom.fileImports().list(10))
                .extracting(ImportedFile::file)
                .allMatch(name -> name.matches("odd[\uFFFD?]"));
    }

    /** A hard link is a file as any other. What has another name elsewhere keeps it. */
    @Test
    void hard_link_is_imported_and_its_other_name_stays() throws Exception {
        Path elsewhere = Files.createTempFile("elsewhere", ".ndjson");
        Files.writeString(elsewhere, "1\n");
        try {
            Files.createLink(folder.resolve("link.ndjson"), elsewhere);
            start(of(Format.NDJSON).done(FileImport.Done.DELETE));

            awaitEnd("link.ndjson");

            assertThat(payloads()).containsExactly("1");
            await().atMost(SOON).until(() -> !Files.exists(folder.resolve("link.ndjson")));
            assertThat(elsewhere).hasContent("1\n");
        } finally {
            Files.delete(elsewhere);
        }
    }

    @Test
    void import_waits_while_the_queue_is_full() throws Exception {
        start(of(Format.NDJSON));
        postroom.queues().declare(QueueSettings.of("orders").maxLength(3, Overflow.REJECT));
        put("l.ndjson", IntStream.range(0, 5).mapToObj(i -> i + "\n").collect(Collectors.joining()));
        await().atMost(SOON).until(() -> postroom.fileImports().list(1).size() == 1);
        assertThat(postroom.fileImports().list(1).get(0).state()).isEqualTo(State.RUNNING);

        postroom.queues().declare(QueueSettings.of("orders").unlimited());

        assertThat(awaitEnd("l.ndjson").messages()).isEqualTo(5);
    }

    @Test
    void folder_may_come_from_an_entry_and_waits_while_it_is_disabled() throws Exception {
        SettingsEntry entry = SettingsEntry.of("partner", "file").endpoint(folder.toString());
        put("m.ndjson", "1\n");
        start(FileImport.ofSettings("orders", "partner", "orders").stableFor(STABLE));
        postroom.settings().set(entry.enabled(false));
        assertThat(folder.resolve("m.ndjson")).exists();

        postroom.settings().set(entry);

        assertThat(awaitEnd("m.ndjson").messages()).isEqualTo(1);
    }

    @Test
    void wrong_settings_are_refused_by_name() {
        assertThatThrownBy(() -> FileImport.of("orders", Path.of("relative"), "orders"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("folder must be an absolute path");
        assertThatThrownBy(() -> of(Format.CSV).separator('"')).hasMessageContaining("separator must be");
        assertThatThrownBy(() -> of(Format.JSON).key("id")).hasMessageContaining("key must be left out");
        assertThatThrownBy(() -> of(Format.CSV).largestLine(15)).hasMessageContaining("16 to 1048576");
        assertThatThrownBy(() -> of(Format.CSV).stableFor(Duration.ofDays(2))).hasMessageContaining("stableFor");
        assertThatThrownBy(() ->
                        Postroom.on(database.pool()).fileImport(of(Format.CSV)).fileImport(of(Format.CSV)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("two imports");
    }
}

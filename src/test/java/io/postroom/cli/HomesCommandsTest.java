package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.homes.HomeRules;
import io.postroom.homes.PostroomHomes;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** The commands for users with several databases. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomesCommandsTest {
    @TempDir
    private static Path folder;

    private final TestDatabase main;
    private final TestDatabase second = TestDatabase.create();
    private Path file;

    HomesCommandsTest(TestDatabase database) {
        main = database;
    }

    @BeforeAll
    void begin() throws IOException {
        file = written(second.url());
        PostroomHomes.on(Map.of("main", main.pool(), "second", second.pool()))
                .rules(HomeRules.allOn("main"))
                .each((home, engine) -> engine.workers(false))
                .start()
                .close();
    }

    private Path written(String urlOfSecond) throws IOException {
        return Files.writeString(Files.createTempFile(folder, "homes", ".properties"), """
                postroom.homes.main.url=%s
                postroom.homes.main.username=%s
                postroom.homes.main.password=%s
                postroom.homes.second.url=%s
                postroom.home-rules=the application's own
                """.formatted(
                        main.url(), main.user(), main.password(), urlOfSecond));
    }

    @AfterAll
    void drop() {
        second.close();
    }

    private CliRun run(Path homes, String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--homes-file", homes.toString()));
        return CliRun.of(Map.of("PGUSER", second.user(), "PGPASSWORD", second.password()), all);
    }

    @Test
    void queue_is_moved_with_a_receipt_and_the_homes_show_it() {
        JdbcClient.create(main.pool())
                .sql("SELECT id FROM postroom.create_message('mail')")
                .query()
                .singleRow();
        CliRun refused = run(file, "move-queue", "mail", "--to", "second", "--wait", "0");
        assertThat(refused.exitCode()).as("%s", refused).isEqualTo(CliException.REFUSED);
        assertThat(refused.err()).contains("queue \"mail\" on home \"main\" has 1 waiting");
        JsonNode before = run(file, "homes", "--json").json();
        assertThat(before.path("homes").get(0).path("ready").asInt()).isEqualTo(1);
        assertThat(before.path("rules").asString()).isEqualTo("# = main");
        JdbcClient.create(main.pool()).sql("DELETE FROM postroom.ready").update();

        CliRun moved = run(file, "move-queue", "mail", "--to", "second");
        assertThat(moved.exitCode()).as("%s", moved).isZero();
        assertThat(moved.out())
                .contains("queue mail has left home \"main\" empty, for home \"second\"")
                .contains("version 2")
                .contains("# = main\nmail = second\n");
        JsonNode parts = run(file, "move-queue", "orders", "--to", "main,second", "--json")
                .json();
        assertThat(parts.path("moved").size()).as("there was no such queue").isZero();
        assertThat(parts.path("rules").asString()).isEqualTo("# = main\nmail = second\norders = main, second");

        CliRun homes = run(file, "homes");
        assertThat(homes.exitCode()).as("%s", homes).isZero();
        assertThat(homes.out())
                .containsPattern("main +up +3 +")
                .containsPattern("second +up +3 +")
                .contains("orders = main, second");
    }

    @Test
    void home_that_is_down_is_shown() throws IOException {
        CliRun homes = run(written("jdbc:postgresql://127.0.0.1:1/nowhere"), "homes");
        assertThat(homes.exitCode()).as("%s", homes).isZero();
        assertThat(homes.out())
                .containsPattern("main +up ")
                .containsPattern("second +down")
                .contains("! home \"second\" is down: ");
    }

    @Test
    void wrong_usage_is_told() throws IOException {
        assertThat(run(folder.resolve("none"), "homes").exitCode()).isEqualTo(CliException.USAGE);
        Path empty = Files.writeString(folder.resolve("empty.properties"), "a=b");
        assertThat(run(empty, "homes").err()).contains("names no home");
        assertThat(run(file, "move-queue", "mail", "--to", "third").err())
                .contains("rules must be of the homes [main, second], got \"third\"");
        assertThat(run(file, "move-queue", "mail", "--to", "main", "--wait", "-1")
                        .exitCode())
                .isEqualTo(CliException.USAGE);
        assertThat(run(written("mysql://x"), "homes").err()).contains("postroom.homes.second.url must be such as");
    }
}

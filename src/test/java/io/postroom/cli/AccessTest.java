package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Passwords on the command line, which other users of the machine could see. */
class AccessTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:postgresql://127.0.0.1:1/app?password=secret",
                "jdbc:postgresql://127.0.0.1:1/app?user=ann&PASSWORD=secret&ssl=true",
                "jdbc:postgresql://127.0.0.1:1/app?sslpassword=secret",
                "jdbc:postgresql://ann:secret@127.0.0.1:1/app",
                "jdbc:postgresql://ann:se/secret@127.0.0.1:1/app",
            })
    void password_in_the_url_of_a_database_is_refused_and_its_place_named(String url) {
        CliRun run = CliRun.of(Map.of(), List.of("status", "--db", url));
        assertThat(run.exitCode()).as("%s", run).isEqualTo(2);
        assertThat(run.err()).contains("PGPASSWORD", "--db-password-file", "~/.pgpass");
        assertThat(run.toString()).doesNotContain("secret", "127.0.0.1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--db jdbc:postgresql://ann:secret?x@127.0.0.1:1/app",
                "--db postgresql://ann:secret@127.0.0.1:1/app",
                "--url http://ann:secret@127.0.0.1:1",
                "--url http://127.0.0.1:1?token=secret",
            })
    void url_that_cannot_be_used_is_not_repeated(String option) {
        CliRun run = CliRun.of(Map.of(), CliRun.joined(List.of(option.split(" ")), "status"));
        assertThat(run.exitCode()).as("%s", run).isEqualTo(2);
        assertThat(run.err()).contains("must be such as").doesNotContain("secret", "ann");
    }
}

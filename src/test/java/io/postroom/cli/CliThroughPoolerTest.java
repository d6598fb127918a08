package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PgBouncer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

/** The commands with {@code --db} behind a real PgBouncer. It is skipped where none is installed. */
@PostgresTest
class CliThroughPoolerTest {
    private final TestDatabase database;

    CliThroughPoolerTest(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void needsPgBouncer() {
        PgBouncer.assumeInstalled();
    }

    private CliRun run(String url, String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--db", url, "--db-user", database.user()));
        return CliRun.of(Map.of("PGPASSWORD", database.password()), all);
    }

    @Test
    void commands_work_through_shared_sessions_and_leave_no_setting_there() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction")) {
            String url = bouncer.url(database) + "?prepareThreshold=0";
            assertThat(run(url, "create", "cli-pooled", "--payload", "1").exitCode())
                    .isZero();
            CliRun queues = run(url, "queues", "--json");
            assertThat(queues.exitCode()).as("%s", queues).isZero();
            assertThat(queues.out()).contains("cli-pooled");
            CliRun doctor = run(url, "doctor", "--json");
            assertThat(doctor.json().path("findings").findValuesAsString("code"))
                    .as("%s", doctor)
                    .doesNotContain("start", "not_seen");
            assertThat(limitsOf(bouncer)).isEmpty();
        }
    }

    @Test
    void commands_without_the_setting_are_refused_name_it_and_leave_the_sessions_as_they_were() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction")) {
            for (String command : List.of("doctor", "queues", "migrate")) {
                CliRun refused = run(bouncer.url(database), command);
                assertThat(refused.exitCode()).as("%s: %s", command, refused).isNotZero();
                assertThat(refused.err() + refused.out()).contains("prepareThreshold=0");
            }
            assertThat(run(bouncer.url(database) + "?prepareThreshold=0", "queues")
                            .exitCode())
                    .isZero();
            assertThat(limitsOf(bouncer)).isEmpty();
        }
    }

    @Test
    void commands_work_through_a_session_of_their_own() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "session")) {
            assertThat(run(bouncer.url(database), "queues").exitCode()).isZero();
            assertThat(run(bouncer.url(database), "migrate").exitCode()).isZero();
        }
    }

    /** Values that a command left in the one session of the pooler, which is the next command's as well. */
    private List<String> limitsOf(PgBouncer bouncer) {
        DriverManagerDataSource source = new DriverManagerDataSource(
                bouncer.url(database) + "?prepareThreshold=0", database.user(), database.password());
        return JdbcClient.create(source)
                .sql(
                        "SELECT s.name FROM pg_settings s WHERE s.name IN ('statement_timeout', 'lock_timeout') AND s.setting <> '0'")
                .query(String.class)
                .list();
    }
}

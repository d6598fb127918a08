package io.postroom.internal.postgres.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.DatabaseHealth;
import io.postroom.api.InvalidMessageException;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

@PostgresTest
class PostgresDatabaseTest {
    @Test
    void process_whose_clock_is_behind_is_told_so(DataSource pool) {
        InstantSource slow = InstantSource.offset(InstantSource.system(), Duration.ofMinutes(-2));
        DatabaseHealth health = new PostgresDatabase(pool, slow).health(Duration.ofMinutes(5));
        assertThat(health.clockSkew()).isBetween(Duration.ofSeconds(-130), Duration.ofSeconds(-110));
        assertThat(health.findings().stream().map(DatabaseHealth.Finding::code)).contains("clock");
        assertThat(health.isHealthy()).isFalse();
    }

    @Test
    void look_that_is_locked_out_gives_up_and_the_others_go_on(DataSource pool) throws SQLException {
        try (Connection locking = pool.getConnection();
                Statement statement = locking.createStatement()) {
            locking.setAutoCommit(false);
            statement.execute("LOCK TABLE postroom.worker IN ACCESS EXCLUSIVE MODE");
            DatabaseHealth health = new PostgresDatabase(pool).health(Duration.ofMinutes(5));
            assertThat(health.findings())
                    .anySatisfy(
                            finding -> assertThat(finding.what()).contains("could not look at the workers", "55P03"));
            assertThat(health.days()).hasSize(2);
            locking.rollback();
        }
    }

    /** As after a migration by another owner, whose REVOKE leaves the functions of the first one as they are. */
    @Test
    void functions_that_everybody_may_call_are_named(DataSource pool) throws SQLException {
        try (Connection owner = pool.getConnection();
                Statement statement = owner.createStatement()) {
            try {
                assertThat(publicFunctions(pool)).isEmpty();
                statement.execute("GRANT EXECUTE ON FUNCTION postroom.takes, postroom.lowest_id TO PUBLIC");
                assertThat(publicFunctions(pool)).singleElement().satisfies(finding -> {
                    assertThat(finding.level()).isEqualTo(DatabaseHealth.Level.NOTE);
                    assertThat(finding.what()).startsWith("2 functions").contains("postroom.lowest_id(");
                    assertThat(finding.todo()).contains("REVOKE EXECUTE");
                });
                statement.execute("GRANT EXECUTE ON FUNCTION postroom.seal_batch TO PUBLIC");
                assertThat(publicFunctions(pool)).singleElement().satisfies(finding -> {
                    assertThat(finding.level()).isEqualTo(DatabaseHealth.Level.PROBLEM);
                    assertThat(finding.what()).startsWith("3 functions").contains("postroom.seal_batch(");
                });
            } finally {
                statement.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom FROM PUBLIC");
            }
        }
    }

    private static List<DatabaseHealth.Finding> publicFunctions(DataSource pool) {
        return new PostgresDatabase(pool)
                .health(Duration.ofMinutes(5)).findings().stream()
                        .filter(finding -> finding.code().equals("public_functions"))
                        .toList();
    }

    @Test
    void age_outside_its_limits_is_refused(DataSource pool) {
        assertThatThrownBy(() -> new PostgresDatabase(pool).health(Duration.ofDays(2)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("olderThan must be 0 to 1 day");
    }
}

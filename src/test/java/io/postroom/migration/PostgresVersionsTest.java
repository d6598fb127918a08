package io.postroom.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.postgresql.PostgreSQLContainer;

/** Every PostgreSQL we name, in containers; skipped where no Docker engine answers. */
@Testcontainers(disabledWithoutDocker = true)
class PostgresVersionsTest {
    @ParameterizedTest
    @ValueSource(strings = {"14", "15", "16", "17", "18"})
    void migrations_run_on_every_supported_version(String version) {
        try (PostgreSQLContainer postgres = new PostgreSQLContainer("postgres:" + version + "-alpine")) {
            postgres.start();
            Flyway flyway = Flyway.configure()
                    .dataSource(postgres.getJdbcUrl(), postgres.getUsername(), postgres.getPassword())
                    .schemas("postroom")
                    .table("schema_history")
                    .locations("classpath:io/postroom/db/migration")
                    .load();
            MigrateResult first = flyway.migrate();
            assertThat(first.success).isTrue();
            assertThat(first.migrationsExecuted).isPositive();
            assertThat(flyway.migrate().migrationsExecuted).isZero();
        }
    }
}

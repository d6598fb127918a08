package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.TransactionExecutionListener;

@PostgresTest
class SchemaTest {
    private final TestDatabase database;

    SchemaTest(TestDatabase database) {
        this.database = database;
    }

    static class Worker {
        @ProcessingMessage("orders")
        void work(String order) {}
    }

    /** The role of an application, with the rights that the README says it needs. */
    @BeforeEach
    void role() {
        JdbcClient admin = JdbcClient.create(database.pool());
        admin.sql("DROP ROLE IF EXISTS application").update();
        admin.sql("CREATE ROLE application LOGIN PASSWORD 'secret'").update();
    }

    @Test
    void a_role_without_DDL_rights_works_with_validate() {
        JdbcClient admin = JdbcClient.create(database.pool());
        for (String grant : List.of(
                "GRANT USAGE ON SCHEMA postroom TO application",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA postroom TO application",
                "GRANT USAGE ON ALL SEQUENCES IN SCHEMA postroom TO application",
                "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO application")) {
            admin.sql(grant).update();
        }
        try (Host.Running host = application("validate").with(Worker.class).start()) {
            Created created = host.queueMessages().createMessage("orders", "x");
            host.await(created, MessageState.DONE);
        }
        admin.sql("DROP OWNED BY application").update();
    }

    @Test
    void validate_stops_the_start_when_the_schema_is_missing_and_says_what_to_do() {
        try (TestDatabase empty = TestDatabase.create()) {
            JdbcClient.create(empty.pool()).sql("DROP SCHEMA postroom CASCADE").update();

            assertThatThrownBy(() -> Host.on(empty)
                            .with("postroom.schema.mode", "validate")
                            .start())
                    .hasStackTraceContaining("schema postroom does not fit this version")
                    .hasStackTraceContaining("Run the migrations with a role that may create objects");
        }
    }

    @Test
    void migrate_by_a_role_without_rights_says_what_to_do() {
        JdbcClient admin = JdbcClient.create(database.pool());
        admin.sql("GRANT USAGE ON SCHEMA postroom TO application").update();
        assertThatThrownBy(() -> application("migrate").start())
                .hasStackTraceContaining("the migrations of schema postroom failed")
                .hasStackTraceContaining("start with schema \"validate\"");
        admin.sql("DROP OWNED BY application").update();
    }

    /** Uses our schema while the context is still being made, as a JPA entity on one of our views does. */
    static class EarlyReader {
        final int messages;

        EarlyReader(JdbcTemplate jdbc) {
            messages = jdbc.queryForObject("SELECT count(*) FROM postroom.queue_messages", Integer.class);
        }
    }

    @DependsOnDatabaseInitialization
    static class Dependent {
        static volatile boolean schemaWasThere;

        Dependent(javax.sql.DataSource dataSource) {
            schemaWasThere = JdbcClient.create(dataSource)
                    .sql("SELECT to_regclass('postroom.message') IS NOT NULL")
                    .query(Boolean.class)
                    .single();
        }
    }

    /** Spring Boot gives it to the transaction manager, which so waits for whatever it waits for. */
    static class WritingListener implements TransactionExecutionListener {
        WritingListener(JdbcTemplate jdbc) {}
    }

    @Test
    void a_listener_of_the_manager_may_use_the_database() {
        Host.on(database).with(WritingListener.class).start().close();
    }

    @Test
    void the_schema_is_ready_before_beans_that_use_the_database_with_JDBC_and_with_JPA() {
        for (boolean jpa : new boolean[] {false, true}) {
            try (TestDatabase empty = TestDatabase.create()) {
                JdbcClient.create(empty.pool())
                        .sql("DROP SCHEMA postroom CASCADE")
                        .update();
                // Before Postroom's own beans in the order of definition.
                Host host = Host.on(empty).with(EarlyReader.class, Dependent.class);
                try (Host.Running running = (jpa ? host.jpa() : host).start()) {
                    assertThat(running.bean(EarlyReader.class).messages).isZero();
                    assertThat(Dependent.schemaWasThere).isTrue();
                }
            }
        }
    }

    private Host application(String mode) {
        return Host.on(database)
                .with("spring.datasource.username", "application")
                .with("spring.datasource.password", "secret")
                .with("postroom.schema.mode", mode);
    }
}

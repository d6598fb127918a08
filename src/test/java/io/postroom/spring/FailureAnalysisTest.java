package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.postroom.api.QueueMessages;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.event.EventListener;
import org.springframework.scheduling.annotation.Async;
import org.springframework.scheduling.annotation.EnableAsync;

/** What somebody reads whose application does not start. */
@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
class FailureAnalysisTest {
    private final TestDatabase database;

    FailureAnalysisTest(TestDatabase database) {
        this.database = database;
    }

    static class Sender {
        Sender(QueueMessages messages) {}
    }

    @Test
    void no_data_source(CapturedOutput output) {
        assertThat(failing(Host.bare().with(Sender.class), output))
                .contains("A bean of type io.postroom.api.QueueMessages is needed")
                .contains("the application has no DataSource")
                .contains("spring.datasource.url");
    }

    @Test
    void a_host_without_data_source_that_does_not_use_Postroom_starts() {
        Host.bare().start().close();
    }

    @Test
    void switched_off(CapturedOutput output) {
        assertThat(failing(Host.on(database).with(Sender.class).with("postroom.enabled", false), output))
                .contains("Postroom is switched off by postroom.enabled=false");
    }

    @Configuration
    @EnableAsync
    static class Asynchronous {
        @Async
        @ProcessingMessage("asynchronous")
        public void handle(String json) {}
    }

    @Test
    void an_asynchronous_handler(CapturedOutput output) {
        assertThat(failing(Host.on(database).with(Asynchronous.class), output))
                .contains("Asynchronous.handle")
                .contains("is asynchronous: its call would return before the work is done")
                .contains("Remove @Async");
    }

    @Test
    void the_wrong_query_mode(CapturedOutput output) {
        assertThat(failing(
                        Host.on(database).with("spring.datasource.url", database.url() + "?preferQueryMode=simple"),
                        output))
                .contains("preferQueryMode=simple in the JDBC URL is refused")
                .contains("prepareThreshold=0");
    }

    @Test
    void another_database(CapturedOutput output) {
        assertThat(failing(Host.bare().with(AnotherDatabase.class), output))
                .contains("Postroom needs PostgreSQL and its JDBC driver, got Another Database through Another Driver")
                .contains("postroom.enabled=false");
    }

    @Test
    void an_unknown_engine_data_source(CapturedOutput output) {
        assertThat(failing(Host.on(database).with("postroom.engine-datasource", "nobody"), output))
                .contains("postroom.engine-datasource is \"nobody\", and there is no such DataSource")
                .contains("[dataSource]");
    }

    @Test
    void handlers_that_clash_before_the_web_server_starts(CapturedOutput output) {
        WebServer.started = false;

        assertThat(failing(
                        Host.on(database).with(Clashing.class, WebServer.class).web(), output))
                .contains("queue \"orders\" has two handlers for type")
                .contains("Clashing.one")
                .contains("Clashing.two")
                .contains("Each message must have one handler");
        assertThat(WebServer.started).as("the port was opened").isFalse();
    }

    private static String failing(Host host, CapturedOutput output) {
        assertThat(catchThrowable(host::start)).isNotNull();
        assertThat(output.getOut()).contains("APPLICATION FAILED TO START");
        return output.getOut().substring(output.getOut().indexOf("APPLICATION FAILED TO START"));
    }

    static class WebServer {
        static volatile boolean started;

        @EventListener
        void started(WebServerInitializedEvent event) {
            started = true;
        }
    }

    static class Clashing {
        @io.postroom.api.MessageType("order")
        record Order(String number) {}

        @io.postroom.api.MessageType("order")
        record SameOrder(String number) {}

        @io.postroom.handler.SendMessage("orders")
        void one(Order order) {}

        @io.postroom.handler.SendMessage("orders")
        void two(SameOrder order) {}
    }

    @Configuration(proxyBeanMethods = false)
    static class AnotherDatabase {
        @Bean
        DataSource dataSource() {
            DatabaseMetaData metaData = proxy(DatabaseMetaData.class, (method) -> switch (method) {
                case "getDatabaseProductName" -> "Another Database";
                case "getDriverName" -> "Another Driver";
                default -> null;
            });
            Connection connection = proxy(Connection.class, (method) -> switch (method) {
                case "isWrapperFor" -> false;
                case "getAutoCommit" -> true;
                case "getMetaData" -> metaData;
                default -> null;
            });
            return proxy(DataSource.class, (method) -> switch (method) {
                case "getConnection" -> connection;
                case "isWrapperFor" -> false;
                default -> null;
            });
        }

        private static <T> T proxy(Class<T> type, java.util.function.Function<String, Object> answers) {
            return type.cast(Proxy.newProxyInstance(
                    type.getClassLoader(),
                    new Class<?>[] {type},
                    (proxy, method, arguments) -> switch (method.getName()) {
                        case "hashCode" -> System.identityHashCode(proxy);
                        case "equals" -> proxy == arguments[0];
                        case "toString" -> type.getSimpleName();
                        default -> answers.apply(method.getName());
                    }));
        }
    }
}

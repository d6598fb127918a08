package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.DefaultResourceLoader;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The host code of the README, compiled from its text, in a Spring Boot application. */
class HostSnippetTest {
    @TempDir
    private static Path folder;

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Host {
        @Bean
        Provider provider() {
            return new Provider();
        }
    }

    static final class Provider implements MailProvider {
        private final Queue<String> mails = new ConcurrentLinkedQueue<>();

        @Override
        public void mail(String customer, String text) {
            mails.add(customer + ": " + text);
        }
    }

    @Test
    void the_readmes_lines_send_what_was_committed_and_nothing_else() throws Exception {
        ClassLoader readme = compiledReadme();
        try (TestDatabase database = TestDatabase.create();
                ConfigurableApplicationContext host = new SpringApplicationBuilder(
                                Host.class,
                                readme.loadClass("io.postroom.example.Notifications"),
                                readme.loadClass("io.postroom.example.Orders"))
                        .resourceLoader(new DefaultResourceLoader(readme))
                        .web(WebApplicationType.NONE)
                        .properties(
                                "spring.datasource.url=" + database.url(),
                                "spring.datasource.username=" + database.user(),
                                "spring.datasource.password=" + database.password(),
                                "spring.main.banner-mode=off")
                        .run()) {
            JdbcClient jdbc = host.getBean(JdbcClient.class);
            // A second payment is refused at its commit only, when the message has been written.
            jdbc.sql("CREATE TABLE public.paid (name text CONSTRAINT once UNIQUE DEFERRABLE INITIALLY DEFERRED)")
                    .update();
            pay(host, readme, "A-1");
            await().until(() -> !host.getBean(QueueMessages.class)
                    .find(MessageFilter.queue("notifications").state(MessageState.DONE))
                    .isEmpty());
            assertThat(payFails(host, readme, "A-1")).hasStackTraceContaining("once");
            assertThat(host.getBean(Provider.class).mails).containsExactly("ann@example.org: Thank you for order A-1");
            assertThat(host.getBean(QueueMessages.class).find(MessageFilter.all()))
                    .hasSize(1);
        }
    }

    private static ClassLoader compiledReadme() {
        Snippet shown = Snippet.of(Path.of("README.md")).stream()
                .filter(snippet ->
                        snippet.language().equals("java") && snippet.text().contains("@Transactional"))
                .findFirst()
                .orElseThrow();
        SnippetCompiler compiler = new SnippetCompiler(folder);
        compiler.addFile("Orders", shown);
        return compiler.compile(Map.of("Orders", shown));
    }

    private static void pay(ConfigurableApplicationContext host, ClassLoader readme, String order) throws Exception {
        Class<?> orders = readme.loadClass("io.postroom.example.Orders");
        Method pay = orders.getDeclaredMethod("pay", String.class);
        pay.setAccessible(true);
        pay.invoke(host.getBean(orders), order);
    }

    private static Throwable payFails(ConfigurableApplicationContext host, ClassLoader readme, String order)
            throws Exception {
        try {
            pay(host, readme, order);
        } catch (InvocationTargetException refused) {
            return refused.getCause();
        }
        throw new AssertionError("a second payment of " + order + " was not refused");
    }
}

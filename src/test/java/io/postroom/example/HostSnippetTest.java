package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.QueueMessages;
import io.postroom.handler.MessageContext;
import io.postroom.handler.SendMessage;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/** The ten lines of the README in a Spring Boot application. */
class HostSnippetTest {
    // The lines between the marks stand in the README, without their indentation.
    // snippet: begin
    @MessageType("order.paid")
    record OrderPaid(String order, String customer) {}

    @Component
    static class Notifications {
        @SendMessage(value = "notifications", attempts = 3, retryAfter = "10s") // 3 tries, 10 seconds apart
        void send(OrderPaid event, MessageContext context) {
            provider.mail(event.customer(), "Thank you for order " + event.order());
        }
    }
    // snippet: end

    private static final Provider provider = new Provider();

    private static final class Provider {
        private final Queue<String> mails = new ConcurrentLinkedQueue<>();

        void mail(String customer, String text) {
            mails.add(customer + ": " + text);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    @Import({Notifications.class, Orders.class})
    static class Host {}

    @Component
    static class Orders {
        private final QueueMessages queueMessages;
        private final JdbcClient jdbc;

        Orders(QueueMessages queueMessages, JdbcClient jdbc) {
            this.queueMessages = queueMessages;
            this.jdbc = jdbc;
        }

        @Transactional
        public void pay(String order) {
            jdbc.sql("INSERT INTO public.paid VALUES (?)").param(order).update();
            queueMessages.createMessage("notifications", new OrderPaid(order, "ann@example.org"));
            if (order.equals("refused")) {
                throw new IllegalStateException("no money");
            }
        }
    }

    @Test
    void the_readmes_ten_lines_send_what_was_committed_and_nothing_else() {
        try (TestDatabase database = TestDatabase.create();
                ConfigurableApplicationContext host = new SpringApplicationBuilder(Host.class)
                        .web(WebApplicationType.NONE)
                        .properties(
                                "spring.datasource.url=" + database.url(),
                                "spring.datasource.username=" + database.user(),
                                "spring.datasource.password=" + database.password(),
                                "spring.main.banner-mode=off")
                        .run()) {
            host.getBean(JdbcClient.class)
                    .sql("CREATE TABLE public.paid (name text)")
                    .update();
            Orders orders = host.getBean(Orders.class);
            try {
                orders.pay("refused");
            } catch (IllegalStateException expected) {
                assertThat(expected).hasMessage("no money");
            }
            orders.pay("A-1");
            await().until(() -> !host.getBean(QueueMessages.class)
                    .find(MessageFilter.queue("notifications").state(MessageState.DONE))
                    .isEmpty());
            assertThat(provider.mails).containsExactly("ann@example.org: Thank you for order A-1");
            assertThat(host.getBean(QueueMessages.class).find(MessageFilter.all()))
                    .hasSize(1);
        }
    }

    @Test
    void the_readme_shows_these_very_lines() throws IOException {
        String source = Files.readString(Path.of("src/test/java/io/postroom/example/HostSnippetTest.java"));
        String readme = Files.readString(Path.of("README.md"));
        String shown =
                readme.substring(readme.indexOf("<!-- snippet: HostSnippet -->"), readme.indexOf("<!-- /snippet -->"));
        source.substring(source.indexOf("// snippet: begin"), source.indexOf("// snippet: end"))
                .lines()
                .skip(1)
                .map(line -> line.strip().replace("static class", "class"))
                .filter(line -> !line.isEmpty())
                .forEach(line -> assertThat(shown).contains(line));
    }
}

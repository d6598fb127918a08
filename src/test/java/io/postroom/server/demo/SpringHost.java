package io.postroom.server.demo;

import io.postroom.Postroom;
import io.postroom.api.QueueMessages;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.handler.Handler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.transaction.support.TransactionOperations;

/** A host application as the server is one, without the web: the starter, the demo's handler, and a folder for its mails. */
final class SpringHost implements AutoCloseable {
    /** Smaller than the server's, so that a test needs fewer events for as many transactions. */
    static final int BLOCK = 50;

    private static final String MAILS = "mails";

    /** What only tests have on the class path. Starting Hibernate takes longer than starting the rest. */
    private static final String TEST_LIBRARIES = String.join(
            ",",
            "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration",
            "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
            "org.springframework.boot.data.jpa.autoconfigure.DataJpaRepositoriesAutoConfiguration");

    private final ConfigurableApplicationContext context;

    private SpringHost(ConfigurableApplicationContext context) {
        this.context = context;
    }

    static SpringHost start(String url, String user, String password, Path mails) {
        return new SpringHost(new SpringApplicationBuilder(Host.class)
                .web(WebApplicationType.NONE)
                .registerShutdownHook(false)
                .logStartupInfo(false)
                .properties(
                        "spring.main.banner-mode=off",
                        "spring.autoconfigure.exclude=" + TEST_LIBRARIES,
                        "spring.datasource.url=" + url,
                        "spring.datasource.username=" + user,
                        "spring.datasource.password=" + password,
                        // A killed one's messages shall come back soon.
                        "postroom.lease-time=3s",
                        "postroom.beat-interval=500ms",
                        "postroom.poll-interval=200ms",
                        MAILS + "=" + mails)
                .run());
    }

    QueueMessages queueMessages() {
        return context.getBean(QueueMessages.class);
    }

    Demo demo(TicketFile file, Consumer<String> terminal) {
        return demo(queueMessages(), file, terminal);
    }

    Demo demo(QueueMessages queueMessages, TicketFile file, Consumer<String> terminal) {
        return new Demo(
                context.getBean(Postroom.class),
                queueMessages,
                context.getBean(DataSource.class),
                context.getBean(TransactionOperations.class),
                file,
                BLOCK,
                context.getBean(Demo.Places.class),
                new Demo.Hints(
                        "http://127.0.0.1:8080/api/v1",
                        "psql postgresql://postroom@127.0.0.1/postroom",
                        "The mails: " + context.getEnvironment().getRequiredProperty(MAILS)),
                terminal);
    }

    @Override
    public void close() {
        context.close();
    }

    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    @Import(DemoBeans.class)
    static class Host {
        @Bean
        DemoBeans.Inbox inbox(Environment environment) throws IOException {
            return DemoBeans.Inbox.in(
                    Path.of(environment.getRequiredProperty(MAILS)).resolveSibling("inbox"));
        }

        @Bean
        MailChannel mailChannel(Environment environment) {
            return MailChannel.open(
                    MailSettings.defaults().folder(Path.of(environment.getRequiredProperty(MAILS))),
                    TicketNotifications.templates());
        }

        @Bean
        Handler ticketNotifications(MailChannel channel) {
            return TicketNotifications.handler(channel);
        }
    }
}

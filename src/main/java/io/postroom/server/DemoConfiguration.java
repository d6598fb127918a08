package io.postroom.server;

import io.postroom.Postroom;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.channel.mail.MailTemplates;
import io.postroom.handler.Handler;
import io.postroom.server.demo.Demo;
import io.postroom.server.demo.DemoBeans;
import io.postroom.server.demo.TicketFile;
import io.postroom.server.demo.TicketNotifications;
import java.io.IOException;
import java.nio.file.Path;
import javax.sql.DataSource;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotatedTypeMetadata;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Registers the demo's handlers, that of mails on the starter's mail channel. {@link ServerLifecycle} runs the demo itself. */
@Configuration(proxyBeanMethods = false)
@Conditional(DemoConfiguration.DemoWanted.class)
@Import(DemoBeans.class)
class DemoConfiguration {
    /** Names a file of events to play instead of the shipped ones. */
    private static final String FILE = "postroom.demo.file";

    @Bean
    MailTemplates mailTemplates() {
        return TicketNotifications.templates();
    }

    @Bean
    Handler ticketNotifications(MailChannel channel) {
        return TicketNotifications.handler(channel);
    }

    /** @param database is there before the folder: an embedded one refuses a directory that holds other files */
    @Bean
    DemoBeans.Inbox demoInbox(ServerSettings server, DataSource database) throws IOException {
        return DemoBeans.Inbox.in(server.inbox());
    }

    @Bean
    ServerLifecycle.DemoMaker demo(
            Environment environment,
            ServerSettings server,
            MailSettings mails,
            Postroom postroom,
            Demo.Places places,
            DataSource dataSource,
            PlatformTransactionManager transactionManager) {
        String given = environment.getProperty(FILE, "");
        TicketFile file = given.isEmpty() ? TicketFile.shipped() : TicketFile.at(Path.of(given));
        return (addresses, terminal) -> {
            Demo demo = new Demo(
                    postroom,
                    dataSource,
                    new TransactionTemplate(transactionManager),
                    file,
                    places,
                    new Demo.Hints(addresses.curl() + "/api/v1", addresses.psql(), whereTheyAre(mails)),
                    terminal);
            if (server.demo() == ServerSettings.Demo.AGAIN) {
                demo.again();
            }
            return demo;
        };
    }

    private static String whereTheyAre(MailSettings mails) {
        return mails.host()
                .map(host -> "The mails went to the SMTP server " + host + ":" + mails.port() + ".")
                .orElseGet(() -> "The mails, named by their Message-ID, for any mail program: " + mails.folder());
    }

    static class DemoWanted implements Condition {
        @Override
        public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
            return ServerSettings.of(context.getEnvironment()).demo() != ServerSettings.Demo.OFF;
        }
    }
}

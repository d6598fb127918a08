package io.postroom.server.demo;

import io.postroom.api.FileImport;
import io.postroom.api.Limiter;
import io.postroom.channel.http.HttpSender;
import io.postroom.handler.Handler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.sql.DataSource;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * What the demo adds to its host beside the mails: a file import, a limiter, an external system with its entry, a schedule, and handlers.
 * The host has a bean {@link Inbox}.
 */
@Configuration(proxyBeanMethods = false)
public class DemoBeans {
    /**
     * The folder of the file import. It is made when the database is there, because an embedded database wants its directory empty.
     *
     * @param folder absolute
     */
    public record Inbox(Path folder) {
        /** Makes the folder where it is missing. */
        public static Inbox in(Path folder) throws IOException {
            return new Inbox(Files.createDirectories(folder.toAbsolutePath().normalize()));
        }
    }

    @Bean
    FileImport demoOrders(Inbox inbox) {
        return Accounting.fileImport(inbox.folder());
    }

    @Bean
    Limiter demoAccountingLimiter() {
        return Accounting.limiter();
    }

    @Bean
    Handler demoAccounting(HttpSender http) {
        return Accounting.handler(http);
    }

    @Bean
    Handler demoTakings() {
        return Takings.handler();
    }

    @Bean
    Handler demoSettlement() {
        return Settlement.ofShow();
    }

    @Bean
    Handler demoSettlementTotal() {
        return Settlement.ofTotal();
    }

    @Bean(destroyMethod = "close")
    AccountingStub demoAccountingStub(DataSource dataSource) {
        return AccountingStub.start(dataSource);
    }

    @Bean
    Demo.Places demoPlaces(Inbox inbox, AccountingStub accounting) {
        return new Demo.Places(inbox.folder(), accounting.endpoint());
    }
}

package io.postroom.console;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.internal.postgres.console.ConsoleReads;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication.Type;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.web.servlet.DispatcherServlet;

/** Opens the console in a servlet web application that asks for it. */
@AutoConfiguration(afterName = "io.postroom.spring.PostroomAutoConfiguration")
@ConditionalOnWebApplication(type = Type.SERVLET)
@ConditionalOnClass(DispatcherServlet.class)
@ConditionalOnBooleanProperty("postroom.console.enabled")
@ConditionalOnBean(Postroom.class)
@EnableConfigurationProperties(ConsoleProperties.class)
class ConsoleAutoConfiguration {
    /** @throws ConsoleProblem nobody says who may use it */
    @Bean
    ConsoleGuard postroomConsoleGuard(ObjectProvider<ConsoleAccess> access, ConsoleProperties properties) {
        ConsoleAccess given = access.getIfAvailable();
        if (given == null && !properties.open()) {
            throw new ConsoleProblem(
                    "The console is on (postroom.console.enabled=true), and nobody says who may use it",
                    "Publish a bean of type io.postroom.console.ConsoleAccess, as docs/console.md shows, or set"
                            + " postroom.console.open=true to let in everybody who reaches this application");
        }
        return new ConsoleGuard(
                given == null ? ConsoleAccess.open() : given, properties.path(), properties.secureCookies());
    }

    @Bean(destroyMethod = "close")
    ConsoleReads postroomConsoleReads(Postroom postroom) {
        if (postroom instanceof DefaultPostroom engine) {
            return ConsoleReads.on(engine.dataSource());
        }
        throw new ConsoleProblem(
                "The console reads the database of the engine, and the bean of type Postroom is not one that Postroom.on(...) made",
                "Publish that one, or set postroom.console.enabled=false");
    }

    @Bean
    Assets postroomConsoleAssets() {
        return new Assets();
    }

    @Bean
    LoginPages postroomConsoleLogin(ConsoleGuard guard) {
        return new LoginPages(guard);
    }

    @Bean
    QueuesPages postroomConsoleQueues(ConsoleGuard guard, ConsoleReads reads, Postroom postroom) {
        return new QueuesPages(guard, reads, postroom.queues(), postroom.consumers());
    }

    @Bean
    MessagesPages postroomConsoleMessages(ConsoleGuard guard, ConsoleReads reads) {
        return new MessagesPages(guard, reads);
    }

    @Bean
    MessagePages postroomConsoleMessage(ConsoleGuard guard, Postroom postroom, ConsoleProperties properties) {
        return new MessagePages(
                guard, postroom.queueMessages(), postroom.deadLetters(), MaskedFields.of(properties.maskedFields()));
    }

    @Bean
    DeadLettersPages postroomConsoleDeadLetters(ConsoleGuard guard, ConsoleReads reads, Postroom postroom) {
        return new DeadLettersPages(guard, reads, postroom.deadLetters());
    }

    @Bean
    OperationsPages postroomConsoleOperations(ConsoleGuard guard, Postroom postroom) {
        return new OperationsPages(guard, postroom.deadLetters());
    }

    @Bean
    OverviewPages postroomConsoleOverview(ConsoleGuard guard, ConsoleReads reads) {
        return new OverviewPages(guard, reads);
    }

    @Bean
    ExchangesPage postroomConsoleExchanges(ConsoleGuard guard, ConsoleReads reads, Postroom postroom) {
        return new ExchangesPage(guard, reads, postroom.exchanges());
    }

    @Bean
    SchedulesPages postroomConsoleSchedules(ConsoleGuard guard, Postroom postroom) {
        return new SchedulesPages(guard, postroom.schedules());
    }

    @Bean
    BatchesPage postroomConsoleBatches(ConsoleGuard guard, Postroom postroom) {
        return new BatchesPage(guard, postroom.batches());
    }

    @Bean
    LimitsPage postroomConsoleLimits(ConsoleGuard guard, ConsoleReads reads, Postroom postroom) {
        return new LimitsPage(guard, reads, postroom.limiters());
    }

    @Bean
    SettingsPages postroomConsoleSettings(ConsoleGuard guard, Postroom postroom) {
        return new SettingsPages(guard, postroom.settings());
    }

    @Bean
    TokensPages postroomConsoleTokens(ConsoleGuard guard, Postroom postroom) {
        return new TokensPages(guard, postroom.accessTokens());
    }

    @Bean
    IncomingPage postroomConsoleIncoming(ConsoleGuard guard, Postroom postroom) {
        return new IncomingPage(guard, postroom.mailboxes(), postroom.fileImports());
    }
}

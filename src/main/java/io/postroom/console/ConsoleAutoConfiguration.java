package io.postroom.console;

import io.postroom.Postroom;
import io.postroom.homes.PostroomHomes;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.AnyNestedCondition;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication.Type;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.web.servlet.DispatcherServlet;

/** Opens the console in a servlet web application that asks for it. */
@AutoConfiguration(
        afterName = {"io.postroom.spring.PostroomAutoConfiguration", "io.postroom.spring.HomesAutoConfiguration"})
@ConditionalOnWebApplication(type = Type.SERVLET)
@ConditionalOnClass(DispatcherServlet.class)
@ConditionalOnBooleanProperty("postroom.console.enabled")
@Conditional(ConsoleAutoConfiguration.OnDatabases.class)
@EnableConfigurationProperties(ConsoleProperties.class)
class ConsoleAutoConfiguration {
    /** @throws ConsoleProblem nobody says who may use it */
    @Bean
    ConsoleGuard postroomConsoleGuard(
            ObjectProvider<ConsoleAccess> access, ConsoleProperties properties, ConsoleDatabases databases) {
        ConsoleAccess given = access.getIfAvailable();
        if (given == null && !properties.open()) {
            throw new ConsoleProblem(
                    "The console is on (postroom.console.enabled=true), and nobody says who may use it",
                    "Publish a bean of type io.postroom.console.ConsoleAccess, as docs/console.md shows, or set"
                            + " postroom.console.open=true to let in everybody who reaches this application");
        }
        return new ConsoleGuard(
                given == null ? ConsoleAccess.open() : given,
                properties.path(),
                properties.secureCookies(),
                databases.areHomes());
    }

    /** @throws ConsoleProblem the engine is none that {@link Postroom#on} made */
    @Bean(destroyMethod = "close")
    ConsoleDatabases postroomConsoleDatabases(ObjectProvider<Postroom> postroom, ObjectProvider<PostroomHomes> homes) {
        PostroomHomes several = homes.getIfAvailable();
        return several == null ? new OneDatabase(ConsoleDatabase.on(postroom.getObject())) : new HomeDatabases(several);
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
    QueuesPages postroomConsoleQueues(ConsoleGuard guard, ConsoleDatabases databases) {
        return new QueuesPages(guard, databases);
    }

    @Bean
    MessagesPages postroomConsoleMessages(ConsoleGuard guard, ConsoleDatabases databases) {
        return new MessagesPages(guard, databases);
    }

    @Bean
    MessagePages postroomConsoleMessage(ConsoleGuard guard, ConsoleDatabases databases, ConsoleProperties properties) {
        return new MessagePages(guard, databases, MaskedFields.of(properties.maskedFields()));
    }

    @Bean
    DeadLettersPages postroomConsoleDeadLetters(ConsoleGuard guard, ConsoleDatabases databases) {
        return new DeadLettersPages(guard, databases);
    }

    @Bean
    OperationsPages postroomConsoleOperations(ConsoleGuard guard, ConsoleDatabases databases) {
        return new OperationsPages(guard, databases);
    }

    @Bean
    OverviewPages postroomConsoleOverview(ConsoleGuard guard, ConsoleDatabases databases) {
        return new OverviewPages(guard, databases);
    }

    @Bean
    ExchangesPage postroomConsoleExchanges(ConsoleGuard guard, ConsoleDatabases databases) {
        return new ExchangesPage(guard, databases);
    }

    @Bean
    SchedulesPages postroomConsoleSchedules(ConsoleGuard guard, ConsoleDatabases databases) {
        return new SchedulesPages(guard, databases);
    }

    @Bean
    BatchesPage postroomConsoleBatches(ConsoleGuard guard, ConsoleDatabases databases) {
        return new BatchesPage(guard, databases);
    }

    @Bean
    LimitsPage postroomConsoleLimits(ConsoleGuard guard, ConsoleDatabases databases) {
        return new LimitsPage(guard, databases);
    }

    @Bean
    SettingsPages postroomConsoleSettings(ConsoleGuard guard, ConsoleDatabases databases) {
        return new SettingsPages(guard, databases);
    }

    @Bean
    TokensPages postroomConsoleTokens(ConsoleGuard guard, ConsoleDatabases databases) {
        return new TokensPages(guard, databases);
    }

    @Bean
    IncomingPage postroomConsoleIncoming(ConsoleGuard guard, ConsoleDatabases databases) {
        return new IncomingPage(guard, databases);
    }

    @Bean
    @ConditionalOnBean(PostroomHomes.class)
    HomesPage postroomConsoleHomes(ConsoleGuard guard, PostroomHomes homes) {
        return new HomesPage(guard, homes);
    }

    /** Holds where the application has one database or several homes. */
    static final class OnDatabases extends AnyNestedCondition {
        OnDatabases() {
            super(ConfigurationPhase.REGISTER_BEAN);
        }

        @ConditionalOnBean(Postroom.class)
        static final class OnOne {}

        @ConditionalOnBean(PostroomHomes.class)
        static final class OnHomes {}
    }
}

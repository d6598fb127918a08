package io.postroom.rest;

import io.postroom.api.AccessTokens;
import io.postroom.api.Batches;
import io.postroom.api.Consumers;
import io.postroom.api.Database;
import io.postroom.api.DeadLetters;
import io.postroom.api.Definitions;
import io.postroom.api.Exchanges;
import io.postroom.api.FileImports;
import io.postroom.api.Ledger;
import io.postroom.api.Limiters;
import io.postroom.api.Mailboxes;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.api.Schedules;
import io.postroom.api.SettingsRegistry;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication.Type;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.web.servlet.DispatcherServlet;

/** Opens the HTTP API in a servlet web application that asks for it. */
@AutoConfiguration(afterName = "io.postroom.spring.PostroomAutoConfiguration")
@ConditionalOnWebApplication(type = Type.SERVLET)
@ConditionalOnClass(DispatcherServlet.class)
@ConditionalOnBooleanProperty("postroom.rest.enabled")
@ConditionalOnBean(QueueMessages.class)
@Import(BodyBudgetConfiguration.class)
class RestAutoConfiguration {
    @Bean
    MessagesController postroomMessagesController(QueueMessages queueMessages) {
        return new MessagesController(queueMessages);
    }

    /** For the standalone server; a host never uses it. */
    @Bean
    @ConditionalOnProperty(name = "spring.mvc.servlet.path", havingValue = "/", matchIfMissing = true)
    ShortRoute postroomShortRoute(MessagesController messages, BodyBudget budget) {
        return new ShortRoute(messages, budget);
    }

    @Bean
    @ConditionalOnBean(Definitions.class)
    DefinitionsController postroomDefinitionsController(Definitions definitions) {
        return new DefinitionsController(definitions);
    }

    @Bean
    @ConditionalOnBean(Exchanges.class)
    ExchangesController postroomExchangesController(Exchanges exchanges) {
        return new ExchangesController(exchanges);
    }

    @Bean
    @ConditionalOnBean(SettingsRegistry.class)
    SettingsController postroomSettingsController(SettingsRegistry settings) {
        return new SettingsController(settings);
    }

    @Bean
    @ConditionalOnBean(Batches.class)
    BatchesController postroomBatchesController(Batches batches) {
        return new BatchesController(batches);
    }

    @Bean
    @ConditionalOnBean(Schedules.class)
    SchedulesController postroomSchedulesController(Schedules schedules) {
        return new SchedulesController(schedules);
    }

    @Bean
    @ConditionalOnBean(DeadLetters.class)
    DeadLettersController postroomDeadLettersController(DeadLetters deadLetters, QueueMessages queueMessages) {
        return new DeadLettersController(deadLetters, queueMessages);
    }

    @Bean
    @ConditionalOnBean(DeadLetters.class)
    OperationsController postroomOperationsController(DeadLetters deadLetters) {
        return new OperationsController(deadLetters);
    }

    @Bean
    @ConditionalOnBean(AccessTokens.class)
    AccessTokensController postroomAccessTokensController(AccessTokens tokens) {
        return new AccessTokensController(tokens);
    }

    @Bean
    @ConditionalOnBean(Ledger.class)
    LedgerController postroomLedgerController(Ledger ledger) {
        return new LedgerController(ledger);
    }

    @Bean
    @ConditionalOnBean(Database.class)
    DatabaseController postroomDatabaseController(Database database) {
        return new DatabaseController(database);
    }

    @Bean
    @ConditionalOnBean(Limiters.class)
    LimitersController postroomLimitersController(Limiters limiters) {
        return new LimitersController(limiters);
    }

    @Bean
    @ConditionalOnBean(FileImports.class)
    FileImportsController postroomFileImportsController(FileImports imports) {
        return new FileImportsController(imports);
    }

    @Bean
    @ConditionalOnBean(Mailboxes.class)
    MailboxesController postroomMailboxesController(Mailboxes mailboxes) {
        return new MailboxesController(mailboxes);
    }

    @Bean
    @ConditionalOnBean({Queues.class, Consumers.class})
    QueuesController postroomQueuesController(Queues queues, Consumers consumers) {
        return new QueuesController(queues, consumers);
    }
}

package io.postroom.spring;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.api.AccessTokens;
import io.postroom.api.Batches;
import io.postroom.api.Consumers;
import io.postroom.api.Database;
import io.postroom.api.DeadLetters;
import io.postroom.api.Definitions;
import io.postroom.api.EngineSettings;
import io.postroom.api.EntrySecrets;
import io.postroom.api.Exchanges;
import io.postroom.api.FileImport;
import io.postroom.api.FileImports;
import io.postroom.api.Ledger;
import io.postroom.api.Limiter;
import io.postroom.api.Limiters;
import io.postroom.api.Mailboxes;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.Queues;
import io.postroom.api.Schedule;
import io.postroom.api.Schedules;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsRegistry;
import io.postroom.channel.file.FileOutbox;
import io.postroom.channel.http.WebhookReceiver;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import javax.sql.DataSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.LazyInitializationExcludeFilter;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.context.LifecycleProperties;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.core.env.Environment;

/**
 * Sets up Postroom on the host's database. A host's own bean of a published type takes the place of ours. Names of beans begin with
 * {@code postroom}: a RabbitMQ host has a bean {@code queues}.
 */
@AutoConfiguration(
        afterName = {
            "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration",
            "org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration",
            "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
            "org.springframework.boot.transaction.jta.autoconfigure.JtaAutoConfiguration",
            "org.springframework.boot.autoconfigure.context.LifecycleAutoConfiguration"
        })
@ConditionalOnBooleanProperty(name = "postroom.enabled", matchIfMissing = true)
@ConditionalOnBean(DataSource.class)
@Conditional(HomesAutoConfiguration.Without.class)
@EnableConfigurationProperties(PostroomProperties.class)
class PostroomAutoConfiguration {
    @Bean(SchemaInitializer.BEAN_NAME)
    @ConditionalOnMissingBean(Postroom.class)
    SchemaInitializer postroomSchemaInitializer(ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        return new SchemaInitializer(beans, properties);
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean(Postroom.class)
    DefaultPostroom postroomEngine(
            ConfigurableListableBeanFactory beans,
            PostroomProperties properties,
            Environment environment,
            SchemaInitializer schema,
            ObjectProvider<PayloadCodec> codec,
            ObjectProvider<PayloadUpcaster> upcasters,
            ObjectProvider<MessageInterceptor> interceptors,
            ObjectProvider<PostroomListener> listeners,
            ObjectProvider<QueueStatsListener> statsListeners,
            ObjectProvider<QueueSettings> queues,
            ObjectProvider<Limiter> limiters,
            ObjectProvider<Schedule> schedules,
            ObjectProvider<SettingsCheck> checks,
            ObjectProvider<FileImport> fileImports) {
        HostDatabase host = HostDatabase.of(beans, properties);
        Postroom.Builder builder = Postroom.on(host.dataSource())
                .transactions(host.transactions(beans))
                .schema(schema.modeLeft(host.dataSource()));
        new EngineBeans(properties, environment, codec, upcasters, interceptors, listeners, checks).addTo(builder);
        if (properties.engineDatasource() != null) {
            builder.engineDataSource(
                    HostDatabase.named(beans, "postroom.engine-datasource", properties.engineDatasource()));
        }
        queues.orderedStream().forEach(builder::queue);
        limiters.orderedStream().forEach(builder::limiter);
        statsListeners.orderedStream().forEach(builder::queueStatsListener);
        QueueProperties.Declared declared = QueueProperties.declared(environment);
        declared.queues().forEach(builder::queue); // after the beans, so a property wins
        declared.destinations().forEach(builder::destination);
        declared.limiters().forEach(builder::limiter);
        DestinationProperties.declared(environment).forEach(builder::limiter);
        fileImports.orderedStream().forEach(builder::fileImport);
        FileImportProperties.declared(environment).forEach(builder::fileImport);
        schedules.orderedStream().forEach(builder::schedule);
        ScheduleProperties.declared(environment).forEach(builder::schedule);
        return builder.prepare();
    }

    /** @param hostIsVirtual whether the host runs its own work on virtual threads, and this Java has them */
    static EngineSettings settings(EngineSettings defaults, PostroomProperties properties, boolean hostIsVirtual) {
        try {
            return new EngineSettings(
                    properties.name() == null ? defaults.name() : properties.name(),
                    properties.leaseTime(),
                    properties.beatInterval(),
                    properties.pollInterval(),
                    properties.listen(),
                    properties.declareOnUse(),
                    properties.handlerThreads(),
                    properties.virtualThreads() == null ? hostIsVirtual : properties.virtualThreads());
        } catch (IllegalArgumentException refused) {
            throw new StartProblem(
                    "The settings cannot be used: " + refused.getMessage(),
                    "Correct postroom.name, lease-time, beat-interval, poll-interval, handler-threads or virtual-threads",
                    refused);
        }
    }

    @Bean
    @ConditionalOnMissingBean
    QueueMessages postroomQueueMessages(Postroom postroom) {
        return postroom.queueMessages();
    }

    @Bean
    @ConditionalOnMissingBean
    Queues postroomQueues(Postroom postroom) {
        return postroom.queues();
    }

    @Bean
    @ConditionalOnMissingBean
    Exchanges postroomExchanges(Postroom postroom) {
        return postroom.exchanges();
    }

    @Bean
    @ConditionalOnMissingBean
    Definitions postroomDefinitions(Postroom postroom) {
        return postroom.definitions();
    }

    @Bean
    @ConditionalOnMissingBean
    SettingsRegistry postroomSettings(Postroom postroom) {
        return postroom.settings();
    }

    @Bean
    @ConditionalOnMissingBean
    EntrySecrets postroomSecrets(Postroom postroom) {
        return postroom.secrets();
    }

    /** Here, whether this process receives or not: whoever stores an entry is told what is wrong with it. */
    @Bean
    @ConditionalOnMissingBean
    WebhookReceiver postroomWebhookReceiver() {
        return new WebhookReceiver();
    }

    @Bean
    @ConditionalOnMissingBean
    Schedules postroomSchedules(Postroom postroom) {
        return postroom.schedules();
    }

    @Bean
    @ConditionalOnMissingBean
    Batches postroomBatches(Postroom postroom) {
        return postroom.batches();
    }

    @Bean
    @ConditionalOnMissingBean
    DeadLetters postroomDeadLetters(Postroom postroom) {
        return postroom.deadLetters();
    }

    @Bean
    @ConditionalOnMissingBean
    AccessTokens postroomAccessTokens(Postroom postroom) {
        return postroom.accessTokens();
    }

    @Bean
    @ConditionalOnMissingBean
    Ledger postroomLedger(Postroom postroom) {
        return postroom.ledger();
    }

    @Bean
    @ConditionalOnMissingBean
    Database postroomDatabase(Postroom postroom) {
        return postroom.database();
    }

    @Bean
    @ConditionalOnMissingBean
    Limiters postroomLimiters(Postroom postroom) {
        return postroom.limiters();
    }

    @Bean
    @ConditionalOnMissingBean
    FileImports postroomFileImports(Postroom postroom) {
        return postroom.fileImports();
    }

    @Bean
    @ConditionalOnMissingBean
    Mailboxes postroomMailboxes(Postroom postroom) {
        return postroom.mailboxes();
    }

    /** Writes payloads as the engine does. */
    @Bean
    @ConditionalOnMissingBean
    FileOutbox postroomFileOutbox(ObjectProvider<PayloadCodec> codec) {
        return new FileOutbox(codec.getIfAvailable(JacksonPayloadCodec::new));
    }

    @Bean
    @ConditionalOnMissingBean
    Consumers postroomConsumers(Postroom postroom) {
        return postroom.consumers();
    }

    @Bean
    @ConditionalOnBean(DefaultPostroom.class)
    PostroomLifecycle postroomLifecycle(
            DefaultPostroom postroom, ConfigurableListableBeanFactory beans, Environment environment) {
        return new PostroomLifecycle(
                Workers.of(postroom), () -> new BeanHandlers(beans, new HandlerSettings(beans, environment)));
    }

    @Bean
    @ConditionalOnBean(DefaultPostroom.class)
    PostroomDrain postroomDrain(
            DefaultPostroom postroom,
            Environment environment,
            PostroomProperties properties,
            ObjectProvider<LifecycleProperties> lifecycle) {
        return PostroomDrain.of(Workers.of(postroom), environment, properties, lifecycle);
    }

    /** Keeps three beans eager: with {@code spring.main.lazy-initialization} no other bean asks for those that start and stop workers. */
    @Bean
    static LazyInitializationExcludeFilter postroomIsNotLazy() {
        return LazyInitializationExcludeFilter.forBeanTypes(
                PostroomLifecycle.class, PostroomDrain.class, SchemaInitializer.class);
    }
}

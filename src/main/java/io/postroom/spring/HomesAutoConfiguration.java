package io.postroom.spring;

import io.postroom.api.FileImport;
import io.postroom.api.Limiter;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.Schedule;
import io.postroom.api.SettingsCheck;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.QueueStatsListener;
import io.postroom.homes.DefaultPostroomHomes;
import io.postroom.homes.PostroomHomes;
import java.util.ArrayList;
import java.util.List;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.LazyInitializationExcludeFilter;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.NoneNestedConditions;
import org.springframework.boot.autoconfigure.context.LifecycleProperties;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;

/**
 * Sets up Postroom on several databases, in place of {@link PostroomAutoConfiguration}, where {@code postroom.home-rules} is set. It
 * publishes {@link PostroomHomes} and {@link QueueMessages}; what belongs to one home is asked there.
 */
@AutoConfiguration(
        before = {PostroomAutoConfiguration.class, PostroomHealthAutoConfiguration.class},
        afterName = {
            "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration",
            "org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration",
            "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
            "org.springframework.boot.transaction.jta.autoconfigure.JtaAutoConfiguration",
            "org.springframework.boot.autoconfigure.context.LifecycleAutoConfiguration"
        })
@ConditionalOnBooleanProperty(name = "postroom.enabled", matchIfMissing = true)
@ConditionalOnProperty(HomeProperties.RULES)
@EnableConfigurationProperties(PostroomProperties.class)
class HomesAutoConfiguration {
    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean(PostroomHomes.class)
    HomeSources postroomHomeSources(
            ConfigurableListableBeanFactory beans, PostroomProperties properties, Environment environment) {
        return new HomeSources(beans, HomeProperties.declared(environment), properties.transactionManager());
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean(PostroomHomes.class)
    DefaultPostroomHomes postroomHomes(
            ConfigurableListableBeanFactory beans,
            HomeSources sources,
            PostroomProperties properties,
            Environment environment,
            ObjectProvider<PayloadCodec> codec,
            ObjectProvider<PayloadUpcaster> upcasters,
            ObjectProvider<MessageInterceptor> interceptors,
            ObjectProvider<PostroomListener> listeners,
            ObjectProvider<QueueStatsListener> statsListeners,
            ObjectProvider<SettingsCheck> checks,
            ObjectProvider<QueueSettings> queues,
            ObjectProvider<Schedule> schedules,
            ObjectProvider<Limiter> limiters,
            ObjectProvider<FileImport> fileImports) {
        QueueProperties.Declared declared = QueueProperties.declared(environment);
        refuseWhatBelongsToOneHome(environment, declared, limiters, fileImports);
        EngineBeans engine =
                new EngineBeans(properties, environment, codec, upcasters, interceptors, listeners, checks);
        List<QueueStatsListener> stats = statsListeners.orderedStream().toList();
        PostroomHomes.Builder builder = PostroomHomes.on(sources.dataSources())
                .rules(HomeProperties.rules(environment))
                .schema(properties.schema().mode())
                .each((home, one) -> {
                    engine.addTo(one);
                    stats.forEach(listener -> one.queueStatsListener(listener.ofHome(home)));
                });
        sources.transactions(beans).forEach(builder::transactions);
        queues.orderedStream().forEach(builder::queue);
        declared.queues().forEach(builder::queue); // after the beans, so a property wins
        DefaultPostroomHomes homes = builder.prepare();
        List<Schedule> all = new ArrayList<>(schedules.orderedStream().toList());
        all.addAll(ScheduleProperties.declared(environment));
        all.forEach(homes::declare);
        return homes;
    }

    private static void refuseWhatBelongsToOneHome(
            Environment environment,
            QueueProperties.Declared declared,
            ObjectProvider<Limiter> limiters,
            ObjectProvider<FileImport> fileImports) {
        boolean isLimited = !declared.limiters().isEmpty()
                || !declared.destinations().isEmpty()
                || !DestinationProperties.declared(environment).isEmpty()
                || limiters.stream().findAny().isPresent();
        boolean hasImports = !FileImportProperties.declared(environment).isEmpty()
                || fileImports.stream().findAny().isPresent();
        if (isLimited || hasImports) {
            throw new StartProblem(
                    (isLimited ? "Limiters and destinations" : "Imports of files")
                            + " belong to one home, and this application has several",
                    "Leave them out, and set them on their home: postroomHomes.home(name).limiters();"
                            + " let a process with one home import files");
        }
    }

    @Bean
    @ConditionalOnMissingBean
    QueueMessages postroomQueueMessages(PostroomHomes homes) {
        return homes.queueMessages();
    }

    @Bean
    @ConditionalOnBean(DefaultPostroomHomes.class)
    PostroomLifecycle postroomLifecycle(
            DefaultPostroomHomes homes, ConfigurableListableBeanFactory beans, Environment environment) {
        return new PostroomLifecycle(
                Workers.of(homes), () -> new BeanHandlers(beans, new HandlerSettings(beans, environment)));
    }

    @Bean
    @ConditionalOnBean(DefaultPostroomHomes.class)
    PostroomDrain postroomDrain(
            DefaultPostroomHomes homes,
            Environment environment,
            PostroomProperties properties,
            ObjectProvider<LifecycleProperties> lifecycle) {
        return PostroomDrain.of(Workers.of(homes), environment, properties, lifecycle);
    }

    /** Keeps two beans eager: with {@code spring.main.lazy-initialization} no other bean asks for those that start and stop workers. */
    @Bean
    static LazyInitializationExcludeFilter postroomHomesAreNotLazy() {
        return LazyInitializationExcludeFilter.forBeanTypes(PostroomLifecycle.class, PostroomDrain.class);
    }

    /** Holds where the host has one database. */
    static final class Without extends NoneNestedConditions {
        Without() {
            super(ConfigurationPhase.PARSE_CONFIGURATION);
        }

        @ConditionalOnProperty(HomeProperties.RULES)
        static final class Rules {}
    }
}

package io.postroom.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.postroom.console.ConsoleAccess;
import io.postroom.console.TokenLogin;
import io.postroom.internal.access.TokenCache;
import io.postroom.internal.postgres.admin.PostgresAccessTokens;
import io.postroom.rest.ShortRoute;
import java.nio.file.Files;
import javax.sql.DataSource;
import org.apache.catalina.core.StandardHost;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.info.BuildProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.DependsOn;
import org.springframework.context.annotation.Import;
import org.springframework.core.Ordered;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotatedTypeMetadata;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What the server adds to the starter: a database if none is given, and a guard before the web. */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(DemoConfiguration.class)
class ServerConfiguration {
    private static final Logger log = LoggerFactory.getLogger(ServerConfiguration.class);

    @Bean
    ServerSettings serverSettings(Environment environment) {
        return ServerSettings.of(environment);
    }

    @Bean
    TokenCache tokenCache() {
        return new TokenCache();
    }

    /** Knows no database: the filter before the web is made before there is one. */
    @Bean
    AccessRules accessRules(Environment environment, TokenCache tokens) {
        return AccessRules.of(environment, tokens);
    }

    @Bean
    TokenFollower tokenFollower(TokenCache tokens, DataSource dataSource) {
        return new TokenFollower(tokens, new PostgresAccessTokens(dataSource));
    }

    @Bean
    FilterRegistrationBean<AccessFilter> accessFilter(
            AccessRules rules,
            Environment environment,
            ObjectProvider<ShortRoute> route,
            ObjectProvider<MeterRegistry> meters) {
        int threads = environment.getRequiredProperty("server.tomcat.threads.max", Integer.class);
        // With "framework" a filter of Spring applies the forwarded headers. It runs after this one, so the short way
        // would not see them.
        boolean canAnswerBeforeSpring = !environment
                .getProperty("server.forward-headers-strategy", "none")
                .strip()
                .equalsIgnoreCase("framework");
        ShortRequests admitted = canAnswerBeforeSpring ? ShortRequests.of(route, meters) : ShortRequests.none();
        FilterRegistrationBean<AccessFilter> registration =
                new FilterRegistrationBean<>(new AccessFilter(rules, threads, admitted));
        registration.setOrder(Ordered.HIGHEST_PRECEDENCE);
        return registration;
    }

    @Bean
    ErrorsController errorsController() {
        return new ErrorsController();
    }

    /** What Tomcat is told beyond its properties. */
    @Bean
    WebServerFactoryCustomizer<TomcatServletWebServerFactory> tomcatCustomizer() {
        return tomcat -> {
            tomcat.addEngineValves(new UnreadBodyValve());
            tomcat.addContextCustomizers(context ->
                    ((StandardHost) context.getParent()).setErrorReportValveClass(BareErrors.class.getName()));
            tomcat.addConnectorCustomizers(connector -> {
                if (connector.getProtocolHandler() instanceof AbstractHttp11Protocol<?> http) {
                    // Only who may come in is told to send the body.
                    http.setContinueResponseTiming("onRead");
                }
            });
        };
    }

    /** With a token people log in by it; without one everybody is on this machine, as {@link AccessRules} see to it. */
    @Bean
    ConsoleAccess consoleAccess(AccessRules rules) {
        return rules.asksForToken() ? TokenLogin.of(rules.tokens()) : ConsoleAccess.open();
    }

    @Bean
    WelcomeController welcomeController(
            ObjectProvider<BuildProperties> build, AccessRules rules, Environment environment) {
        boolean console = environment.getProperty("postroom.console.enabled", Boolean.class, false);
        return new WelcomeController(
                version(build),
                rules.asksForToken(),
                console ? environment.getProperty("postroom.console.path", "/console") : "");
    }

    /** Starts after the starter's workers and stops before them: it has their phase and depends on their bean. */
    @Bean
    @DependsOn("postroomLifecycle")
    ServerLifecycle serverLifecycle(
            Environment environment,
            AccessRules rules,
            ServerSettings settings,
            JdbcConnectionDetails database,
            ObjectProvider<BuildProperties> build,
            DataSource dataSource,
            ObjectProvider<ServerLifecycle.DemoMaker> demo) {
        return new ServerLifecycle(
                System.out::println,
                version(build),
                () -> ListenAddresses.of(environment, rules, settings, database),
                () -> settings.databaseGiven() ? 0 : leftInProgress(dataSource),
                demo.getIfAvailable());
    }

    /** Counts the messages that a killed server was working on. On the server's own database there are no other workers. */
    private static long leftInProgress(DataSource dataSource) {
        return JdbcClient.create(dataSource)
                .sql(
                        "SELECT count(*) FROM postroom.queue_messages WHERE state = 'IN_PROGRESS' AND worker NOT LIKE :self")
                .param("self", "%:" + ProcessHandle.current().pid())
                .query(Long.class)
                .single();
    }

    private static String version(ObjectProvider<BuildProperties> build) {
        BuildProperties properties = build.getIfAvailable();
        String version = properties == null ? null : properties.getVersion();
        return version == null ? "" : version;
    }

    /** Provides the server's own database. Everything that uses the database depends on these beans, so that it is closed last. */
    @Configuration(proxyBeanMethods = false)
    @Conditional(NoDatabaseGiven.class)
    static class OwnDatabase {
        @Bean(destroyMethod = "close")
        EmbeddedDatabase embeddedDatabase(ServerSettings settings) {
            log.info(
                    "Starting PostgreSQL in {}{}",
                    settings.directory(),
                    Files.exists(settings.directory()) ? "" : ", which takes some seconds the first time");
            return EmbeddedDatabase.start(settings.directory(), settings.databasePort());
        }

        @Bean
        JdbcConnectionDetails connectionDetails(EmbeddedDatabase database) {
            return new JdbcConnectionDetails() {
                @Override
                public String getJdbcUrl() {
                    return database.jdbcUrl();
                }

                @Override
                public String getUsername() {
                    return database.username();
                }

                @Override
                public String getPassword() {
                    return database.password();
                }
            };
        }
    }

    static class NoDatabaseGiven implements Condition {
        @Override
        public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
            return !ServerSettings.of(context.getEnvironment()).databaseGiven();
        }
    }
}

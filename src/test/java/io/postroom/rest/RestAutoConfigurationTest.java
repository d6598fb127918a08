package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.EntrySecrets;
import io.postroom.api.QueueMessages;
import io.postroom.api.SettingsRegistry;
import io.postroom.channel.http.WebhookReceiver;
import org.junit.jupiter.api.Test;
import org.mockito.Mockito;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.web.servlet.DispatcherServlet;

/** A host that has the jar has no HTTP API for it. */
class RestAutoConfigurationTest {
    private static final String ENABLED = "postroom.rest.enabled=true";
    private static final AutoConfigurations REST = AutoConfigurations.of(RestAutoConfiguration.class);

    private final WebApplicationContextRunner web = new WebApplicationContextRunner()
            .withConfiguration(REST)
            .withBean(QueueMessages.class, () -> Mockito.mock(QueueMessages.class));

    @Test
    void a_host_that_does_not_ask_for_the_API_has_none() {
        web.run(context -> assertThat(context).doesNotHaveBean(MessagesController.class));
        web.withPropertyValues("postroom.rest.enabled=false")
                .run(context -> assertThat(context).doesNotHaveBean(MessagesController.class));
    }

    @Test
    void a_host_that_asks_for_it_has_it() {
        web.withPropertyValues(ENABLED).run(context -> assertThat(context).hasSingleBean(MessagesController.class));
    }

    @Test
    void hosts_without_web_or_without_Postroom_start_all_the_same() {
        new ApplicationContextRunner()
                .withConfiguration(REST)
                .withPropertyValues(ENABLED)
                .withBean(QueueMessages.class, () -> Mockito.mock(QueueMessages.class))
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(MessagesController.class));
        web.withPropertyValues(ENABLED)
                .withClassLoader(new FilteredClassLoader(DispatcherServlet.class))
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(MessagesController.class));
        new WebApplicationContextRunner()
                .withConfiguration(REST)
                .withPropertyValues(ENABLED)
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(MessagesController.class));
    }

    @Test
    void webhooks_are_opened_by_a_property_of_their_own() {
        WebApplicationContextRunner host = new WebApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(RestAutoConfiguration.class, WebhooksAutoConfiguration.class))
                .withBean(QueueMessages.class, () -> Mockito.mock(QueueMessages.class))
                .withBean(SettingsRegistry.class, () -> Mockito.mock(SettingsRegistry.class))
                .withBean(EntrySecrets.class, () -> Mockito.mock(EntrySecrets.class))
                .withBean(WebhookReceiver.class);
        host.withPropertyValues(ENABLED).run(context -> assertThat(context).doesNotHaveBean(WebhooksController.class));
        host.withPropertyValues("postroom.rest.webhooks=true")
                .run(context -> assertThat(context)
                        .hasSingleBean(WebhooksController.class)
                        .doesNotHaveBean(MessagesController.class));
    }
}

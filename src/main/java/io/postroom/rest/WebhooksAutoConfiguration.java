package io.postroom.rest;

import io.postroom.api.EntrySecrets;
import io.postroom.api.QueueMessages;
import io.postroom.api.SettingsRegistry;
import io.postroom.channel.http.WebhookReceiver;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication.Type;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.web.servlet.DispatcherServlet;

/** Opens webhooks in a servlet web application that asks for them, with the HTTP API or without it. */
@AutoConfiguration(afterName = "io.postroom.spring.PostroomAutoConfiguration")
@ConditionalOnWebApplication(type = Type.SERVLET)
@ConditionalOnClass(DispatcherServlet.class)
@ConditionalOnBooleanProperty("postroom.rest.webhooks")
@ConditionalOnBean({QueueMessages.class, SettingsRegistry.class, EntrySecrets.class, WebhookReceiver.class})
@Import(BodyBudgetConfiguration.class)
class WebhooksAutoConfiguration {
    @Bean
    WebhooksController postroomWebhooksController(
            SettingsRegistry settings, EntrySecrets secrets, WebhookReceiver receiver, QueueMessages queueMessages) {
        return new WebhooksController(settings, secrets, receiver, queueMessages);
    }
}

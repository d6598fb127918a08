package io.postroom.spring;

import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.channel.mail.MailTemplates;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.AnyNestedCondition;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.ConfigurationCondition;

/**
 * Sets up the mail channel if the host has the mail libraries and says where mails go. A {@code MailTemplates} bean wins over the folder
 * of templates.
 */
@AutoConfiguration
@ConditionalOnBooleanProperty(name = "postroom.enabled", matchIfMissing = true)
@ConditionalOnClass(name = {"jakarta.mail.Session", "org.eclipse.angus.mail.smtp.SMTPTransport"})
@Conditional(MailAutoConfiguration.ServerOrFolder.class)
@EnableConfigurationProperties(MailProperties.class)
class MailAutoConfiguration {
    @Bean
    @ConditionalOnMissingBean
    MailSettings postroomMailSettings(MailProperties properties) {
        return properties.toSettings();
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    MailChannel postroomMailChannel(
            MailSettings settings, MailProperties properties, ObjectProvider<MailTemplates> templates) {
        MailTemplates own = templates.getIfUnique();
        if (own == null && properties.templates() != null) {
            own = MailTemplates.inFolder(properties.templates());
        }
        return own == null ? MailChannel.open(settings) : MailChannel.open(settings, own);
    }

    static class ServerOrFolder extends AnyNestedCondition {
        ServerOrFolder() {
            super(ConfigurationCondition.ConfigurationPhase.PARSE_CONFIGURATION);
        }

        @ConditionalOnProperty("postroom.mail.host")
        static class Server {}

        @ConditionalOnProperty("postroom.mail.folder")
        static class Folder {}
    }
}

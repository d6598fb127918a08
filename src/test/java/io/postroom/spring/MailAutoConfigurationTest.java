package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.channel.Notification;
import io.postroom.channel.mail.Mail;
import io.postroom.channel.mail.MailChannel;
import io.postroom.channel.mail.MailSettings;
import io.postroom.channel.mail.MailTemplates;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

class MailAutoConfigurationTest {
    @TempDir
    private Path folder;

    private final ApplicationContextRunner runner =
            new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(MailAutoConfiguration.class));

    @Test
    void without_a_server_or_a_folder_there_is_no_channel() {
        runner.run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(MailChannel.class));
    }

    @Test
    void without_the_mail_libraries_there_is_no_channel() {
        for (String library : new String[] {"jakarta.mail", "org.eclipse.angus.mail"}) {
            runner.withClassLoader(new FilteredClassLoader(library))
                    .withPropertyValues("postroom.mail.folder=" + folder)
                    .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(MailChannel.class));
        }
    }

    @Test
    void a_folder_is_enough() {
        runner.withPropertyValues("postroom.mail.folder=" + folder, "postroom.mail.from=tickets@example.org")
                .run(context -> {
                    Outcome outcome = context.getBean(MailChannel.class)
                            .send(
                                    Mail.to("ann@example.org").subject("Hello").text("Ann"),
                                    UUID.randomUUID(),
                                    Instant.now());

                    assertThat(outcome).isEqualTo(Outcome.done());
                    assertThat(mails()).isEqualTo(1);
                });
    }

    @Test
    void a_server_is_enough() {
        runner.withPropertyValues("postroom.mail.host=smtp.example.org").run(context -> {
            assertThat(context).hasSingleBean(MailChannel.class);
            assertThat(context.getBean(MailChannel.class).settings().host()).contains("smtp.example.org");
            assertThat(context.getBean(MailSettings.class).host()).contains("smtp.example.org");
        });
    }

    @Test
    void a_hosts_templates_are_used() {
        runner.withPropertyValues("postroom.mail.folder=" + folder)
                .withUserConfiguration(Templates.class)
                .run(context -> {
                    Outcome outcome = context.getBean(MailChannel.class).send(notification());

                    assertThat(outcome).isEqualTo(Outcome.done());
                });
    }

    @Test
    void a_hosts_channel_takes_the_place_of_ours() {
        runner.withPropertyValues("postroom.mail.folder=" + folder)
                .withUserConfiguration(OwnChannel.class)
                .run(context -> assertThat(
                                context.getBean(MailChannel.class).settings().folder())
                        .isEqualTo(Path.of("elsewhere")));
    }

    @Test
    void a_wrong_value_stops_the_start_and_says_which() {
        runner.withPropertyValues("postroom.mail.host=smtp.example.org", "postroom.mail.from=nobody")
                .run(context -> assertThat(context)
                        .getFailure()
                        .hasRootCauseInstanceOf(io.postroom.api.InvalidMessageException.class)
                        .hasStackTraceContaining("The mail settings cannot be used")
                        .hasStackTraceContaining("from"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "postroom.mail.host= | postroom.mail.host is empty",
                "postroom.mail.host=,postroom.mail.folder= | postroom.mail.host is empty",
                "postroom.mail.folder= | postroom.mail.folder is empty",
                "postroom.mail.host=a.example,postroom.mail.templates= | postroom.mail.templates is empty",
                "postroom.mail.host=a.example,postroom.mail.password=x,postroom.mail.username= | username is empty",
                "postroom.mail.host=a.example,postroom.mail.password=,postroom.mail.username=x | password is empty",
            })
    void a_value_that_is_set_and_empty_stops_the_start(String properties, String problem) {
        runner.withPropertyValues(properties.split(","))
                .run(context -> assertThat(context)
                        .getFailure()
                        .hasStackTraceContaining("The mail settings cannot be used")
                        .hasStackTraceContaining(problem));
    }

    @Test
    void an_empty_host_beside_a_folder_means_the_folder() {
        runner.withPropertyValues("postroom.mail.host=", "postroom.mail.folder=" + folder)
                .run(context -> assertThat(
                                context.getBean(MailChannel.class).settings().folder())
                        .isEqualTo(folder));
    }

    private long mails() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".eml")).count();
        }
    }

    private static Notification notification() {
        return new Notification(
                UUID.randomUUID(), Instant.now(), "ticket", Map.of("mail", "ann@example.org"), "Your ticket", Map.of());
    }

    @Configuration(proxyBeanMethods = false)
    static class Templates {
        @Bean
        MailTemplates templates() {
            return (template, model) -> new MailTemplates.Bodies("text", "<p>html</p>");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnChannel {
        @Bean
        MailChannel channel() {
            return MailChannel.open(MailSettings.defaults().folder(Path.of("elsewhere")));
        }
    }
}

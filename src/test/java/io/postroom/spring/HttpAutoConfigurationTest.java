package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.channel.http.HttpSender;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

class HttpAutoConfigurationTest {
    private final ApplicationContextRunner runner =
            new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(HttpAutoConfiguration.class));

    private static SettingsEntry entry(String host) {
        return SettingsEntry.of("billing", "http").endpoint("https://" + host + "/");
    }

    @Test
    void the_library_is_enough_and_needed() {
        runner.run(
                context -> assertThat(context).hasSingleBean(HttpSender.class).hasSingleBean(SettingsCheck.class));
        runner.withClassLoader(new FilteredClassLoader("org.apache.hc.client5"))
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(HttpSender.class));
        runner.withPropertyValues("postroom.enabled=false")
                .run(context -> assertThat(context).doesNotHaveBean(HttpSender.class));
    }

    @Test
    void properties_hold_for_all_entries() {
        runner.withPropertyValues(
                        "postroom.http.allowed-hosts=api.example, *.other.example",
                        "postroom.http.private-addresses=false")
                .run(context -> {
                    HttpSender sender = context.getBean(HttpSender.class);
                    sender.require(entry("api.example"));
                    sender.require(entry("a.other.example"));
                    assertThatThrownBy(() -> sender.require(entry("evil.example")))
                            .hasMessageContaining("See postroom.http.allowed-hosts");
                    assertThatThrownBy(() -> sender.require(entry("api.example").property("allowPrivate", "true")))
                            .hasMessageContaining("See postroom.http.private-addresses");
                });
    }

    @Test
    void wrong_property_is_named_at_the_start() {
        runner.withPropertyValues("postroom.http.connections=0")
                .run(context -> assertThat(context.getStartupFailure())
                        .rootCause()
                        .hasMessageContaining("connections must be 1 to 1000"));
    }

    @Test
    void empty_list_of_hosts_is_no_permission_for_all() {
        runner.withPropertyValues("postroom.http.allowed-hosts=")
                .run(context -> assertThat(context.getStartupFailure())
                        .rootCause()
                        .hasMessageContaining("allowedHosts must be names of hosts"));
    }
}

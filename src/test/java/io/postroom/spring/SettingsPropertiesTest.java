package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.SettingsEntry;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.mock.env.MockEnvironment;

/** Entries of external systems as properties declare them. */
class SettingsPropertiesTest {
    @Test
    void entries_are_read_also_with_dots_in_their_names() {
        assertThat(declared(
                        "postroom.settings.billing.endpoint=https://a.example",
                        "postroom.settings.billing.secret=env:BILLING",
                        "postroom.settings.billing.headers.x-tenant=north",
                        "postroom.settings.billing.properties.a.b=c",
                        "postroom.settings.tenant.north.channel=file",
                        "postroom.settings.tenant.north.retry-after=10s, 1m",
                        "postroom.settings.tenant.north.attempts=5",
                        "postroom.settings.tenant.north.valid-until=2027-01-01T00:00:00Z",
                        "postroom.settings.tenant.north.enabled=false"))
                .containsExactlyInAnyOrder(
                        SettingsEntry.of("billing", "http")
                                .endpoint("https://a.example")
                                .secret("env:BILLING")
                                .header("x-tenant", "north")
                                .property("a.b", "c"),
                        SettingsEntry.of("tenant.north", "file")
                                .retry(5, "10s, 1m")
                                .valid(Optional.empty(), Optional.of(Instant.parse("2027-01-01T00:00:00Z")))
                                .enabled(false));
    }

    @ParameterizedTest
    @CsvSource({
        "postroom.settings.billing.endpint, x, is no setting of an external system",
        "postroom.settings.billing, x, is no setting of an external system",
        "postroom.settings.billing.secret, hunter2, secret must be a reference",
        "postroom.settings.billing.attempts, many, postroom.settings.billing.attempts cannot be read",
        "postroom.settings.billing.valid-from, soon, validFrom must be an instant",
        "postroom.settings[a b].endpoint, x, settings must be 1 to 127",
    })
    void wrong_property_stops_the_start_and_is_named(String property, String value, String refusal) {
        assertThatThrownBy(() -> declared(property + "=" + value))
                .isInstanceOf(StartProblem.class)
                .hasMessageContaining("postroom.settings")
                .hasMessageContaining(refusal)
                .hasMessageNotContaining("hunter2");
    }

    private static List<SettingsEntry> declared(String... properties) {
        MockEnvironment environment = new MockEnvironment();
        for (String property : properties) {
            Map.Entry<String, String> one = Map.entry(
                    property.substring(0, property.indexOf('=')), property.substring(property.indexOf('=') + 1));
            environment.setProperty(one.getKey(), one.getValue());
        }
        return SettingsProperties.declared(environment);
    }
}

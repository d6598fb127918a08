package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsEntry;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.core.env.Environment;

/**
 * The entry of an external system that is declared at the start, under {@code postroom.settings.<name>}.
 *
 * @param channel http, webhook, mail, mailbox, file or a word of the host's own; default http.
 * @param endpoint Where the system is.
 * @param attempts Most attempts, the first included, 1 to 1000.
 * @param retryAfter Waits between attempts.
 * @param headers Headers that are sent along.
 * @param templates Texts with a place for values.
 * @param properties Free values.
 * @param secret Where the secret is found: env:NAME, file:/path or property:name.
 * @param validFrom Before this instant messages wait.
 * @param validUntil From this instant on messages wait.
 * @param enabled Whether it is used; false: messages wait.
 */
record SettingsProperties(
        @Nullable String channel,
        @Nullable String endpoint,
        @Nullable Integer attempts,
        @Nullable String retryAfter,
        @Nullable Map<String, String> headers,
        @Nullable Map<String, String> templates,
        @Nullable Map<String, String> properties,
        @Nullable String secret,
        @Nullable String validFrom,
        @Nullable String validUntil,
        @Nullable Boolean enabled) {
    /** The settings as in a file. */
    static final List<String> KEYS = List.of(
            "channel",
            "endpoint",
            "attempts",
            "retry-after",
            "headers",
            "templates",
            "properties",
            "secret",
            "valid-from",
            "valid-until",
            "enabled");

    private static final NamedProperties PROPERTIES = NamedProperties.of(
            "postroom.settings",
            "an external system",
            KEYS,
            Set.of("headers", "templates", "properties"),
            "docs/configuration.md");

    /**
     * Reads all entries.
     *
     * @throws StartProblem a property has no such setting, or a value that breaks a limit; the text names the property and never the secret
     */
    static List<SettingsEntry> declared(Environment environment) {
        List<SettingsEntry> entries = new ArrayList<>();
        PROPERTIES.bind(
                environment, SettingsProperties.class, (entry, name, bound) -> entries.add(bound.entry(entry, name)));
        return entries;
    }

    private SettingsEntry entry(String entry, ConfigurationPropertyName name) {
        try {
            return new SettingsEntry(
                    entry,
                    channel == null ? "http" : channel,
                    Optional.ofNullable(endpoint),
                    Optional.ofNullable(attempts),
                    Optional.ofNullable(retryAfter),
                    headers == null ? Map.of() : headers,
                    templates == null ? Map.of() : templates,
                    properties == null ? Map.of() : properties,
                    Optional.ofNullable(secret),
                    instant("validFrom", validFrom),
                    instant("validUntil", validUntil),
                    enabled == null || enabled);
        } catch (InvalidMessageException refused) {
            throw new StartProblem(name + ": " + refused.getMessage(), "Correct the properties below " + name, refused);
        }
    }

    private static Optional<Instant> instant(String field, @Nullable String text) {
        try {
            return Optional.ofNullable(text).map(Instant::parse);
        } catch (DateTimeParseException unreadable) {
            throw new InvalidMessageException(field, "an instant, as in 2027-01-31T12:00:00Z", String.valueOf(text));
        }
    }
}

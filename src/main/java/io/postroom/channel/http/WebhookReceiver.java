package io.postroom.channel.http;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import java.time.Duration;
import java.util.Optional;

/**
 * The channel "webhook": a signed request of an external system becomes a message. The entry says in which queue, how the sender signs and
 * what is kept; docs/inbound.md has its properties. {@code POST /in/{settings}} uses it. A host with another web library can, too: read the
 * entry, then {@link Webhook#message}. Needs no library. Thread-safe.
 */
public final class WebhookReceiver implements SettingsCheck {
    public static final String CHANNEL = "webhook";

    @Override
    public String channel() {
        return CHANNEL;
    }

    @Override
    public void require(SettingsEntry entry) {
        read(entry);
    }

    /**
     * Reads an entry.
     *
     * @throws InvalidMessageException something breaks a limit; the text names the field
     */
    public Webhook read(SettingsEntry entry) {
        return Webhook.of(entry);
    }

    /** Asks nobody: the sender comes by itself. The verdict says that this process would take its requests. */
    @Override
    public SettingsVerdict test(SettingsEntry entry, Optional<String> secret) {
        try {
            read(entry);
        } catch (InvalidMessageException refused) {
            return new SettingsVerdict(false, String.valueOf(refused.getMessage()), Duration.ZERO);
        }
        return new SettingsVerdict(
                true,
                secret.isPresent()
                        ? "its secret was found; a test asks nobody, because the sender comes by itself"
                        : "it takes requests of anybody: properties.unsigned is true",
                Duration.ZERO);
    }
}

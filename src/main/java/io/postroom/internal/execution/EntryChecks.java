package io.postroom.internal.execution;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SecretNotFoundException;
import io.postroom.api.SettingsCheck;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsVerdict;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the channels of this process know about entries, with the secrets that a test of one needs. Thread-safe. */
public final class EntryChecks {
    private final Map<String, SettingsCheck> byChannel = new TreeMap<>();
    private final Secrets secrets;

    /** @throws IllegalArgumentException two are of one channel */
    public EntryChecks(Collection<SettingsCheck> checks, Secrets secrets) {
        this.secrets = secrets;
        for (SettingsCheck check : checks) {
            SettingsCheck before = byChannel.put(check.channel(), check);
            if (before != null && before != check) {
                throw new IllegalArgumentException("two checks of the channel \"" + check.channel() + "\": "
                        + before.getClass().getName() + " and "
                        + check.getClass().getName());
            }
        }
    }

    Secrets secrets() {
        return secrets;
    }

    /**
     * Finds the secret of an entry, as this process finds it now; empty: it names none.
     *
     * @throws SecretNotFoundException it is not there
     */
    Optional<String> secret(SettingsEntry entry) {
        return entry.secret().map(secrets::find).map(found -> {
            if (found instanceof Secrets.Found.Missing missing) {
                throw new SecretNotFoundException(entry.name(), missing.why());
            }
            return ((Secrets.Found.Value) found).secret();
        });
    }

    /**
     * Checks the entry, where its channel is known here.
     *
     * @throws InvalidMessageException the channel refuses it
     */
    public void require(SettingsEntry entry) {
        SettingsCheck check = byChannel.get(entry.channel());
        if (check != null) {
            check.require(entry);
        }
    }

    /** Says why the channel refuses the entry, as the end of a sentence; empty: it does not, or is not known here. */
    Optional<String> flaw(SettingsEntry entry) {
        try {
            require(entry);
            return Optional.empty();
        } catch (InvalidMessageException refused) {
            return Optional.of(String.valueOf(refused.getMessage()));
        }
    }

    /**
     * Asks the external system, with the secret as this process finds it now.
     *
     * @throws InvalidMessageException no channel here can test it
     */
    public SettingsVerdict test(SettingsEntry entry) {
        SettingsCheck check = byChannel.get(entry.channel());
        if (check == null) {
            throw new InvalidMessageException(
                    "channel",
                    byChannel.isEmpty()
                            ? "one that this process can test; it has none"
                            : "one that this process can test: " + String.join(", ", byChannel.keySet()),
                    entry.channel());
        }
        Optional<Secrets.Found> found = entry.secret().map(secrets::find);
        if (found.isPresent() && found.get() instanceof Secrets.Found.Missing missing) {
            return new SettingsVerdict(false, "its secret was not found: " + missing.why(), Duration.ZERO);
        }
        return check.test(entry, found.map(value -> ((Secrets.Found.Value) value).secret()));
    }
}

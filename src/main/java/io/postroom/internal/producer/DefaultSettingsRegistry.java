package io.postroom.internal.producer;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Reason;
import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.api.SettingsVerdict;
import io.postroom.api.StoredSettings;
import io.postroom.internal.storage.SettingsStore;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Changes entries in the store. This process follows its own changes at once, others with their next poll. Thread-safe. */
public final class DefaultSettingsRegistry implements SettingsRegistry {
    private static final int LONGEST_PERSON = 200;
    private static final int MOST_LINES = 1000;

    private final SettingsStore store;
    private final Runnable changed;
    private final Consumer<SettingsEntry> require;
    private final Function<SettingsEntry, SettingsVerdict> tester;
    private final @Nullable String person;
    private final @Nullable String reason;

    /**
     * @param changed called after each change by this process
     * @param require refuses an entry that its channel cannot use
     * @param tester asks the external system
     */
    public DefaultSettingsRegistry(
            SettingsStore store,
            Runnable changed,
            Consumer<SettingsEntry> require,
            Function<SettingsEntry, SettingsVerdict> tester) {
        this(store, changed, require, tester, null, null);
    }

    private DefaultSettingsRegistry(
            SettingsStore store,
            Runnable changed,
            Consumer<SettingsEntry> require,
            Function<SettingsEntry, SettingsVerdict> tester,
            @Nullable String person,
            @Nullable String reason) {
        this.store = store;
        this.changed = changed;
        this.require = require;
        this.tester = tester;
        this.person = person;
        this.reason = reason;
    }

    @Override
    public Optional<StoredSettings> find(String name) {
        return store.find(Limits.requireName("settings", name));
    }

    @Override
    public List<StoredSettings> list() {
        return store.list();
    }

    @Override
    public List<SettingsChange> history(String name, int most) {
        Limits.requireRange("most", most, 1, MOST_LINES);
        return store.history(Limits.requireName("settings", name), most);
    }

    @Override
    public StoredSettings set(SettingsEntry entry) {
        require.accept(entry);
        return written(store.set(entry, null, person, reason));
    }

    @Override
    public StoredSettings set(SettingsEntry entry, long expectedVersion) {
        require.accept(entry);
        return written(store.set(entry, expectedVersion, person, reason));
    }

    @Override
    public boolean declare(SettingsEntry entry) {
        require.accept(entry);
        return written(store.declare(entry));
    }

    @Override
    public boolean delete(String name) {
        return written(store.delete(Limits.requireName("settings", name), null, person, reason));
    }

    @Override
    public boolean delete(String name, long expectedVersion) {
        return written(store.delete(Limits.requireName("settings", name), expectedVersion, person, reason));
    }

    @Override
    public Optional<SettingsVerdict> test(String name) {
        return find(name).map(StoredSettings::entry).map(entry -> {
            SettingsVerdict verdict = tester.apply(entry);
            Optional<String> waits = entry.obstacle(Instant.now());
            return waits.isEmpty()
                    ? verdict
                    : new SettingsVerdict(
                            verdict.ok(),
                            verdict.text() + ". Messages wait all the same: " + waits.get(),
                            verdict.took());
        });
    }

    @Override
    public SettingsRegistry by(String person) {
        if (person.isBlank()
                || person.length() > LONGEST_PERSON
                || person.chars().anyMatch(Character::isISOControl)) {
            throw new InvalidMessageException(
                    "actor", "1 to " + LONGEST_PERSON + " characters without control characters", person);
        }
        return new DefaultSettingsRegistry(store, changed, require, tester, person, reason);
    }

    @Override
    public SettingsRegistry because(Reason why) {
        return new DefaultSettingsRegistry(
                store, changed, require, tester, why.actor().orElse(person), why.text());
    }

    private <T> T written(T answer) {
        changed.run();
        return answer;
    }
}

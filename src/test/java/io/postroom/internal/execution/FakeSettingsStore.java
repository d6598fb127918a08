package io.postroom.internal.execution;

import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoredSettings;
import io.postroom.internal.storage.FoundSettings;
import io.postroom.internal.storage.SettingsStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Remembers entries, and counts how often all of them were read. */
final class FakeSettingsStore implements SettingsStore {
    final AtomicInteger reads = new AtomicInteger();
    private final Map<String, StoredSettings> entries = new ConcurrentHashMap<>();

    @Override
    public Optional<StoredSettings> find(String name) {
        return Optional.ofNullable(entries.get(name));
    }

    @Override
    public List<StoredSettings> list() {
        return new ArrayList<>(entries.values());
    }

    @Override
    public List<FoundSettings> find(Collection<String> names) {
        reads.incrementAndGet();
        return entries.values().stream()
                .filter(stored -> names.contains(stored.entry().name()))
                .map(stored -> new FoundSettings(stored.entry().name(), stored, null))
                .toList();
    }

    @Override
    public List<SettingsChange> history(String name, int most) {
        return List.of();
    }

    @Override
    public StoredSettings set(
            SettingsEntry entry, @Nullable Long expectedVersion, @Nullable String person, @Nullable String reason) {
        StoredSettings stored = new StoredSettings(entry, 1, true, Instant.EPOCH, "test");
        entries.put(entry.name(), stored);
        return stored;
    }

    @Override
    public boolean declare(SettingsEntry entry) {
        return entries.putIfAbsent(entry.name(), new StoredSettings(entry, 1, false, Instant.EPOCH, "test")) == null;
    }

    @Override
    public boolean delete(
            String name, @Nullable Long expectedVersion, @Nullable String person, @Nullable String reason) {
        return entries.remove(name) != null;
    }
}

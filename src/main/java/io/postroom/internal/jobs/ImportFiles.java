package io.postroom.internal.jobs;

import io.postroom.api.FileImport;
import io.postroom.api.QueueFullException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoredSettings;
import io.postroom.internal.imports.FolderImport;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.imports.Inbox;
import io.postroom.internal.storage.FileImportStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.core.SimpleLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks into the folder of an import about each second, and imports what it finds, in turns of a second. Runs on every node with workers;
 * one of them imports at a time, under a lock that is taken only while there is something to import. It has threads of its own, apart from
 * those of the other jobs: a turn reads a file as large as it is.
 */
public final class ImportFiles implements Job {
    private static final Logger log = LoggerFactory.getLogger(ImportFiles.class);
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Duration SHORTEST = Duration.ofMillis(50);
    /**
     * A node that dies keeps the others from the folder for this long. A turn that takes longer, as the first look at a large file may,
     * loses its lock and does no harm: see {@code FileImportSql.ADVANCE}.
     */
    private static final Duration LONGEST_TURN = Duration.ofSeconds(10);

    private final FileImport settings;
    private final FileImportStore store;
    private final ImportedMessages messages;
    private final LockProvider locks;
    private final Function<String, Optional<StoredSettings>> entries;
    private final Supplier<Instant> clock;
    private @Nullable FolderImport folder;
    private @Nullable Path folderPath;
    private String obstacle = "";

    /**
     * @param entries finds the entry of an external system
     * @param clock the time by which entries are valid
     */
    public ImportFiles(
            FileImport settings,
            FileImportStore store,
            ImportedMessages messages,
            LockProvider locks,
            Function<String, Optional<StoredSettings>> entries,
            Supplier<Instant> clock) {
        this.settings = settings;
        this.store = store;
        this.messages = messages;
        this.locks = locks;
        this.entries = entries;
        this.clock = clock;
    }

    @Override
    public String name() {
        return "ImportFiles " + settings.name();
    }

    @Override
    public Duration run() {
        Path path = path();
        if (path == null) {
            return SECOND;
        }
        try {
            FolderImport at = at(path.toRealPath());
            if (!at.hasWork()) {
                return wait(settings.stableFor());
            }
            LockConfiguration lock = new LockConfiguration(
                    Instant.now(), "postroom.file-import." + settings.name(), LONGEST_TURN, Duration.ZERO);
            Optional<SimpleLock> taken = locks.lock(lock);
            if (taken.isEmpty()) {
                return SECOND;
            }
            try {
                return at.work(SECOND) ? Duration.ZERO : wait(settings.stableFor());
            } catch (QueueFullException full) {
                log.debug("{} waits: {}", name(), full.getMessage());
                return SECOND;
            } finally {
                taken.get().unlock();
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static Duration wait(Duration stableFor) {
        Duration wait = stableFor.compareTo(SECOND) < 0 ? stableFor : SECOND;
        return wait.compareTo(SHORTEST) < 0 ? SHORTEST : wait;
    }

    private FolderImport at(Path real) {
        FolderImport known = folder;
        if (known == null || !real.equals(folderPath)) {
            known = new FolderImport(settings, new Inbox(real, settings.stableFor()), store, messages);
            folder = known;
            folderPath = real;
        }
        return known;
    }

    /** The folder; null: the entry that names it cannot be used now. */
    private @Nullable Path path() {
        if (settings.folder().isPresent()) {
            return settings.folder().get();
        }
        String entry = settings.settings().orElseThrow();
        Optional<SettingsEntry> found = entries.apply(entry).map(StoredSettings::entry);
        String why = found.isEmpty()
                ? "it is missing"
                : found.get()
                        .obstacle(clock.get())
                        .or(() -> isAbsolute(found.get())
                                ? Optional.empty()
                                : Optional.of("its endpoint is not the absolute path of a folder"))
                        .orElse("");
        if (!why.equals(obstacle)) {
            obstacle = why;
            if (!why.isEmpty()) {
                log.warn("Import {} waits for the settings {}: {}", settings.name(), entry, why);
            }
        }
        return why.isEmpty()
                ? Path.of(Objects.requireNonNull(found.get().endpoint().orElse(null)))
                : null;
    }

    private static boolean isAbsolute(SettingsEntry entry) {
        try {
            return Path.of(entry.endpoint().orElse("")).isAbsolute();
        } catch (InvalidPathException noPath) {
            return false;
        }
    }
}

package io.postroom.internal.mailboxes;

import io.postroom.api.EntrySecrets;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsEntry;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.storage.FoundSettings;
import io.postroom.internal.storage.MailboxStore;
import io.postroom.internal.storage.SettingsStore;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a reader for each entry of the channel mailbox that can be used now. Entries are read from the database only where the poll told of
 * a change.
 */
public final class MailboxLoops {
    private static final Logger log = LoggerFactory.getLogger(MailboxLoops.class);
    private static final int THREADS = 2;

    private final MailboxStore store;
    private final SettingsStore settings;
    private final Supplier<Object> changes;
    private final Supplier<Instant> clock;
    private final EntrySecrets secrets;
    private final ImportedMessages messages;
    private final String worker;
    private final ScheduledExecutorService timer;
    private final Map<String, MailboxLoop> loops = new HashMap<>();
    private List<SettingsEntry> entries = List.of();
    private @Nullable Object known;
    private boolean stopped;

    /**
     * @param changes differs from the answer before when an entry may have changed
     * @param clock the time by which entries are valid
     * @param worker the name of this process
     */
    public MailboxLoops(
            MailboxStore store,
            SettingsStore settings,
            Supplier<Object> changes,
            Supplier<Instant> clock,
            EntrySecrets secrets,
            ImportedMessages messages,
            String worker) {
        this.store = store;
        this.settings = settings;
        this.changes = changes;
        this.clock = clock;
        this.secrets = secrets;
        this.messages = messages;
        this.worker = worker;
        this.timer = Executors.newScheduledThreadPool(THREADS, task -> {
            Thread thread = new Thread(task, "postroom-mailboxes");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Starts and stops readers, as the entries say now. */
    public synchronized void follow() {
        if (stopped) {
            return;
        }
        Object change = changes.get(); // before the entries: a later change makes the next answer differ once more
        if (!change.equals(known)) {
            entries = readable(store.entries());
            known = change;
        }
        Map<String, SettingsEntry> usable = new HashMap<>();
        Instant now = clock.get();
        entries.stream()
                .filter(entry -> entry.obstacle(now).isEmpty())
                .forEach(entry -> usable.put(entry.name(), entry));
        loops.values().removeIf(loop -> {
            boolean isOld = !loop.settings().equals(usable.get(loop.settings().name()));
            if (isOld) {
                loop.stop();
            }
            return isOld;
        });
        usable.forEach((name, entry) -> loops.computeIfAbsent(name, one -> started(entry)));
    }

    private List<SettingsEntry> readable(List<String> names) {
        return names.isEmpty()
                ? List.of()
                : settings.find(names).stream()
                        .map(FoundSettings::stored)
                        .filter(stored -> stored != null)
                        .map(stored -> stored.entry())
                        .filter(entry -> entry.channel().equals(MailboxEntry.CHANNEL) && isValid(entry))
                        .toList();
    }

    private static boolean isValid(SettingsEntry entry) {
        try {
            MailboxEntry.of(entry);
            return true;
        } catch (InvalidMessageException refused) {
            log.warn("Mailbox {} cannot be read: {}", entry.name(), refused.getMessage());
            return false;
        }
    }

    private MailboxLoop started(SettingsEntry entry) {
        MailboxLoop loop = new MailboxLoop(entry, store, messages, secrets, worker, timer);
        loop.start();
        return loop;
    }

    /** Ends all readers, and waits for them up to this long. */
    public synchronized void stop(Duration longest) {
        stopped = true;
        loops.values().forEach(MailboxLoop::stop);
        long until = System.nanoTime() + longest.toNanos();
        loops.values().forEach(loop -> loop.join(Duration.ofNanos(Math.max(1, until - System.nanoTime()))));
        loops.clear();
        timer.shutdownNow();
    }
}

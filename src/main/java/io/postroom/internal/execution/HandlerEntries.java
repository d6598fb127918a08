package io.postroom.internal.execution;

import io.postroom.api.SecretNotFoundException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.internal.storage.FoundSettings;
import io.postroom.internal.storage.SettingsStore;
import io.postroom.internal.storage.StoreClock;
import io.postroom.internal.storage.StoreIdentity;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The entries of external systems as this process knows them, for the handlers that name one. Thread-safe.
 *
 * <p>The poll brings a digest of all entries. Those that handlers name are read only where it differs from the one before, so a process at
 * rest sends no statement of its own. The digest is older than the entries that are read after it: a change between the two is read now,
 * and makes the next digest differ once more. In the other order that change would never be read.
 *
 * <p>A process that does not poll, because it has no workers, reads at most once a poll interval, and only when a handler asks.
 */
public final class HandlerEntries {
    private static final Logger log = LoggerFactory.getLogger(HandlerEntries.class);

    private static final int POLLS_OF_USABLE_AGAIN = 3;
    /**
     * Least time between two returns of an entry that nobody has changed. A secret that comes and goes would let all messages run into it
     * every second.
     */
    private static final Duration PAUSE = Duration.ofSeconds(30);

    private final SettingsStore store;
    private final EntryChecks checks;
    private final Supplier<Set<String>> names;
    private final Duration pollInterval;
    private final LongSupplier nanos;
    private final StoreClock clock = new StoreClock();
    /** Held by whoever reads from the store, so that an older answer never replaces a newer one. */
    private final ReentrantLock reading = new ReentrantLock();
    /** What cannot be used, by the name of the entry, with the reason that was logged. */
    private final Map<String, String> logged = new ConcurrentHashMap<>();

    /** Names that could be used when they were looked at last. An attempt that finds one unusable takes it out again. */
    private final Set<String> usable = ConcurrentHashMap.newKeySet();
    /** Entries whose messages are let go on, with how many polls do so without a bound. For the poll alone. */
    private final Map<String, Integer> usableAgain = new HashMap<>();
    /** Bounds for entries that more messages wait for than one call makes due. For the poll alone. */
    private final Map<String, String> bounds = new HashMap<>();
    /** What was returned last of each name, and when. For the poll alone. */
    private final Map<String, LastTime> lastTimes = new HashMap<>();

    /** What the poll told last, and how often this process changed an entry. */
    private volatile Change change = new Change(null, 0, 0);

    private volatile @Nullable Known known;
    private volatile boolean isPolled;

    /** @param names of the entries that handlers here name */
    public HandlerEntries(SettingsStore store, EntryChecks checks, Supplier<Set<String>> names, Duration pollInterval) {
        this(store, checks, names, pollInterval, System::nanoTime);
    }

    /** @param nanos the clock for pauses between returns of an entry */
    HandlerEntries(
            SettingsStore store,
            EntryChecks checks,
            Supplier<Set<String>> names,
            Duration pollInterval,
            LongSupplier nanos) {
        this.nanos = nanos;
        this.store = store;
        this.checks = checks;
        this.names = names;
        this.pollInterval = pollInterval;
    }

    /** Reads the entries anew if they were changed, and only if a handler here needs them. Called by the poll. */
    public void told(StoreIdentity answeredBy, long digest, Instant now) {
        isPolled = true;
        clock.told(now);
        toldOfChange(answeredBy, digest);
        Known before = known;
        if (before == null && names.get().isEmpty()) {
            return;
        } else if (before != null && before.is(answeredBy, digest)) {
            before.confirmedNanos = System.nanoTime();
            lookForUsableAgain(before);
            return;
        }
        reading.lock();
        try {
            Known read = read(names.get(), answeredBy, digest);
            known = read;
            usable.clear();
            lookForUsableAgain(read);
        } finally {
            reading.unlock();
        }
    }

    /** Answers the time by which entries are valid: that of the store, so that all processes use an entry from the same moment on. */
    public Instant now() {
        return clock.now();
    }

    /** Costs nothing while all entries can be used: no secret is looked for then. */
    private void lookForUsableAgain(Known now) {
        for (String name : names.get()) {
            FoundSettings found = now.entries.get(name);
            if (!usable.contains(name)
                    && !isPausing(name, found)
                    && use(name, found).obstacle() == null) {
                usable.add(name);
                usableAgain.put(name, POLLS_OF_USABLE_AGAIN);
                bounds.remove(name);
                lastTimes.put(name, new LastTime(found, nanos.getAsLong()));
            }
        }
    }

    private boolean isPausing(String name, @Nullable FoundSettings found) {
        LastTime last = lastTimes.get(name);
        return last != null && Objects.equals(last.found, found) && nanos.getAsLong() - last.nanos < PAUSE.toNanos();
    }

    /**
     * Returns the entries that can be used again, so that the messages which wait for them may go on. Called by the poll, behind
     * {@link #told}. An attempt that looked at the entry just before may write its message's wait only after the first poll that knows
     * better. So an entry is returned by three polls. Later polls return it with a bound, while more messages wait than one call makes due.
     * What waits anew since then stays: another process may be without the secret, and its messages would go in a circle.
     */
    public List<UsableAgain> usableAgain() {
        List<UsableAgain> now = Stream.concat(
                        usableAgain.keySet().stream().map(name -> new UsableAgain(name, null)),
                        bounds.entrySet().stream().map(bound -> new UsableAgain(bound.getKey(), bound.getValue())))
                .toList();
        bounds.clear();
        usableAgain.replaceAll((name, polls) -> polls - 1);
        usableAgain.values().removeIf(polls -> polls <= 0);
        return now;
    }

    /** Lets the next attempt read anew, because this process has changed an entry. Waits for a read under way, which may be older. */
    public void forget() {
        changedHere();
        reading.lock();
        try {
            known = null;
        } finally {
            reading.unlock();
        }
    }

    /**
     * Lets the next poll return this entry again, because more messages wait for it.
     *
     * @param bound only messages that wait since before it go on then
     */
    public void tellAgain(UsableAgain entry, String bound) {
        if (!usableAgain.containsKey(entry.name)) { // else the next poll goes without a bound
            bounds.put(entry.name, entry.before == null ? bound : entry.before);
        }
    }

    /** Returns what differs from the answer before when an entry may have changed since. Asks no database. */
    public Object change() {
        return change;
    }

    private synchronized void toldOfChange(StoreIdentity answeredBy, long digest) {
        change = new Change(answeredBy, digest, change.changedHere);
    }

    private synchronized void changedHere() {
        change = new Change(change.answeredBy, change.digest, change.changedHere + 1);
    }

    /** Names the entries that handlers here need and that cannot be used now, as sentences. Asks no database. */
    public List<String> warnings() {
        Known now = known;
        if (now == null) {
            return List.of();
        }
        List<String> warnings = new ArrayList<>();
        for (String name : names.get()) {
            Use use = use(name, now.entries.get(name));
            if (use.obstacle() != null) {
                warnings.add("settings \"" + name + "\" cannot be used, and messages wait: " + use.obstacle().why);
            }
        }
        return warnings;
    }

    /**
     * Finds the secret of an entry, for what is no handler; empty: it names none.
     *
     * @throws SecretNotFoundException this process does not find it
     */
    public Optional<String> secret(SettingsEntry entry) {
        return checks.secret(entry);
    }

    /** Answers the entry that the handler names, if it names one and it can be used, or why its messages have to wait. */
    Use of(Handler handler) {
        Optional<String> name = handler.settings();
        if (name.isEmpty()) {
            return Use.NONE;
        }
        Use use = use(name.get(), current(name.get()).entries.get(name.get()));
        logChange(handler, name.get(), use);
        return use;
    }

    private Use use(String name, @Nullable FoundSettings found) {
        if (found == null) {
            return Use.waiting("settings:" + name, "there is no such entry");
        } else if (found.stored() == null) {
            return Use.waiting("settings:" + name, String.valueOf(found.unreadable()));
        }
        return use(name, found.stored().entry());
    }

    private Use use(String name, SettingsEntry entry) {
        Optional<String> obstacle = entry.obstacle(now()).or(() -> checks.flaw(entry));
        if (obstacle.isPresent()) {
            return Use.waiting("settings:" + name, obstacle.get());
        }
        Optional<String> reference = entry.secret();
        if (reference.isEmpty()) {
            return new Use(new AttemptSettings(entry, Optional.empty()), null);
        }
        Secrets.Found secret = checks.secrets().find(reference.get());
        if (secret instanceof Secrets.Found.Value value) {
            return new Use(new AttemptSettings(entry, Optional.of(value.secret())), null);
        }
        return Use.waiting("secret:" + name, "its secret was not found: " + ((Secrets.Found.Missing) secret).why());
    }

    private void logChange(Handler handler, String name, Use use) {
        if (use.obstacle() == null) {
            if (!logged.isEmpty() && logged.remove(name) != null) {
                log.info("settings \"{}\" can be used again", name);
            }
            return;
        }
        usable.remove(name);
        if (!Objects.equals(logged.put(name, use.obstacle().why), use.obstacle().why)) {
            log.warn(
                    "settings \"{}\" cannot be used: {}. Messages of handler {} wait until they can be",
                    name,
                    use.obstacle().why,
                    handler.id());
        }
    }

    private Known current(String name) {
        Known all = known;
        Known now = all != null && all.names.contains(name) ? all : null; // a handler may have come since
        if (now != null && now.isFresh(isPolled, pollInterval)) {
            return now;
        }
        if (now == null) {
            reading.lock();
        } else if (!reading.tryLock()) {
            return now; // another thread reads
        }
        try {
            Known meanwhile = known;
            if (meanwhile != null && meanwhile != all && meanwhile.names.contains(name)) {
                return meanwhile;
            }
            Set<String> wanted = new HashSet<>(names.get());
            wanted.add(name);
            Known read = read(wanted, null, 0);
            known = read;
            return read;
        } catch (StoreException away) {
            if (now == null || !away.mayPass()) {
                throw away;
            }
            return now;
        } finally {
            reading.unlock();
        }
    }

    private Known read(Set<String> wanted, @Nullable StoreIdentity answeredBy, long digest) {
        Map<String, FoundSettings> found =
                store.find(wanted).stream().collect(Collectors.toUnmodifiableMap(FoundSettings::name, one -> one));
        return new Known(wanted, found, answeredBy, digest);
    }

    /**
     * What an attempt uses: an entry, or an obstacle, or neither when its handler names no entry.
     *
     * @param settings null: none is named, or it cannot be used
     */
    record Use(@Nullable AttemptSettings settings, @Nullable Obstacle obstacle) {
        static final Use NONE = new Use(null, null);

        static Use waiting(String reason, String why) {
            return new Use(null, new Obstacle(reason, why));
        }
    }

    /**
     * An entry that can be used again.
     *
     * @param before only messages that wait since before this bound go on; null: all do
     */
    public record UsableAgain(String name, @Nullable String before) {}

    private record LastTime(@Nullable FoundSettings found, long nanos) {}

    private record Change(@Nullable StoreIdentity answeredBy, long digest, long changedHere) {}

    /**
     * Why messages wait.
     *
     * @param reason for {@code delayed.reason}, which explain reads: the kind, a colon, the name of the entry
     * @param why for people, as the end of a sentence
     */
    record Obstacle(String reason, String why) {}

    /** What was read at one time: the entries of these names. */
    private static final class Known {
        private final Set<String> names;
        private final Map<String, FoundSettings> entries;
        private final @Nullable StoreIdentity answeredBy;
        private final long digest;
        private volatile long confirmedNanos = System.nanoTime();

        /** @param answeredBy null: read without a digest, so that the next poll reads again */
        Known(Set<String> names, Map<String, FoundSettings> entries, @Nullable StoreIdentity answeredBy, long digest) {
            this.names = names;
            this.entries = entries;
            this.answeredBy = answeredBy;
            this.digest = digest;
        }

        boolean is(StoreIdentity store, long digest) {
            return store.equals(answeredBy) && this.digest == digest;
        }

        /** Whether polls confirm it; without polls, whether it is younger than one poll interval. */
        boolean isFresh(boolean isPolled, Duration interval) {
            Duration most = isPolled ? interval.multipliedBy(3).plusSeconds(1) : interval;
            return System.nanoTime() - confirmedNanos < most.toNanos();
        }
    }
}

package io.postroom.internal.access;

import io.postroom.api.AccessRole;
import io.postroom.api.StoreException;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.loop.RepeatedWarning;
import io.postroom.internal.storage.AccessTokenStore;
import io.postroom.internal.storage.QueuePattern;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A copy of the tokens that can be used. It follows changes within about a second and reads all anew once a minute. While the database is
 * away it stays as it was, but for tokens that expire. Notes when a token was used last: at most once a minute, never on the thread of a
 * request. Thread-safe.
 */
public final class TokenCache implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(TokenCache.class);
    private static final Duration PAUSE = Duration.ofSeconds(1);
    private static final long REREAD_NANOS = Duration.ofMinutes(1).toNanos();
    /** Further away than that is forever: the clock of a process has no more room. */
    private static final Duration LONGEST_LIFE = Duration.ofDays(36_500);

    private static final long NOTED_NANOS = Duration.ofMinutes(1).toNanos();
    private static final Duration END = Duration.ofSeconds(5);

    private final LongSupplier nanos;
    private final RepeatedWarning warning = new RepeatedWarning();
    private volatile Map<ByteBuffer, Holder> byHash = Map.of();
    private long version = -1;
    private long readNanos;
    private @Nullable Loop loop;

    public TokenCache() {
        this(System::nanoTime);
    }

    /** @param nanos a clock that only goes forward */
    TokenCache(LongSupplier nanos) {
        this.nanos = nanos;
    }

    /** Who holds a token. */
    public static final class Holder {
        private final AccessTokenStore.Known token;
        private final List<QueuePattern> queues;
        private final long endNanos;
        private volatile boolean isUsed;
        private volatile long usedNanos;
        private boolean isNoted;
        private long notedNanos;

        private Holder(AccessTokenStore.Known token, long endNanos, @Nullable Holder before) {
            this.token = token;
            this.queues = token.queues().stream().map(QueuePattern::new).toList();
            this.endNanos = endNanos;
            if (before != null) {
                isUsed = before.isUsed;
                usedNanos = before.usedNanos;
                isNoted = before.isNoted;
                notedNanos = before.notedNanos;
            }
        }

        public String name() {
            return token.name();
        }

        public AccessRole role() {
            return token.role();
        }

        /** Whether a producer may create messages in this queue. */
        public boolean mayCreateIn(String queue) {
            return queues.stream().anyMatch(pattern -> pattern.matches(queue));
        }

        private boolean isOver(long now) {
            return token.left().isPresent() && now - endNanos >= 0;
        }
    }

    /** Finds the holder of a token by its SHA-256 and notes its use; empty: it is unknown, revoked or expired. */
    public Optional<Holder> find(byte[] hash) {
        Holder holder = byHash.get(ByteBuffer.wrap(hash));
        long now = nanos.getAsLong();
        if (holder == null || holder.isOver(now)) {
            return Optional.empty();
        }
        holder.usedNanos = now;
        holder.isUsed = true;
        return Optional.of(holder);
    }

    /** Reads all tokens, then follows on a thread of its own. If the database is away now, that thread goes on trying. */
    public synchronized void follow(AccessTokenStore store) {
        step(store);
        Loop follower = new Loop("postroom-tokens", true, () -> {
            pause();
            step(store);
        });
        loop = follower;
        follower.start();
    }

    private void pause() {
        Loop own;
        synchronized (this) {
            own = loop;
        }
        if (own != null) {
            own.pause(PAUSE);
        }
    }

    void step(AccessTokenStore store) {
        try {
            look(store);
            note(store);
            warning.reset();
        } catch (StoreException away) {
            version = -1; // who answers next may be another server
            warning.log(log, "to look for changed tokens", away);
        }
    }

    /**
     * Version first: see db/function/access_token.sql. After a failover that lost commits, or a restore, a version comes again with other
     * tokens. So all are read anew after a failure, and at least once a minute.
     */
    void look(AccessTokenStore store) {
        long now = nanos.getAsLong();
        long known = version;
        version = -1; // until all is read: whatever fails here, the next look reads
        long found = store.version();
        if (found >= 0 && found == known && now - readNanos < REREAD_NANOS) {
            version = known;
            return;
        }
        Map<ByteBuffer, Holder> before = byHash;
        Map<ByteBuffer, Holder> read = new HashMap<>();
        for (AccessTokenStore.Known token : store.inUse()) {
            ByteBuffer hash = ByteBuffer.wrap(token.hash());
            long left = token.left()
                    .map(time -> time.compareTo(LONGEST_LIFE) > 0 ? LONGEST_LIFE : time)
                    .map(Duration::toNanos)
                    .orElse(0L);
            read.put(hash, new Holder(token, now + left, before.get(hash)));
        }
        byHash = read;
        version = found;
        readNanos = now;
    }

    void note(AccessTokenStore store) {
        long now = nanos.getAsLong();
        List<Holder> due = byHash.values().stream()
                .filter(holder -> holder.isUsed && (!holder.isNoted || now - holder.notedNanos >= NOTED_NANOS))
                .toList();
        if (due.isEmpty()) {
            return;
        }
        Map<String, Duration> used = new HashMap<>();
        for (Holder holder : due) {
            holder.isUsed = false; // before the time is read: a use in between is noted the next time
            used.put(holder.name(), Duration.ofNanos(Math.max(0, now - holder.usedNanos)));
        }
        try {
            store.noteUse(used);
        } catch (StoreException away) {
            due.forEach(holder -> holder.isUsed = true);
            throw away;
        }
        for (Holder holder : due) {
            holder.isNoted = true;
            holder.notedNanos = now;
        }
    }

    @Override
    public void close() {
        Loop ended;
        synchronized (this) {
            ended = loop;
        }
        if (ended != null) {
            ended.stop();
            ended.join(END);
        }
    }
}

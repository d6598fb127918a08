package io.postroom.internal.producer;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.Limiters;
import io.postroom.api.Limits;
import io.postroom.api.Reason;
import io.postroom.internal.storage.LimiterStore;
import io.postroom.internal.worker.Poller;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Sets limiters in the store. This process hears of its own changes at once, other processes at their next poll. Thread-safe. */
public final class DefaultLimiters implements Limiters {
    private final LimiterStore store;
    private final QueueCache cache;
    private final Poller poller;

    public DefaultLimiters(LimiterStore store, QueueCache cache, Poller poller) {
        this.store = store;
        this.cache = cache;
        this.poller = poller;
    }

    @Override
    public boolean set(Limiter limiter) {
        return set(limiter, false, null);
    }

    @Override
    public boolean set(Limiter limiter, Reason reason) {
        return set(limiter, false, reason);
    }

    /** Does the same for code that declares a limiter at the start: one that an operator has set stays. */
    public boolean declare(Limiter limiter) {
        return set(limiter, true, null);
    }

    private boolean set(Limiter limiter, boolean declared, @Nullable Reason reason) {
        if (limiter.isEmpty()) {
            throw new InvalidMessageException(
                    "maxStarts",
                    "1 to " + Limiter.MOST + ", where the other limits are left out",
                    "",
                    "Limiters.remove removes a limiter");
        }
        boolean changed = store.set(limiter, declared, reason);
        limiter.queue().ifPresent(cache::forget);
        poller.pollNow();
        return changed;
    }

    @Override
    public boolean remove(String queue) {
        return removeOf(queue, null);
    }

    @Override
    public boolean remove(String queue, Reason reason) {
        return removeOf(queue, reason);
    }

    private boolean removeOf(String queue, @Nullable Reason reason) {
        Limits.requireName("queue", queue);
        return learning(queue, store.remove(queue, null, reason));
    }

    @Override
    public boolean removeFromDestination(String destination) {
        Limits.requireName("destination", destination);
        return store.remove(null, destination, null);
    }

    @Override
    public boolean removeFromDestination(String destination, Reason reason) {
        Limits.requireName("destination", destination);
        return store.remove(null, destination, reason);
    }

    @Override
    public boolean setDestination(String queue, Optional<String> destination) {
        return name(queue, destination, null);
    }

    @Override
    public boolean setDestination(String queue, Optional<String> destination, Reason reason) {
        return name(queue, destination, reason);
    }

    private boolean name(String queue, Optional<String> destination, @Nullable Reason reason) {
        Limits.requireName("queue", queue);
        destination.ifPresent(name -> Limits.requireName("destination", name));
        return learning(queue, store.setDestination(queue, destination.orElse(null), false, reason));
    }

    /** Does the same for code that declares it at the start: a queue whose settings are an operator's keeps its own. */
    public void declareDestination(String queue, String destination) {
        learning(queue, store.setDestination(queue, destination, true, null));
    }

    /** Lets this process learn at once what the queue is now. */
    private boolean learning(String queue, boolean changed) {
        cache.forget(queue);
        poller.pollNow();
        return changed;
    }

    @Override
    public boolean unpark(String destination) {
        Limits.requireName("destination", destination);
        return store.unpark(destination, null);
    }

    @Override
    public boolean unpark(String destination, Reason reason) {
        Limits.requireName("destination", destination);
        return store.unpark(destination, reason);
    }

    @Override
    public List<LimiterState> list() {
        return store.list();
    }
}

package io.postroom.internal.worker;

import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NotificationListener;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Tells consumers that messages came. Those of this process directly, at no database cost. Those of others by NOTIFY, sent here after the commit and
 * outside the user's transaction, at most once per {@link #COALESCE}: inside it, NOTIFY takes a cluster-wide lock at commit (16 clients fell from
 * 20.9k to 4.7k commits/s). Both are hints: the poll is the truth.
 */
final class Notifier {
    private static final Duration COALESCE = Duration.ofMillis(1);
    /** Telling others takes a quarter of this thread's time at most. */
    private static final int REST_FACTOR = 3;

    /** How long a stop may have to wait for the listener; a turn costs no statement. */
    private static final Duration LISTEN_TURN = Duration.ofMillis(500);

    private final WorkerStore store;
    private final @Nullable NotificationListener feed;
    private final Map<Integer, Consumer> consumers;
    private final Map<Lane, Arrival> forOthers = new HashMap<>();
    private final Loop sender = new Loop("postroom-notify", true, this::send);
    private final Loop listener = new Loop("postroom-listen", true, this::listen);

    /** @param feed null: neither LISTEN nor NOTIFY */
    Notifier(WorkerStore store, @Nullable NotificationListener feed, Map<Integer, Consumer> consumers) {
        this.store = store;
        this.feed = feed;
        this.consumers = consumers;
    }

    void start(boolean listening) {
        if (feed != null) {
            sender.start();
            if (listening) {
                listener.start();
            }
        }
    }

    void stop() {
        sender.stop();
        listener.stop();
        if (feed != null) {
            listener.join(LISTEN_TURN.multipliedBy(4));
            sender.join(LISTEN_TURN.multipliedBy(4));
            feed.close();
        }
    }

    /** Committed arrivals: wakes those here, and others where nobody here can take them now. */
    void wake(Collection<Arrival> arrivals) {
        for (Arrival arrival : arrivals) {
            Consumer consumer = wakeHere(arrival);
            boolean othersMay = consumer == null || consumer.queue().isConsumedElsewhere() && consumer.isSaturated();
            if (feed != null && othersMay) {
                tellOthers(arrival);
            }
        }
    }

    private @Nullable Consumer wakeHere(Arrival arrival) {
        Consumer consumer = consumers.get(arrival.lane().queueId());
        if (consumer != null) {
            consumer.queue().cursors().arrived(arrival.lane().priority(), arrival.lowestSeq());
            consumer.signal();
        }
        return consumer;
    }

    private void tellOthers(Arrival arrival) {
        synchronized (forOthers) {
            forOthers.merge(
                    arrival.lane(),
                    arrival,
                    (one, other) -> new Arrival(
                            one.lane(), Math.min(one.lowestSeq(), other.lowestSeq()), one.count() + other.count()));
        }
        sender.signal();
    }

    private void send() {
        sender.pause(Duration.ofSeconds(10));
        List<Arrival> arrivals;
        synchronized (forOthers) {
            arrivals = new ArrayList<>(forOthers.values());
            forOthers.clear();
        }
        if (!arrivals.isEmpty()) {
            long before = System.nanoTime();
            store.notifyOthers(arrivals); // if this fails the others' polls find them
            long took = System.nanoTime() - before;
            rest(Math.max(COALESCE.toNanos(), took * REST_FACTOR));
        }
    }

    /** Not ended by what arrives meanwhile: that is gathered for the next word. */
    private void rest(long nanos) {
        long end = System.nanoTime() + nanos;
        for (long left = nanos; left > 0 && !sender.isStopped(); left = end - System.nanoTime()) {
            LockSupport.parkNanos(this, left);
        }
    }

    private void listen() {
        if (feed != null) {
            feed.await(LISTEN_TURN).forEach(this::wakeHere);
        }
    }
}

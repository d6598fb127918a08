package io.postroom.internal.worker;

import io.postroom.internal.loop.DutyCycle;
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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wakes consumers when messages came. Consumers of this process are woken directly, at no database cost. Those of other processes are
 * woken by NOTIFY, sent after the commit and outside the user's transaction, at most once per {@link #COALESCE}. Inside the transaction,
 * NOTIFY takes a cluster-wide lock at commit: 16 clients fell from 20.9k to 4.7k commits/s. Both ways are hints, and the poll finds
 * whatever they miss.
 */
public final class Notifier {
    private static final Logger log = LoggerFactory.getLogger(Notifier.class);
    private static final Duration COALESCE = Duration.ofMillis(1);
    /** Sending to others takes a quarter of the sending thread's time at most. */
    private static final DutyCycle DUTY_CYCLE = DutyCycle.of(3, COALESCE);

    /** Longest wait for notifications. A wait costs no statement. A stop takes as long where its last notification does not come. */
    private static final Duration LISTEN_TURN = Duration.ofMillis(500);

    private final WorkerStore store;
    private final @Nullable NotificationListener feed;
    private final LocalConsumers consumers;
    private final Map<Lane, Arrival> forOthers = new HashMap<>();
    private final Loop sender = new Loop("postroom-notify", true, this::send);
    private final AtomicBoolean isListening = new AtomicBoolean();
    private final Loop listener = new Loop("postroom-listen", true, this::listen);

    /** @param feed null: neither LISTEN nor NOTIFY */
    public Notifier(WorkerStore store, @Nullable NotificationListener feed, Consumers consumers) {
        this(store, feed, (LocalConsumers) consumers);
    }

    Notifier(WorkerStore store, @Nullable NotificationListener feed, LocalConsumers consumers) {
        this.store = store;
        this.feed = feed;
        this.consumers = consumers;
    }

    /** @param listening whether consumers here can use what other processes say */
    void start(boolean listening) {
        if (feed != null) {
            sender.start();
            if (listening) {
                ensureListening();
            }
        }
    }

    /** Begins to listen to other processes. Repeating it does nothing. */
    void ensureListening() {
        if (feed != null && isListening.compareAndSet(false, true)) {
            listener.start();
        }
    }

    void stop() {
        sender.stop();
        listener.stop();
        if (feed != null) {
            if (isListening.get()) {
                wakeListener();
            }
            listener.join(LISTEN_TURN.multipliedBy(4));
            sender.join(LISTEN_TURN.multipliedBy(4));
            feed.close();
        }
    }

    /** Ends the listener's wait by a last notification. Nobody waits for its thread: a database that hangs must not hold up the stop. */
    private void wakeListener() {
        Thread thread = new Thread(
                () -> {
                    try {
                        store.endWaits();
                    } catch (RuntimeException away) {
                        log.debug("the wait for notifications goes on until its time is over", away);
                    }
                },
                "postroom-last-notify");
        thread.setDaemon(true);
        thread.start();
    }

    /** Wakes consumers here for these committed arrivals, and other processes where no consumer here can take them now. Thread-safe. */
    public void wake(Collection<Arrival> arrivals) {
        for (Arrival arrival : arrivals) {
            boolean othersToo = consumers.wake(arrival);
            if (feed != null && othersToo) {
                tellOthers(arrival);
            }
        }
    }

    private void tellOthers(Arrival arrival) {
        synchronized (forOthers) {
            forOthers.merge(arrival.lane(), arrival, Arrival::mergedWith);
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
            rest(DUTY_CYCLE.restNanosAfter(System.nanoTime() - before));
        }
    }

    /** Waits the whole time. Arrivals of that time are gathered for the next NOTIFY. */
    private void rest(long nanos) {
        long end = System.nanoTime() + nanos;
        for (long left = nanos; left > 0 && !sender.isStopped(); left = end - System.nanoTime()) {
            LockSupport.parkNanos(this, left);
        }
    }

    private void listen() {
        if (feed != null) {
            feed.await(LISTEN_TURN).forEach(consumers::wakeFromOutside);
        }
    }
}

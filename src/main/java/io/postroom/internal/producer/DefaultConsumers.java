package io.postroom.internal.producer;

import io.postroom.api.ConsumerInfo;
import io.postroom.api.Consumers;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Reason;
import io.postroom.api.Receipts;
import io.postroom.internal.storage.ConsumerStore;
import io.postroom.internal.storage.ConsumerStore.StopOrder;
import io.postroom.internal.worker.Poller;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Stops and starts consumers by orders in the store. This process follows its own orders at once; other processes follow with a poll.
 * Thread-safe.
 */
public final class DefaultConsumers implements Consumers {
    private static final long FIRST_LOOK_NANOS = Duration.ofMillis(50).toNanos();
    private static final long LONGEST_PAUSE_NANOS = Duration.ofMillis(500).toNanos();

    private final ConsumerStore store;
    private final Poller poller;

    public DefaultConsumers(ConsumerStore store, Poller poller) {
        this.store = store;
        this.poller = poller;
    }

    @Override
    public List<ConsumerInfo> list(String queue) {
        return store.consumers(queue);
    }

    @Override
    public Receipts stop(String queue, int howMany, Duration deadline) {
        return stopConsumers(queue, requireCount(howMany), deadline, null);
    }

    @Override
    public Receipts stop(String queue, int howMany, Duration deadline, Reason reason) {
        return stopConsumers(queue, requireCount(howMany), deadline, reason);
    }

    private static int requireCount(int howMany) {
        if (howMany < 1) {
            throw new InvalidMessageException("howMany", "1 or more", String.valueOf(howMany));
        }
        return howMany;
    }

    @Override
    public Receipts stopAll(String queue, Duration deadline) {
        return stopConsumers(queue, null, deadline, null);
    }

    @Override
    public Receipts stopAll(String queue, Duration deadline, Reason reason) {
        return stopConsumers(queue, null, deadline, reason);
    }

    private Receipts stopConsumers(
            String queue, @Nullable Integer howMany, Duration deadline, @Nullable Reason reason) {
        if (deadline.isNegative() || deadline.compareTo(Limits.HORIZON) > 0) {
            throw new InvalidMessageException("deadline", "PT0S to 400 days", deadline.toString());
        }
        long end = System.nanoTime() + deadline.toNanos();
        StopOrder order = store.stop(queue, howMany, reason);
        poller.pollNow();
        return await(order, end);
    }

    private Receipts await(StopOrder order, long end) {
        long pause = FIRST_LOOK_NANOS;
        while (true) {
            Receipts receipts = store.receipts(order);
            long left = end - System.nanoTime();
            if (receipts.isComplete() || isWithdrawn(receipts) || left <= 0) {
                return receipts;
            }
            try {
                TimeUnit.NANOSECONDS.sleep(Math.min(left, pause));
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                return receipts;
            }
            pause = Math.min(2 * pause, LONGEST_PAUSE_NANOS);
        }
    }

    /** Whether somebody started the consumers meanwhile, so that no receipt will come. */
    private static boolean isWithdrawn(Receipts receipts) {
        return receipts.stopped() + receipts.silent().size() < receipts.of();
    }

    @Override
    public int start(String queue) {
        return started(queue, null);
    }

    @Override
    public int start(String queue, Reason reason) {
        return started(queue, reason);
    }

    private int started(String queue, @Nullable Reason reason) {
        int started = store.start(queue, reason);
        poller.pollNow();
        return started;
    }
}

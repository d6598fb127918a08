package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.NotificationListener;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who is woken, and at what cost. */
class NotifierTest {
    private static final Lane LANE = new Lane(1, 4);
    private static final Lane OTHER_LANE = new Lane(1, 5);

    private final FakeWorkerStore store = new FakeWorkerStore();
    private final FakeConsumers consumers = new FakeConsumers();
    private final FakeFeed feed = new FakeFeed();
    private @Nullable Notifier notifier;

    @AfterEach
    void stop() {
        store.mayNotify.countDown();
        if (notifier != null) {
            notifier.stop();
        }
    }

    @Test
    void consumers_here_are_woken_without_a_statement() {
        start(feed).wake(List.of(new Arrival(LANE, 7, 2)));

        assertThat(consumers.woken).containsExactly(new Arrival(LANE, 7, 2));
        // The next NOTIFY would hold that arrival, too.
        consumers.othersToo = true;
        wake(new Arrival(OTHER_LANE, 8, 1));
        assertThat(nextNotified()).containsExactly(new Arrival(OTHER_LANE, 8, 1));
    }

    @Test
    void others_are_told_when_nobody_here_can_take_it() {
        consumers.othersToo = true;

        start(feed).wake(List.of(new Arrival(LANE, 7, 2)));

        assertThat(nextNotified()).containsExactly(new Arrival(LANE, 7, 2));
    }

    @Test
    void arrivals_of_a_lane_are_told_as_one() {
        consumers.othersToo = true;
        start(feed);
        wake(new Arrival(LANE, 1, 1));
        assertThat(nextNotified()).hasSize(1); // the store does not return yet: what comes now is gathered

        wake(new Arrival(LANE, 9, 2));
        wake(new Arrival(LANE, 5, 3));
        wake(new Arrival(OTHER_LANE, 6, 1));
        store.mayNotify.countDown();

        assertThat(nextNotified()).containsExactlyInAnyOrder(new Arrival(LANE, 5, 5), new Arrival(OTHER_LANE, 6, 1));
    }

    @Test
    void nobody_else_is_told_without_a_listener() {
        consumers.othersToo = true;

        start(null).wake(List.of(new Arrival(LANE, 7, 2)));

        assertThat(consumers.woken).hasSize(1);
        assertThat(store.notified).isEmpty();
    }

    @Test
    void word_of_others_wakes_here_and_is_not_passed_on() {
        consumers.othersToo = true;
        start(feed);

        feed.coming.add(List.of(new Arrival(LANE, 7, 2)));

        await().until(() -> consumers.wokenFromOutside.contains(new Arrival(LANE, 7, 2)));
        assertThat(consumers.woken).isEmpty();
        wake(new Arrival(OTHER_LANE, 8, 1));
        assertThat(nextNotified()).containsExactly(new Arrival(OTHER_LANE, 8, 1));
    }

    @Test
    void failing_notify_does_not_stop_the_next() {
        consumers.othersToo = true;
        store.failures.set(1);
        store.mayNotify.countDown();
        start(feed);
        wake(new Arrival(LANE, 7, 2));
        assertThat(nextNotified()).containsExactly(new Arrival(LANE, 7, 2));
        assertThat(store.failures).hasValue(0);

        // A signal that comes in the back-off only ends the back-off.
        await().until(() -> {
            wake(new Arrival(OTHER_LANE, 8, 1));
            return !store.notified.isEmpty();
        });

        assertThat(nextNotified()).extracting(Arrival::lane).containsExactly(OTHER_LANE);
    }

    @Test
    void stop_closes_the_feed_after_the_last_wait_for_it() {
        Notifier started = start(feed);
        await().until(() -> feed.waited);

        started.stop();

        assertThat(feed.closed).isTrue();
        assertThat(feed.waitedWhenClosed).isFalse();
    }

    @Test
    void stop_ends_the_wait_of_the_listener() {
        store.endedWaits = () -> feed.coming.add(List.of());
        Notifier started = start(feed);
        await().until(() -> feed.waiting);

        started.stop();

        assertThat(feed.endedBy).isNotNull().isEmpty();
    }

    @Test
    void stop_whose_last_notification_fails_waits_for_the_listener() {
        store.endedWaits = () -> {
            throw new IllegalStateException("the database is away");
        };
        Notifier started = start(feed);
        await().until(() -> feed.waiting);

        started.stop();

        assertThat(feed.closed).isTrue();
        assertThat(feed.waitedWhenClosed).isFalse();
    }

    /** The last notification hangs for as long as the test runs; the stop ends all the same. */
    @Test
    @Timeout(60)
    void stop_does_not_wait_for_a_database_that_hangs() {
        CountDownLatch never = new CountDownLatch(1);
        store.endedWaits = () -> {
            try {
                never.await();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        };
        Notifier started = start(feed);
        await().until(() -> feed.waiting);

        started.stop();

        assertThat(feed.closed).isTrue();
        never.countDown();
    }

    private Notifier start(@Nullable NotificationListener listener) {
        Notifier started = new Notifier(store, listener, (LocalConsumers) consumers);
        started.start(true);
        notifier = started;
        return started;
    }

    private void wake(Arrival arrival) {
        if (notifier != null) {
            notifier.wake(List.of(arrival));
        }
    }

    private List<Arrival> nextNotified() {
        try {
            List<Arrival> next = store.notified.poll(10, TimeUnit.SECONDS);
            return next == null ? List.of() : next;
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static final class FakeConsumers implements LocalConsumers {
        private final BlockingQueue<Arrival> woken = new LinkedBlockingQueue<>();
        private final BlockingQueue<Arrival> wokenFromOutside = new LinkedBlockingQueue<>();
        private volatile boolean othersToo;

        @Override
        public boolean wake(Arrival arrival) {
            woken.add(arrival);
            return othersToo;
        }

        @Override
        public void wakeFromOutside(Arrival arrival) {
            wokenFromOutside.add(arrival);
        }
    }

    private static final class FakeFeed implements NotificationListener {
        private final BlockingQueue<List<Arrival>> coming = new LinkedBlockingQueue<>();
        private volatile boolean waited;
        private volatile boolean waiting;
        private volatile boolean closed;
        private volatile boolean waitedWhenClosed;
        /** What ended the last wait; null: its time was over. */
        private volatile @Nullable List<Arrival> endedBy;

        @Override
        public List<Arrival> await(Duration timeout) {
            waiting = true;
            waited = true;
            try {
                List<Arrival> next = coming.poll(timeout.toMillis(), TimeUnit.MILLISECONDS);
                endedBy = next;
                return next == null ? List.of() : next;
            } catch (InterruptedException interrupted) {
                return List.of();
            } finally {
                waiting = false;
            }
        }

        @Override
        public void close() {
            waitedWhenClosed |= waiting;
            closed = true;
        }
    }
}

package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.StoreException;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeasePart;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class CompleterTest {
    private static final Duration LONG = Duration.ofSeconds(10);

    /** Holds each write until it is let go, and fails as often as it is told. */
    private static final class SlowStore extends FakeLeaseStore {
        private final CountDownLatch begun = new CountDownLatch(1);
        private final CountDownLatch mayWrite = new CountDownLatch(1);
        private final AtomicInteger failures = new AtomicInteger();
        private final AtomicInteger tries = new AtomicInteger();

        @Override
        public List<LeasePart> complete(int workerId, List<Completion> completions) {
            begun.countDown();
            awaitUninterruptibly(mayWrite);
            tries.incrementAndGet();
            if (failures.getAndDecrement() > 0) {
                throw new StoreException(
                        "the database is away", StoreException.Kind.UNAVAILABLE, "08006", new Exception());
            }
            return super.complete(workerId, completions);
        }
    }

    private final SlowStore store = new SlowStore();
    private final List<List<Completion>> written = new CopyOnWriteArrayList<>();
    private final List<Completion> lost = new CopyOnWriteArrayList<>();
    private final AtomicInteger workerId = new AtomicInteger(7);
    private final Completer completer = new Completer(store, workerId::get, () -> false, written::add, lost::add);

    @AfterEach
    void stop() {
        store.mayWrite.countDown();
        completer.stop();
    }

    @Test
    void results_gather_while_the_batch_before_them_is_written() {
        List<Completion> ends = ends(4);
        startOnABlockedWrite(ends.get(0));
        completer.add(List.of(ends.get(1)));
        completer.add(ends.subList(2, 4));
        assertThat(completer.pending()).isEqualTo(4);
        store.mayWrite.countDown();
        assertThat(completer.drain(LONG)).isTrue();
        assertThat(store.batches()).containsExactly(ends.subList(0, 1), ends.subList(1, 4));
        await().until(() -> written.size() == 2);
        assertThat(written).isEqualTo(store.batches());
        assertThat(completer.pending()).isZero();
    }

    @Test
    void batch_holds_1000_results_at_most() {
        List<Completion> ends = ends(2501);
        startOnABlockedWrite(ends.get(0));
        completer.add(ends.subList(1, 2501));
        store.mayWrite.countDown();
        assertThat(completer.drain(LONG)).isTrue();
        assertThat(store.batches()).extracting(List::size).containsExactly(1, 1000, 1000, 500);
        assertThat(store.completions()).isEqualTo(ends);
    }

    @Test
    void results_are_tried_again_until_the_database_is_back() {
        store.failures.set(3);
        List<Completion> ends = ends(2);
        startOnABlockedWrite(ends.get(0));
        completer.add(ends.subList(1, 2));
        store.mayWrite.countDown();
        assertThat(completer.drain(LONG)).isTrue();
        assertThat(store.tries).hasValue(5);
        assertThat(store.batches()).containsExactly(ends.subList(0, 1), ends.subList(1, 2));
        assertThat(completer.lost()).isZero();
        await().until(() -> written.size() == 2);
        assertThat(written).isEqualTo(store.batches());
    }

    @Test
    void lost_leases_are_counted_and_told_and_the_others_count() {
        List<Completion> ends = ends(3);
        Completion apart = Completion.done(ClaimedMessages.message(), 1, 2);
        store.lose(ends.get(1).message());
        store.lose(apart.message());
        List<Completion> all = new ArrayList<>(ends);
        all.add(apart);
        completer.add(all);
        store.mayWrite.countDown();
        completer.start();
        assertThat(completer.drain(LONG)).isTrue();
        await().until(() -> written.size() == 1);
        assertThat(written.get(0)).containsExactly(ends.get(0), ends.get(2));
        assertThat(lost).containsExactly(ends.get(1), apart);
        assertThat(completer.lost()).isEqualTo(2);
    }

    @Test
    void drain_waits_for_what_is_written_and_says_when_that_takes_too_long() {
        startOnABlockedWrite(ends(1).get(0));
        assertThat(completer.drain(Duration.ofMillis(5))).isFalse();
        store.mayWrite.countDown();
        assertThat(completer.drain(LONG)).isTrue();
        assertThat(completer.drain(Duration.ZERO)).isTrue();
    }

    @Test
    void drain_that_is_interrupted_gives_up() {
        startOnABlockedWrite(ends(1).get(0));
        Thread.currentThread().interrupt();
        assertThat(completer.drain(LONG)).isFalse();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void more_than_10_000_results_are_too_many() {
        List<Completion> ends = ends(10_001);
        startOnABlockedWrite(ends.get(0));
        completer.add(ends.subList(1, 10_000));
        assertThat(completer.isOverwhelmed()).isFalse();
        completer.add(ends.subList(10_000, 10_001));
        assertThat(completer.isOverwhelmed()).isTrue();
        store.mayWrite.countDown();
        assertThat(completer.drain(LONG)).isTrue();
        assertThat(completer.isOverwhelmed()).isFalse();
    }

    @Test
    void worker_is_asked_for_anew_with_each_batch() {
        List<Completion> ends = ends(2);
        startOnABlockedWrite(ends.get(0));
        completer.add(ends.subList(1, 2));
        workerId.set(8);
        store.mayWrite.countDown();
        assertThat(completer.drain(LONG)).isTrue();
        assertThat(store.workers()).containsExactly(7, 8);
    }

    @Test
    void what_an_atomic_handler_committed_is_told_and_not_written_again() {
        List<Completion> ends = ends(2);
        completer.written(ends);
        assertThat(written).containsExactly(ends);
        assertThat(store.batches()).isEmpty();
        assertThat(completer.pending()).isZero();
    }

    /** Starts the thread and waits until it writes this result, which it does until it is let go. */
    private void startOnABlockedWrite(Completion first) {
        completer.add(List.of(first));
        completer.start();
        awaitUninterruptibly(store.begun);
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        boolean interrupted = false;
        while (true) {
            try {
                latch.await();
                break;
            } catch (InterruptedException again) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static List<Completion> ends(int count) {
        List<Completion> ends = new ArrayList<>();
        for (ClaimedMessage message : ClaimedMessages.together(count)) {
            ends.add(Completion.done(message, 1, 2));
        }
        return ends;
    }
}

package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LeasePart;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A small batch waits a millisecond for the results of other handlers, but only while other handlers run. */
@Timeout(30)
class CompleterLingerTest {
    private static final long LINGER_NANOS = Duration.ofMillis(1).toNanos();

    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicLong askedAtNanos = new AtomicLong();
    private final List<Long> waitedNanos = new CopyOnWriteArrayList<>();
    private final List<List<Completion>> written = new CopyOnWriteArrayList<>();
    private volatile boolean othersAreRunning;
    private volatile List<Completion> endsMeanwhile = List.of();
    private volatile @Nullable Thread thread;

    private final FakeLeaseStore store = new FakeLeaseStore() {
        @Override
        public List<LeasePart> complete(int workerId, List<Completion> completions) {
            thread = Thread.currentThread();
            waitedNanos.add(System.nanoTime() - askedAtNanos.get());
            return super.complete(workerId, completions);
        }
    };
    private final Completer completer = new Completer(store, () -> 7, this::ask, written::add, lost -> {});

    /** A first result is written, so that the thread is known and waits for work. */
    @BeforeEach
    void start() {
        completer.start();
        write(ends(1));
        asked.set(0);
        waitedNanos.clear();
    }

    @AfterEach
    void stop() {
        completer.stop();
    }

    @Test
    void small_batch_waits_for_the_results_of_handlers_that_run() {
        othersAreRunning = true;
        List<Completion> ends = ends(3);
        endsMeanwhile = ends.subList(1, 3);

        write(ends.subList(0, 1));

        assertThat(written).last().isEqualTo(ends);
        assertThat(waitedNanos).hasSize(1).allMatch(waited -> waited >= LINGER_NANOS);
    }

    @Test
    void small_batch_does_not_wait_when_no_other_handler_runs() {
        await().until(() -> {
            write(ends(1));
            return waitedNanos.get(waitedNanos.size() - 1) < LINGER_NANOS;
        });
        assertThat(asked.get()).isEqualTo(waitedNanos.size());
    }

    @Test
    void batch_that_is_worth_a_commit_waits_for_nobody() {
        othersAreRunning = true;

        write(ends(100));

        assertThat(written.get(written.size() - 1)).hasSize(100);
        assertThat(asked).hasValue(0);
    }

    private boolean ask() {
        asked.incrementAndGet();
        askedAtNanos.set(System.nanoTime());
        completer.add(endsMeanwhile);
        return othersAreRunning;
    }

    /** Adds results while the thread waits for work, and waits until they are written and it waits again. */
    private void write(List<Completion> ends) {
        int before = written.size();
        completer.add(ends);
        await().until(() -> written.size() == before + 1);
        await().until(() -> {
            Thread writer = thread;
            return writer != null && writer.getState() == Thread.State.TIMED_WAITING;
        });
    }

    private static List<Completion> ends(int count) {
        List<Completion> ends = new ArrayList<>();
        ClaimedMessages.together(count).forEach(message -> ends.add(Completion.done(message, 1, 2)));
        return ends;
    }
}

package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the thread does between two steps, and that no step can end it. */
@Timeout(30)
class LoopTest {
    private static final Duration LONG = Duration.ofHours(1);
    private static final Duration SOON = Duration.ofSeconds(10);

    private final AtomicInteger steps = new AtomicInteger();
    /** What the pauses returned. */
    private final BlockingQueue<Boolean> signalled = new LinkedBlockingQueue<>();

    private volatile @Nullable Thread thread;
    private final Loop loop = new Loop("loop-test", true, this::step);
    private volatile Loop.Step body = this::pause;

    @AfterEach
    void stop() {
        loop.stop();
        assertThat(loop.join(SOON)).isTrue();
    }

    @Test
    void step_that_throws_is_repeated_after_a_back_off_and_the_loop_goes_on() {
        List<Long> begun = new CopyOnWriteArrayList<>();
        body = () -> {
            begun.add(System.nanoTime());
            if (begun.size() <= 2) {
                throw new IllegalStateException("failed " + begun.size());
            }
            pause();
        };

        loop.start();

        await().until(() -> begun.size() == 3);
        assertThat(begun.get(1) - begun.get(0)).as("half of 50 ms at least").isGreaterThanOrEqualTo(millis(25));
        assertThat(begun.get(2) - begun.get(1)).as("half of 100 ms at least").isGreaterThanOrEqualTo(millis(50));
        loop.signal();
        await().until(() -> begun.size() == 4);
    }

    @Test
    void error_does_not_end_the_thread() {
        body = () -> {
            if (steps.get() == 1) {
                throw new StackOverflowError("too deep");
            }
            pause();
        };

        loop.start();

        await().until(() -> steps.get() == 2);
        loop.signal();
        await().until(() -> steps.get() == 3);
    }

    @Test
    void only_a_step_that_returns_is_a_success() {
        long before = loop.lastSuccessNanos();
        CountDownLatch mayReturn = new CountDownLatch(1);
        body = () -> {
            if (steps.get() < 3) {
                throw new IllegalStateException("not yet");
            }
            mayReturn.await();
            if (steps.get() > 3) {
                pause();
            }
        };
        loop.start();

        await().until(() -> steps.get() == 3);
        assertThat(loop.lastSuccessNanos()).isEqualTo(before);

        mayReturn.countDown();
        await().until(() -> loop.lastSuccessNanos() > before);
    }

    @Test
    void signal_ends_a_pause() throws Exception {
        loop.start();
        awaitPause();

        loop.signal();

        assertThat(nextPause()).isTrue();
    }

    @Test
    void signal_during_a_step_ends_the_next_pause() throws Exception {
        CountDownLatch mayPause = new CountDownLatch(1);
        body = () -> {
            mayPause.await();
            pause();
        };
        loop.start();
        await().until(() -> steps.get() == 1);

        loop.signal();
        mayPause.countDown();

        assertThat(nextPause()).isTrue();
        awaitPause();
        assertThat(steps).hasValue(2);
        assertThat(signalled).as("one signal ends one pause").isEmpty();
    }

    @Test
    void pause_that_nobody_signals_ends_in_its_time() throws Exception {
        body = () -> signalled.add(loop.pause(Duration.ofMillis(1)));

        loop.start();

        assertThat(nextPause()).isFalse();
    }

    @Test
    void interrupt_ends_a_pause_and_not_the_loop() throws Exception {
        loop.start();
        awaitPause();

        interrupt();

        assertThat(nextPause()).isFalse();
        await().until(() -> steps.get() == 2);
        assertThat(loop.isStopped()).isFalse();
    }

    @Test
    void stop_ends_a_pause_and_then_the_thread() throws Exception {
        loop.start();
        awaitPause();

        loop.stop();

        assertThat(loop.join(SOON)).isTrue();
        assertThat(nextPause()).isFalse();
        assertThat(steps).hasValue(1);
    }

    @Test
    void stop_ends_the_back_off_of_a_step_that_throws() {
        body = () -> {
            throw new IllegalStateException("always");
        };
        loop.start();
        await().until(() -> steps.get() >= 2);

        loop.stop();

        assertThat(loop.join(SOON)).isTrue();
        assertThat(loop.isStopped()).isTrue();
    }

    @Test
    void join_gives_up_when_a_step_takes_longer() {
        CountDownLatch mayReturn = new CountDownLatch(1);
        body = mayReturn::await;
        loop.start();
        await().until(() -> steps.get() == 1);
        loop.stop();

        assertThat(loop.join(Duration.ofMillis(1))).isFalse();

        mayReturn.countDown();
        assertThat(loop.join(SOON)).isTrue();
    }

    @Test
    void knows_its_own_thread() throws Exception {
        BlockingQueue<Boolean> own = new LinkedBlockingQueue<>();
        body = () -> {
            own.add(loop.isOwnThread());
            pause();
        };

        loop.start();

        assertThat(own.poll(10, TimeUnit.SECONDS)).isTrue();
        assertThat(loop.isOwnThread()).isFalse();
    }

    private void step() throws Exception {
        thread = Thread.currentThread();
        steps.incrementAndGet();
        body.run();
    }

    private void pause() {
        signalled.add(loop.pause(LONG));
    }

    private Boolean nextPause() throws InterruptedException {
        return signalled.poll(10, TimeUnit.SECONDS);
    }

    private void awaitPause() {
        await().until(() -> {
            Thread running = thread;
            return running != null && running.getState() == Thread.State.TIMED_WAITING;
        });
    }

    private void interrupt() {
        Thread running = thread;
        if (running != null) {
            running.interrupt();
        }
    }

    private static long millis(long millis) {
        return Duration.ofMillis(millis).toNanos();
    }
}

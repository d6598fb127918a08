package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When a job has its next turn. */
@Timeout(30)
class JobTimerTest {
    private static final Duration LATER = Duration.ofHours(1);

    private final JobTimer timer = new JobTimer();

    @AfterEach
    void stop() {
        timer.stop();
    }

    @Test
    void job_that_throws_is_repeated_with_back_off() {
        CountingJob job = new CountingJob(turn -> {
            if (turn == 1) {
                throw new IllegalStateException("failed");
            }
            if (turn == 2) {
                throw new StackOverflowError("too deep");
            }
        });

        timer.start(List.of(job));

        await().until(() -> job.turns() == 3);
        assertThat(job.waitBefore(2)).as("half of 200 ms at least").isGreaterThanOrEqualTo(Duration.ofMillis(100));
        assertThat(job.waitBefore(3)).as("half of 400 ms at least").isGreaterThanOrEqualTo(Duration.ofMillis(200));
    }

    @Test
    void job_that_throws_does_not_hold_up_the_others() {
        CountingJob failing = new CountingJob(turn -> {
            throw new IllegalStateException("always");
        });
        CountingJob other = new CountingJob(turn -> {});

        timer.start(List.of(failing, other));

        await().until(() -> other.turns() == 1 && failing.turns() >= 2);
    }

    @Test
    void next_turn_comes_after_the_time_that_the_job_asked_for() {
        CountingJob job = new CountingJob(turn -> {});
        job.wait = Duration.ofMillis(50);

        timer.start(List.of(job));

        await().until(() -> job.turns() >= 3);
        assertThat(job.waitBefore(2)).isGreaterThanOrEqualTo(job.wait);
        assertThat(job.waitBefore(3)).isGreaterThanOrEqualTo(job.wait);
    }

    @Test
    void first_turn_of_upkeep_comes_after_those_of_the_others() {
        CountingJob upkeep = new CountingJob(turn -> {});
        upkeep.firstWait = Duration.ofMillis(400);
        CountingJob other = new CountingJob(turn -> {});

        long startedAt = System.nanoTime();
        timer.start(List.of(upkeep, other));

        await().until(() -> upkeep.turns() == 1);
        assertThat(Duration.ofNanos(upkeep.begun.get(0) - startedAt)).isGreaterThanOrEqualTo(upkeep.firstWait);
        assertThat(other.turns()).isEqualTo(1);
    }

    @Test
    void run_soon_brings_a_turn_forward() {
        CountingJob job = new CountingJob(turn -> {});
        timer.start(List.of(job));
        await().until(() -> job.turns() == 1);

        timer.runSoon(job);

        await().until(() -> job.turns() == 2);
    }

    @Test
    void run_soon_with_a_time_brings_a_turn_forward_to_it() {
        CountingJob job = new CountingJob(turn -> {});
        timer.start(List.of(job));
        await().until(() -> job.turns() == 1);

        // Nothing is changed while the turn is still under way.
        await().until(() -> {
            timer.runSoon(job, Duration.ofMillis(50));
            return job.turns() >= 2;
        });

        assertThat(job.waitBefore(2)).isGreaterThanOrEqualTo(Duration.ofMillis(50));
    }

    /** Polls say each second that a job is needed, also one that fails each time. */
    @Test
    void run_soon_with_a_time_does_not_undo_the_back_off_of_a_job_that_fails() {
        AtomicBoolean fails = new AtomicBoolean(true);
        CountingJob job = new CountingJob(turn -> {
            if (fails.get()) {
                throw new IllegalStateException("failed");
            }
        });
        job.wait = LATER;
        timer.start(List.of(job));

        await().pollInterval(Duration.ofMillis(1)).until(() -> {
            timer.runSoon(job, Duration.ofMillis(1));
            return job.turns() == 3;
        });
        assertThat(job.waitBefore(2)).as("half of 200 ms at least").isGreaterThanOrEqualTo(Duration.ofMillis(100));
        assertThat(job.waitBefore(3)).as("half of 400 ms at least").isGreaterThanOrEqualTo(Duration.ofMillis(200));
        fails.set(false);
        timer.runSoon(job);
        await().until(() -> job.turns() >= 4);
        int turns = job.turns();
        await().until(() -> {
            timer.runSoon(job, Duration.ofMillis(1));
            return job.turns() > turns;
        });
    }

    @Test
    void run_soon_during_a_turn_means_one_more_turn_after_it_and_never_two_at_once() {
        CountDownLatch mayEnd = new CountDownLatch(1);
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountingJob job = new CountingJob(turn -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            awaitOrThrow(mayEnd);
            running.decrementAndGet();
        });
        timer.start(List.of(job));
        await().until(() -> job.turns() == 1);

        timer.runSoon(job);
        timer.runSoon(job);
        mayEnd.countDown();

        await().until(() -> job.turns() == 2);
        timer.stop();
        assertThat(job.turns()).isEqualTo(2);
        assertThat(most).hasValue(1);
    }

    @Test
    void run_soon_of_a_job_that_was_not_started_does_nothing() {
        CountingJob job = new CountingJob(turn -> {});

        timer.runSoon(job);

        timer.stop();
        assertThat(job.turns()).isZero();
    }

    @Test
    void stop_interrupts_a_turn_and_no_other_follows() {
        AtomicBoolean interrupted = new AtomicBoolean();
        CountingJob job = new CountingJob(turn -> {
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException stopping) {
                interrupted.set(true);
            }
        });
        job.wait = Duration.ZERO;
        timer.start(List.of(job));
        await().until(() -> job.turns() == 1);

        timer.stop();

        assertThat(interrupted).isTrue();
        assertThat(job.turns()).isEqualTo(1);
    }

    private static void awaitOrThrow(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** Notes when its turns begin, and asks for the next one an hour later unless a test says otherwise. */
    private static final class CountingJob implements Job {
        private final List<Long> begun = new CopyOnWriteArrayList<>();
        private final IntConsumer work;
        private volatile Duration wait = LATER;
        private volatile Duration firstWait = Duration.ZERO;

        CountingJob(IntConsumer work) {
            this.work = work;
        }

        @Override
        public String name() {
            return "counting";
        }

        @Override
        public Duration firstWait() {
            return firstWait;
        }

        @Override
        public Duration run() {
            begun.add(System.nanoTime());
            work.accept(begun.size());
            return wait;
        }

        int turns() {
            return begun.size();
        }

        Duration waitBefore(int turn) {
            return Duration.ofNanos(begun.get(turn - 1) - begun.get(turn - 2));
        }
    }
}

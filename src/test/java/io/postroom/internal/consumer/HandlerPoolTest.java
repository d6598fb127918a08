package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

@Timeout(60)
class HandlerPoolTest {
    private final List<HandlerPool> pools = new ArrayList<>();
    private final CountDownLatch mayEnd = new CountDownLatch(1);
    private final AtomicInteger ran = new AtomicInteger();
    private final Set<Thread> threads = ConcurrentHashMap.newKeySet();

    @AfterEach
    void close() {
        mayEnd.countDown();
        pools.forEach(HandlerPool::close);
    }

    @Test
    void slices_run_in_the_order_in_which_they_were_offered() {
        HandlerPool pool = pool(1, 1);
        List<Integer> order = new CopyOnWriteArrayList<>();

        for (int i = 0; i < 100; i++) {
            int number = i;
            pool.offer(worker -> order.add(number));
        }

        await().until(() -> order.size() == 100);
        assertThat(order).isSorted();
        assertThat(pool.threads()).isOne();
    }

    @Test
    void few_threads_start_at_once_and_blocked_ones_are_joined_by_as_many_as_are_needed() {
        HandlerPool pool = pool(2, 50);

        for (int i = 0; i < 40; i++) {
            pool.offer(this::block);
        }

        await().until(() -> threads.size() == 40);
        assertThat(pool.threads())
                .isBetween(40, 50); // a thread that has not run yet counts as none, so one more may start
        mayEnd.countDown();
        await().until(() -> ran.get() == 40);
    }

    @Test
    void fast_slices_of_a_thousand_queues_share_a_few_threads() {
        HandlerPool pool = pool(4, 1_000);

        for (int i = 0; i < 5_000; i++) {
            pool.offer(worker -> run());
        }

        await().until(() -> ran.get() == 5_000);
        assertThat(threads).hasSizeLessThan(30); // more than four where the machine stops them for a while
    }

    @Test
    void upper_bound_holds_and_all_slices_run_in_the_end() {
        HandlerPool pool = pool(2, 5);
        for (int i = 0; i < 20; i++) {
            pool.offer(this::block);
        }
        await().until(() -> threads.size() == 5);

        assertThat(pool.spare()).isEqualTo(5 - 20);
        assertThat(pool.someWait()).isTrue();
        mayEnd.countDown();

        await().until(() -> ran.get() == 20);
        await().until(() -> pool.spare() == 5);
        assertThat(threads).hasSize(5);
        assertThat(pool.someWait()).isFalse();
    }

    @Test
    void lost_thread_is_replaced_at_once_even_at_the_upper_bound_and_counts_no_longer() {
        HandlerPool pool = pool(1, 1);
        CountDownLatch begun = new CountDownLatch(1);
        List<HandlerPool.Worker> lost = new CopyOnWriteArrayList<>();
        pool.offer(worker -> {
            lost.add(worker);
            begun.countDown();
            block(worker);
        });
        awaitQuietly(begun);
        pool.offer(worker -> run());

        lost.get(0).lose();
        lost.get(0).lose();

        await().until(() -> ran.get() == 1);
        await().until(() -> pool.spare() == 1);
        assertThat(pool.threads()).isOne();
        assertThat(threads).hasSize(2);
        mayEnd.countDown();
        await().until(() -> ran.get() == 2);
        pool.offer(worker -> run());
        await().until(() -> ran.get() == 3);
        assertThat(threads).as("the lost thread ran nothing more").hasSize(2);
    }

    @Test
    void thread_without_work_ends_and_the_next_slice_gets_a_new_one() {
        HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 2, 2, Duration.ofMillis(50));
        pools.add(pool);
        pool.offer(worker -> run());

        await().until(() -> ran.get() == 1 && pool.threads() == 0);
        pool.offer(worker -> run());

        await().until(() -> ran.get() == 2);
        assertThat(threads).hasSize(2);
    }

    /** An offer and the end of an idle thread meet: the slice is given to the thread that was about to end, or a new one starts. */
    @Test
    void slice_that_is_offered_while_the_idle_thread_ends_is_run() {
        HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 1, 1, Duration.ofNanos(1));
        pools.add(pool);
        for (int round = 1; round <= 1_000; round++) {
            int expected = round;
            pool.offer(worker -> ran.incrementAndGet());
            while (ran.get() < expected) {
                Thread.onSpinWait();
            }
        }
        await().until(() -> pool.threads() == 0);
    }

    /** The call must come after the slice. During the slice its thread still counts as taken, and there would be no second call. */
    @Test
    void who_waits_for_a_spare_thread_is_called_when_one_is_counted_as_spare() {
        HandlerPool pool = pool(1, 1);
        List<Integer> spareAtCall = new CopyOnWriteArrayList<>();
        pool.demand().onSpare(() -> spareAtCall.add(pool.spare()));
        CountDownLatch mayEnd = new CountDownLatch(1);
        pool.offer(worker -> awaitQuietly(mayEnd));
        pool.demand().callWhenSpare(true);
        assertThat(spareAtCall).as("the only thread is taken").isEmpty();

        mayEnd.countDown();
        await().until(() -> !spareAtCall.isEmpty());
        assertThat(spareAtCall).containsExactly(1);

        pool.demand().callWhenSpare(true);
        assertThat(spareAtCall)
                .as("a thread became spare before the wait was known")
                .containsExactly(1, 1);
        pool.demand().callWhenSpare(false);
        pool.offer(worker -> run());
        await().until(() -> ran.get() == 1 && pool.spare() == 1);
        assertThat(spareAtCall).hasSize(2);
    }

    @Test
    void close_ends_idle_threads_and_what_is_offered_later_still_runs() {
        HandlerPool pool = pool(2, 2);
        pool.offer(worker -> run());
        await().until(() -> ran.get() == 1 && pool.spare() == 2);

        pool.close();
        await().until(() -> pool.threads() == 0);
        pool.offer(worker -> run());

        await().until(() -> ran.get() == 2 && pool.threads() == 0);
    }

    @Test
    void slice_that_throws_and_an_interrupt_that_is_left_over_cost_no_thread() {
        HandlerPool pool = pool(1, 1);
        pool.offer(worker -> {
            Thread.currentThread().interrupt();
            run();
            throw new OutOfMemoryError("planted");
        });
        await().until(() -> pool.spare() == 1);

        pool.offer(worker -> run());

        await().until(() -> ran.get() == 2);
        assertThat(threads).hasSize(1);
    }

    @Test
    void thread_takes_nothing_from_the_thread_that_offers() throws Exception {
        InheritableThreadLocal<String> user = new InheritableThreadLocal<>();
        ClassLoader own = new ClassLoader() {};
        HandlerPool pool = pool(1, 1);
        List<Object> seen = new CopyOnWriteArrayList<>();
        Thread caller = new Thread(() -> {
            user.set("a user's");
            Thread.currentThread().setContextClassLoader(own);
            pool.offer(worker -> {
                seen.add(String.valueOf(user.get()));
                seen.add(Thread.currentThread().getContextClassLoader());
                run();
            });
        });
        caller.start();
        caller.join();

        await().until(() -> ran.get() == 1);
        assertThat(seen).containsExactly("null", Thread.currentThread().getContextClassLoader());
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void virtual_threads_start_at_once() throws Exception {
        HandlerPool pool = new HandlerPool(HandlerThreads.virtual(), 100, 100);
        pools.add(pool);
        for (int i = 0; i < 100; i++) {
            pool.offer(this::block);
        }

        await().until(() -> threads.size() == 100);
        assertThat(threads)
                .allSatisfy(
                        thread -> assertThat(Thread.class.getMethod("isVirtual").invoke(thread))
                                .isEqualTo(true));
        mayEnd.countDown();
        await().until(() -> ran.get() == 100);
    }

    @Test
    void slices_run_once_the_system_gives_threads_again() {
        AtomicBoolean refuses = new AtomicBoolean(true);
        ThreadFactory real = HandlerThreads.platform();
        HandlerPool pool = new HandlerPool(
                task -> {
                    if (refuses.get()) {
                        return new Thread(task) {
                            @Override
                            public void start() {
                                throw new OutOfMemoryError("unable to create native thread");
                            }
                        };
                    }
                    return real.newThread(task);
                },
                8,
                100);
        pools.add(pool);
        pool.start();

        for (int i = 0; i < 4; i++) {
            pool.offer(worker -> run());
        }
        assertThat(ran).hasValue(0);
        refuses.set(false);

        await().until(() -> ran.get() == 4);
        await().until(() -> pool.demand().slices() == 0);
    }

    private HandlerPool pool(int atOnce, int most) {
        HandlerPool pool = new HandlerPool(HandlerThreads.platform(), atOnce, most);
        pools.add(pool);
        return pool;
    }

    private void run() {
        threads.add(Thread.currentThread());
        ran.incrementAndGet();
    }

    private void block(HandlerPool.Worker worker) {
        worker.watch().callBegins(System.nanoTime());
        threads.add(Thread.currentThread());
        awaitQuietly(mayEnd);
        ran.incrementAndGet();
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

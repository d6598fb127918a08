package io.postroom.internal.consumer;

import static io.postroom.internal.consumer.ClaimFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Direction;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class HandlerRunnerTest {
    private final Queue<List<ClaimedMessage>> calls = new ConcurrentLinkedQueue<>();
    private final Queue<ClaimedMessage> released = new ConcurrentLinkedQueue<>();
    private final AtomicInteger signals = new AtomicInteger();
    private final HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 8, 100);
    private final HeldBounds bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
    private final StartMarks starts = new ClaimFixture().starts;
    private HandlerSet handlerSet = ClaimFixture.handlerSet(1, 1, pool);
    private HeldMessages held;
    private HandlerRunner runner;
    private final CountDownLatch mayEnd = new CountDownLatch(1);

    @AfterEach
    void endThreads() {
        mayEnd.countDown();
        held.close();
        pool.close();
    }

    @Test
    void messages_are_run_one_by_one_in_their_order_and_count_no_longer() {
        List<ClaimedMessage> messages = messages(5);
        start(1, (some, onGivenUp) -> calls.add(some));

        hold(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls)
                .containsExactlyElementsOf(messages.stream().map(List::of).toList());
        assertThat(signals.get()).isPositive();
    }

    @Test
    void messages_of_a_batch_handler_are_run_in_one_call() {
        List<ClaimedMessage> messages = messages(5);
        Handler handler = Handler.batch("batch", Direction.OUTGOING, String.class, 3, (payloads, contexts) -> List.of())
                .concurrency(1);
        start(handler, (some, onGivenUp) -> calls.add(some));

        hold(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls).containsExactly(messages.subList(0, 3), messages.subList(3, 5));
    }

    @Test
    void call_that_is_given_up_loses_its_thread_and_another_runs_the_rest() throws Exception {
        List<ClaimedMessage> messages = messages(3);
        List<Thread> runners = new ArrayList<>();
        HandlerRunner runner = start(1, (some, onGivenUp) -> {
            runners.add(Thread.currentThread());
            calls.add(some);
            if (some.get(0) == messages.get(0)) {
                Thread watcher = new Thread(onGivenUp);
                watcher.start();
                awaitQuietly(mayEnd);
                return false;
            }
            return true;
        });

        fast();
        hold(messages);

        await().until(() -> held.count() == 0);
        assertThat(runner.leaked()).isOne();
        assertThat(calls)
                .containsExactlyElementsOf(messages.stream().map(List::of).toList());
        Thread lost = runners.get(0);
        assertThat(runners.subList(1, 3)).doesNotContain(lost);
        mayEnd.countDown();
        lost.join();
        assertThat(held.count()).isZero();
    }

    @Test
    void what_a_given_up_call_had_not_begun_goes_back_to_the_queue_after_a_stop() {
        List<ClaimedMessage> messages = messages(3);
        start(1, (some, onGivenUp) -> {
            held.close();
            onGivenUp.run();
            return false;
        });

        fast();
        hold(messages);

        await().until(() -> held.count() == 0);
        assertThat(released).containsExactlyElementsOf(messages.subList(1, 3));
    }

    @Test
    void stop_waits_for_the_message_that_runs_and_not_for_those_behind_it() {
        List<ClaimedMessage> messages = messages(4);
        start(1, (some, onGivenUp) -> {
            calls.add(some);
            held.close();
            return true;
        });

        fast();
        hold(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls).containsExactly(List.of(messages.get(0)));
        assertThat(released).containsExactlyElementsOf(messages.subList(1, 4));
    }

    @Test
    void fault_in_a_run_costs_one_message_and_no_thread() {
        List<ClaimedMessage> messages = messages(3);
        AtomicBoolean failed = new AtomicBoolean();
        HandlerRunner runner = start(1, (some, onGivenUp) -> {
            if (!failed.getAndSet(true)) {
                throw new OutOfMemoryError("planted");
            }
            return calls.add(some);
        });

        fast();
        hold(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls).containsExactly(List.of(messages.get(1)), List.of(messages.get(2)));
        assertThat(runner.leaked()).isZero();
    }

    @Test
    void as_many_messages_run_at_once_as_there_are_threads() throws Exception {
        List<ClaimedMessage> messages = messages(3);
        CountDownLatch together = new CountDownLatch(3);
        start(3, (some, onGivenUp) -> {
            together.countDown();
            awaitQuietly(mayEnd);
            return true;
        });

        hold(messages);

        assertThat(together.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(held.count()).isEqualTo(3);
        mayEnd.countDown();
        await().until(() -> held.count() == 0);
    }

    /** Lets a thread take several messages from the buffer at once. */
    private void fast() {
        handlerSet.prefetch().ran(1_000, Duration.ofMillis(1).toNanos());
    }

    private static List<ClaimedMessage> messages(int count) {
        return IntStream.range(0, count).mapToObj(i -> message(i)).toList();
    }

    private void hold(List<ClaimedMessage> messages) {
        held.claimEnds(0, messages.size());
        held.accept(messages);
    }

    private HandlerRunner start(int concurrency, HandlerRunner.Runner calls) {
        return start(
                Handler.send("q", String.class, (payload, context) -> Outcome.done())
                        .concurrency(concurrency),
                calls);
    }

    private HandlerRunner start(Handler handler, HandlerRunner.Runner calls) {
        HandledQueue queue = new HandledQueue(7, "q", List.of(handler));
        handlerSet = ClaimFixture.handlerSet(queue.concurrency(), queue.largestBatch(), pool);
        held = new HeldMessages(
                handlerSet,
                bounds,
                new HeldLeases(),
                starts,
                () -> false,
                released::addAll,
                () -> runner.request(),
                others -> {},
                signals::incrementAndGet);
        runner = new HandlerRunner(queue, held, handlerSet, pool, calls);
        return runner;
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

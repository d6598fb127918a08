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
class HandlerThreadsTest {
    private final Queue<List<ClaimedMessage>> calls = new ConcurrentLinkedQueue<>();
    private final Queue<ClaimedMessage> released = new ConcurrentLinkedQueue<>();
    private final AtomicInteger signals = new AtomicInteger();
    private final PrefetchPolicy prefetch = new PrefetchPolicy(1, 1, System::nanoTime);
    private final StartMarks starts = new ClaimFixture().starts;
    private final HeldMessages held = new HeldMessages(
            prefetch, new HeldLeases(), starts, () -> false, released::addAll, signals::incrementAndGet);
    private final CountDownLatch mayEnd = new CountDownLatch(1);

    @AfterEach
    void endThreads() {
        mayEnd.countDown();
        held.close();
    }

    @Test
    void messages_are_run_one_by_one_in_their_order_and_count_no_longer() {
        List<ClaimedMessage> messages = hold(5);
        start(1, (some, onGivenUp) -> calls.add(some));

        held.accept(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls)
                .containsExactlyElementsOf(messages.stream().map(List::of).toList());
        assertThat(signals.get()).isPositive();
    }

    @Test
    void messages_of_a_batch_handler_are_run_in_one_call() {
        List<ClaimedMessage> messages = hold(5);
        HeldMessages batches = new HeldMessages(
                new PrefetchPolicy(1, 3, System::nanoTime),
                new HeldLeases(),
                starts,
                () -> false,
                released::addAll,
                signals::incrementAndGet);
        batches.claimEnds(5);
        batches.accept(messages);
        Handler handler = Handler.batch("batch", Direction.OUTGOING, String.class, 3, (payloads, contexts) -> List.of())
                .concurrency(1);
        HandledQueue queue = new HandledQueue(7, "batch", List.of(handler));
        new HandlerThreads(queue, batches, (some, onGivenUp) -> calls.add(some)).start();

        await().until(() -> batches.count() == 0);
        batches.close();
        assertThat(calls).containsExactly(messages.subList(0, 3), messages.subList(3, 5));
    }

    @Test
    void call_that_is_given_up_loses_its_thread_and_another_runs_the_rest() throws Exception {
        fast();
        List<ClaimedMessage> messages = hold(3);
        List<Thread> runners = new ArrayList<>();
        HandlerThreads threads = start(1, (some, onGivenUp) -> {
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

        held.accept(messages);

        await().until(() -> held.count() == 0);
        assertThat(threads.leaked()).isOne();
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
        fast();
        List<ClaimedMessage> messages = hold(3);
        start(1, (some, onGivenUp) -> {
            held.close();
            onGivenUp.run();
            return false;
        });

        held.accept(messages);

        await().until(() -> held.count() == 0);
        assertThat(released).containsExactlyElementsOf(messages.subList(1, 3));
    }

    @Test
    void stop_waits_for_the_message_that_runs_and_not_for_those_behind_it() {
        fast();
        List<ClaimedMessage> messages = hold(4);
        start(1, (some, onGivenUp) -> {
            calls.add(some);
            held.close();
            return true;
        });

        held.accept(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls).containsExactly(List.of(messages.get(0)));
        assertThat(released).containsExactlyElementsOf(messages.subList(1, 4));
    }

    @Test
    void fault_in_a_run_costs_one_message_and_no_thread() {
        fast();
        List<ClaimedMessage> messages = hold(3);
        AtomicBoolean failed = new AtomicBoolean();
        HandlerThreads threads = start(1, (some, onGivenUp) -> {
            if (!failed.getAndSet(true)) {
                throw new OutOfMemoryError("planted");
            }
            return calls.add(some);
        });

        held.accept(messages);

        await().until(() -> held.count() == 0);
        assertThat(calls).containsExactly(List.of(messages.get(1)), List.of(messages.get(2)));
        assertThat(threads.leaked()).isZero();
    }

    @Test
    void as_many_messages_run_at_once_as_there_are_threads() throws Exception {
        List<ClaimedMessage> messages = hold(3);
        CountDownLatch together = new CountDownLatch(3);
        start(3, (some, onGivenUp) -> {
            together.countDown();
            awaitQuietly(mayEnd);
            return true;
        });

        held.accept(messages);

        assertThat(together.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(held.count()).isEqualTo(3);
        mayEnd.countDown();
        await().until(() -> held.count() == 0);
    }

    /** Lets a thread take several messages from the buffer at once. */
    private void fast() {
        prefetch.ran(1_000, Duration.ofMillis(1).toNanos());
    }

    private List<ClaimedMessage> hold(int count) {
        held.claimEnds(count);
        return IntStream.range(0, count).mapToObj(i -> message(i)).toList();
    }

    private HandlerThreads start(int concurrency, HandlerThreads.Runner runner) {
        Handler handler = Handler.send("q", String.class, (payload, context) -> Outcome.done())
                .concurrency(concurrency);
        HandlerThreads threads = new HandlerThreads(new HandledQueue(7, "q", List.of(handler)), held, runner);
        threads.start();
        return threads;
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

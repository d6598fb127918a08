package io.postroom.internal.consumer;

import static io.postroom.internal.consumer.ClaimFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class HandlerSetTest {
    private final HandlerPool pool = new HandlerPool(HandlerThreads.platform(), 8, 100);
    private final HeldBounds bounds = new HeldBounds(pool, PrefetchPolicy.MOST_BYTES);
    private final StartMarks starts = new ClaimFixture().starts;
    private final List<String> order = new CopyOnWriteArrayList<>();
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();
    private final Semaphore mayRun = new Semaphore(0);

    @AfterEach
    void end() {
        mayRun.release(100_000);
        pool.close();
    }

    @Test
    void queues_with_the_same_handlers_run_as_many_messages_at_a_time_as_one_would_and_take_turns() {
        HandlerSet handlerSet = ClaimFixture.handlerSet(2, 1, pool);
        Consumed deep = new Consumed("deep", handlerSet);
        Consumed small = new Consumed("small", handlerSet);

        deep.hold(20);
        await().until(() -> running.get() == 2);
        small.hold(2);
        for (int i = 1; i <= 5; i++) { // one at a time: each takes longer than a slice
            int ended = i;
            mayRun.release();
            await().until(() -> order.size() == ended);
        }

        assertThat(order).as("the small queue does not wait for the deep one").contains("small");
        mayRun.release(100);
        await().until(() -> order.size() == 22);
        assertThat(most).hasValue(2);
        await().until(() -> handlerSet.held() == 0);
    }

    /** A put after the taker's last look and before its permit is given back, thousands of times: the message is run. */
    @Test
    void message_that_comes_while_the_last_permit_is_given_back_is_run() {
        mayRun.release(100_000);
        HandlerSet handlerSet = ClaimFixture.handlerSet(1, 1, pool);
        Consumed queue = new Consumed("q", handlerSet);
        for (int round = 1; round <= 20_000; round++) {
            queue.hold(1);
            while (order.size() < round) {
                Thread.onSpinWait(); // the handler has run; its thread is between the last look and the permit's return
            }
        }
        assertThat(most).hasValue(1);
    }

    /** The steps of that race in every order, on one thread: a put, a taker's last look, and the return of its permit. */
    @Test
    void message_gets_a_permit_wherever_its_put_comes_between_the_last_look_and_the_return_of_the_permit() {
        for (int putAt = 0; putAt < 3; putAt++) {
            HandlerPool none =
                    new HandlerPool(task -> new Thread(() -> {}), 0, 1); // counts what is offered, and runs nothing
            HandlerSet handlerSet = ClaimFixture.handlerSet(1, 1, none);
            Consumed queue = new Consumed("q", handlerSet, none);
            handlerSet.requestPermit(queue.runner); // the taker's
            assertThat(none.demand().slices()).isOne();

            for (int step = 0; step < 3; step++) {
                if (step == putAt) {
                    queue.hold(1);
                }
                if (step == 0 && putAt > 0) {
                    assertThat(queue.held.take().isEmpty()).isTrue();
                } else if (step == 1) {
                    handlerSet.releasePermit();
                }
            }

            assertThat(none.demand().slices()).as("put at step %s", putAt).isEqualTo(2);
        }
    }

    @Test
    void permit_goes_past_a_queue_in_line_whose_messages_others_took() {
        HandlerPool none = new HandlerPool(task -> new Thread(() -> {}), 0, 1);
        HandlerSet handlerSet = ClaimFixture.handlerSet(1, 1, none);
        Consumed first = new Consumed("first", handlerSet, none);
        Consumed second = new Consumed("second", handlerSet, none);
        handlerSet.requestPermit(first.runner);
        first.hold(1); // in line
        second.hold(1); // in line behind it
        first.held.take();

        handlerSet.releasePermit();
        assertThat(none.demand().slices())
                .as("one for the taker, one for the second queue")
                .isEqualTo(2);
        second.held.take();
        handlerSet.releasePermit();

        first.hold(1);
        assertThat(none.demand().slices()).as("the permit was free").isEqualTo(3);
    }

    @Test
    void queue_that_holds_nothing_may_have_one_message_beside_a_deep_queue_of_fast_handlers() {
        HandlerSet handlerSet = ClaimFixture.handlerSet(4, 1, pool);
        handlerSet.use(2);
        handlerSet.prefetch().ran(100, Duration.ofMillis(1).toNanos());
        handlerSet.add(handlerSet.prefetch().target());

        assertThat(handlerSet.isWorthAClaim(false)).isFalse();
        assertThat(handlerSet.claimBegins(1_000, false)).isZero();
        assertThat(handlerSet.isWorthAClaim(true)).isTrue();
        assertThat(handlerSet.claimBegins(1_000, true)).isOne();
    }

    @Test
    void slow_handlers_of_two_queues_get_no_more_messages_together_than_they_take() {
        HandlerSet handlerSet = ClaimFixture.handlerSet(4, 1, pool);
        handlerSet.use(2);

        assertThat(handlerSet.claimBegins(3, true)).isEqualTo(3);
        assertThat(handlerSet.claimBegins(3, true)).isOne();
        assertThat(handlerSet.claimBegins(3, true)).isZero();
        assertThat(handlerSet.tryAdd(1)).isFalse();
        handlerSet.claimEnds(3, 1);
        handlerSet.claimEnds(1, 1);
        assertThat(handlerSet.tryAdd(2)).isTrue();
        assertThat(handlerSet.tryAdd(1)).isFalse();
    }

    @Test
    void queues_that_found_no_room_are_named_in_their_order_when_messages_end() {
        HandlerSet handlerSet = ClaimFixture.handlerSet(1, 1, pool);
        QueueClaims first = new ClaimFixture().claims;
        QueueClaims second = new ClaimFixture().claims;
        handlerSet.add(2);
        handlerSet.wantsRoom(first);
        handlerSet.wantsRoom(second);
        handlerSet.wantsRoom(first);

        assertThat(handlerSet.roomFor(1)).as("one is held still").isEmpty();
        assertThat(handlerSet.roomFor(1)).containsExactly(first);
        handlerSet.add(1);
        assertThat(handlerSet.roomFor(1)).containsExactly(second);
        handlerSet.add(1);
        assertThat(handlerSet.roomFor(1)).isEmpty();
    }

    private final class Consumed implements HandlerRunner.Runner {
        private final String name;
        private final HeldMessages held;
        private final HandlerRunner runner;

        Consumed(String name, HandlerSet handlerSet) {
            this(name, handlerSet, pool);
        }

        Consumed(String name, HandlerSet handlerSet, HandlerPool threads) {
            this.name = name;
            Handler handler = Handler.send(name, String.class, (payload, context) -> Outcome.done());
            HandledQueue queue = new HandledQueue(1, name, List.of(handler));
            handlerSet.use(1);
            held = new HeldMessages(
                    handlerSet,
                    bounds,
                    new HeldLeases(),
                    starts,
                    () -> false,
                    released -> {},
                    () -> request(),
                    others -> {},
                    () -> {});
            runner = new HandlerRunner(queue, held, handlerSet, threads, this);
        }

        private void request() {
            runner.request();
        }

        void hold(int messages) {
            List<ClaimedMessage> some = new ArrayList<>();
            for (int i = 0; i < messages; i++) {
                some.add(message(i));
            }
            held.claimEnds(0, messages);
            held.accept(some);
        }

        @Override
        public boolean run(List<ClaimedMessage> messages, Runnable onGivenUp) {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            mayRun.acquireUninterruptibly();
            running.decrementAndGet();
            order.add(name);
            return true;
        }
    }
}

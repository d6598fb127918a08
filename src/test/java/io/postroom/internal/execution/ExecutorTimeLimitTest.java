package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Calls that reach their time limit, are given up or called off, and the messages behind them. */
class ExecutorTimeLimitTest extends ExecutorFixture {
    @Test
    void handler_that_stops_at_its_time_limit_has_failed() {
        run(handler(ExecutorFixture::untilInterrupted).timeLimit(Duration.ofMillis(1)), ClaimedMessages.message());
        assertThat(ends()).containsExactly("RETRY → DELAYED retry");
        assertThat(only().failure().text()).contains("ran longer than its time limit of 1ms");
        assertThat(only().failures()).isEqualTo(1);
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(timesGivenUp).hasValue(0);
    }

    @Test
    void handler_that_does_well_beyond_its_time_limit_is_done() {
        Handler handler = handler(text -> {
            ignoreInterrupts(() -> Thread.currentThread().isInterrupted());
            return Outcome.done();
        });
        run(handler.timeLimit(Duration.ofMillis(1)), ClaimedMessages.message());
        assertThat(ends()).containsExactly("DONE");
    }

    @Test
    void call_that_is_given_up_costs_one_attempt_and_counts_for_nothing_when_it_returns() throws Exception {
        for (String late : List.of("answers", "throws")) {
            CountDownLatch end = new CountDownLatch(1);
            Handler handler = handler(text -> {
                ignoreInterrupts(() -> end.getCount() == 0);
                return late.equals("answers") ? Outcome.done() : fail(text);
            });
            CompletableFuture<Boolean> goesOn = CompletableFuture.supplyAsync(
                    () -> run(handler.timeLimit(Duration.ofMillis(1)), ClaimedMessages.message()));
            awaitGivenUp();
            assertThat(ends()).last().isEqualTo("RETRY → DELAYED retry");
            end.countDown();
            assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        }
        assertThat(ends()).hasSize(2);
        assertThat(store.completions())
                .allSatisfy(end -> assertThat(end.failure().text())
                        .contains("ran longer than its time limit of 1ms and ignored its interrupt"));
        assertThat(timesGivenUp).hasValue(2);
    }

    @Test
    void called_off_message_counts_if_it_did_well_and_else_is_released() {
        run(handler(text -> calledOff(Outcome.done())), ClaimedMessages.message());
        run(handler(text -> calledOff(Outcome.retry("interrupted"))), ClaimedMessages.message());
        run(handler(text -> fail(String.valueOf(calledOff(Outcome.done())))), ClaimedMessages.message());
        assertThat(ends()).containsExactly("DONE", "null → READY null", "null → READY null");
        assertThat(store.completions())
                .allSatisfy(end -> assertThat(end.failures()).isZero());
    }

    @Test
    void called_off_call_that_is_given_up_releases_its_message() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Handler handler = handler(text -> {
                    timeLimits.callOffAll();
                    ignoreInterrupts(() -> end.getCount() == 0);
                    return Outcome.done();
                })
                .timeLimit(Duration.ofMillis(300));
        CompletableFuture<Boolean> goesOn =
                CompletableFuture.supplyAsync(() -> run(handler, ClaimedMessages.message()));
        awaitGivenUp();
        end.countDown();
        assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(ends()).containsExactly("null → READY null");
    }

    @Test
    void interrupt_left_over_on_the_thread_does_not_hit_the_handler() {
        Thread.currentThread().interrupt();
        run(
                handler(text -> Thread.currentThread().isInterrupted() ? fail(text) : Outcome.done()),
                ClaimedMessages.message());
        assertThat(ends()).containsExactly("DONE");
    }

    @Test
    void messages_behind_a_batch_that_is_given_up_are_released() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Handler numbers = Handler.batch("q", Direction.INCOMING, Number.class, 10, (payloads, contexts) -> {
                    ignoreInterrupts(() -> end.getCount() == 0);
                    return done(payloads.size());
                })
                .timeLimit(Duration.ofMillis(1));
        Handler tickets = Handler.process("q", Ticket.class, (payload, context) -> called(payload));
        HandledQueue queue = queue(numbers, tickets);
        List<ClaimedMessage> messages = List.of(
                ClaimedMessages.with(ClaimedMessages.text("1")),
                ClaimedMessages.with(ClaimedMessages.typed("ticket", 1)),
                ClaimedMessages.with(ClaimedMessages.text("2")));
        CompletableFuture<Boolean> goesOn =
                CompletableFuture.supplyAsync(() -> executor(store, queue).run(queue, messages, this::giveUp));
        awaitGivenUp();
        end.countDown();
        assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(messages.stream().map(this::endOf))
                .containsExactly("RETRY → DELAYED retry", "null → READY null", "RETRY → DELAYED retry");
        assertThat(calls).isEmpty();
        assertThat(timesGivenUp).hasValue(1);
    }

    @Test
    void messages_behind_a_single_run_that_is_given_up_are_released() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        Handler handler = batch(texts -> {
                    if (texts.size() > 1) {
                        return failAll();
                    }
                    ignoreInterrupts(() -> texts.get(0).equals("0") || end.getCount() == 0);
                    return done(1);
                })
                .timeLimit(Duration.ofMillis(1));
        CompletableFuture<Boolean> goesOn =
                CompletableFuture.supplyAsync(() -> runAll(handler, ClaimedMessages.together(3)));
        awaitGivenUp();
        end.countDown();
        assertThat(goesOn.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(ends()).containsExactlyInAnyOrder("DONE", "RETRY → DELAYED retry", "null → READY null");
        assertThat(calls).containsExactly("[0, 1, 2]", "[0]", "[1]");
    }
}

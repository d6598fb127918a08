package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Outcome;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Messages of a queue that limits starts: each starts within its time, or not at all. */
class ExecutorLateStartTest extends ExecutorFixture {
    private static ClaimedMessage late() {
        return ClaimedMessages.with(ClaimedMessages.text("\"late\""))
                .startingBetween(null, System.nanoTime() - 1, null);
    }

    private static ClaimedMessage inTime() {
        return ClaimedMessages.with(ClaimedMessages.text("\"in time\""))
                .startingBetween(null, System.nanoTime() + Duration.ofMinutes(5).toNanos(), null);
    }

    private static ClaimedMessage early(long fromNanos) {
        return inTime().startingBetween(
                        fromNanos, fromNanos + Duration.ofMinutes(5).toNanos(), null);
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void a_message_that_comes_too_late_goes_back_unstarted(HandlerMode mode) {
        assertThat(run(handler(text -> Outcome.done()).mode(mode), late())).isTrue();
        assertThat(ends()).containsExactly("null → READY null");
        assertThat(calls).isEmpty();
        assertThat(only().failures()).isZero();
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void a_message_that_comes_in_time_is_started(HandlerMode mode) {
        run(handler(text -> Outcome.done()).mode(mode), inTime());
        assertThat(calls).containsExactly("\"in time\"");
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void a_message_that_is_early_starts_when_its_time_has_come(HandlerMode mode) {
        long from = System.nanoTime() + Duration.ofMillis(20).toNanos();
        AtomicLong started = new AtomicLong();
        run(
                handler(text -> {
                            started.set(System.nanoTime());
                            return Outcome.done();
                        })
                        .mode(mode),
                early(from));
        assertThat(started.get() - from).isNotNegative();
    }

    @Test
    void a_batch_starts_when_the_time_of_its_last_message_has_come() {
        long from = System.nanoTime() + Duration.ofMillis(20).toNanos();
        AtomicLong started = new AtomicLong();
        runAll(
                batch(texts -> {
                    started.set(System.nanoTime());
                    return done(texts.size());
                }),
                List.of(inTime(), early(from)));
        assertThat(started.get() - from).isNotNegative();
    }

    @Test
    void an_interrupt_does_not_make_a_message_start_early_and_is_kept() {
        long from = System.nanoTime() + Duration.ofMillis(20).toNanos();
        Thread.currentThread().interrupt();
        early(from).lease().awaitStart();
        assertThat(System.nanoTime() - from).isNotNegative();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void a_late_message_of_a_batch_does_not_keep_the_others_from_starting() {
        List<ClaimedMessage> messages = List.of(inTime(), late(), inTime());
        runAll(batch(texts -> done(texts.size())), messages);
        assertThat(calls).containsExactly("[\"in time\"]", "[\"in time\"]");
        assertThat(messages).extracting(this::endOf).containsExactly("DONE", "null → READY null", "DONE");
    }
}

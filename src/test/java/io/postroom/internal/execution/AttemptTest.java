package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class AttemptTest {
    @Test
    void called_off_call_that_ignores_its_interrupt_is_given_up() {
        Attempt attempt = new Attempt(
                Handler.process("q", String.class, (text, context) -> Outcome.done())
                        .timeLimit(Duration.ofMillis(1)),
                MessageIds.next());
        attempt.callOff();
        Thread.interrupted();
        long muchLater = System.nanoTime() + Duration.ofDays(2).toNanos();
        assertThat(attempt.interruptIfOvertime(muchLater) || attempt.abandonIfStuck(muchLater, Duration.ofSeconds(5)))
                .isTrue();
    }
}

package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A batch gives each of its messages exactly one end, whatever its handler does. */
class ExecutorBatchTest extends ExecutorFixture {
    @Test
    void batch_answers_for_each_of_its_messages() {
        runAll(
                batch(texts -> List.of(Outcome.done(), Outcome.reject("no"), Outcome.retry("busy"))),
                ClaimedMessages.together(3));
        assertThat(ends()).containsExactly("DONE", "REJECT → DEAD rejected", "RETRY → DELAYED retry");
        assertThat(calls).containsExactly("[0, 1, 2]");
    }

    @Test
    void batch_that_throws_is_run_singly_and_no_failure_is_counted_for_it() {
        runAll(
                batch(texts -> texts.size() > 1 || texts.get(0).equals("1") ? failAll() : done(1)),
                ClaimedMessages.together(3));
        assertThat(ends()).containsExactly("DONE", "RETRY → DELAYED retry", "DONE");
        assertThat(store.completions().get(1).failures()).isEqualTo(1);
        assertThat(calls).containsExactly("[0, 1, 2]", "[0]", "[1]", "[2]");
    }

    @Test
    void batch_at_its_time_limit_has_failed_as_a_whole() {
        Handler handler = batch(texts -> {
            untilInterrupted("");
            return done(texts.size());
        });
        runAll(handler.timeLimit(Duration.ofMillis(1)), ClaimedMessages.together(2));
        assertThat(ends()).containsExactly("RETRY → DELAYED retry", "RETRY → DELAYED retry");
        assertThat(calls).containsExactly("[0, 1]");
    }

    @Test
    void messages_that_do_not_fit_a_batch_get_ends_of_their_own() {
        Handler numbers = Handler.batch("q", Direction.INCOMING, Number.class, 10, (payloads, contexts) -> {
            calls.add(payloads.toString());
            return done(payloads.size());
        });
        Handler tickets = Handler.process("q", Ticket.class, (payload, context) -> called(payload));
        HandledQueue queue = queue(numbers, tickets);
        List<ClaimedMessage> messages = List.of(
                ClaimedMessages.with(ClaimedMessages.text("1")),
                ClaimedMessages.with(ClaimedMessages.text("{}")),
                ClaimedMessages.expired(),
                ClaimedMessages.with(ClaimedMessages.typed("ticket", 1)),
                ClaimedMessages.withoutPayload(),
                ClaimedMessages.with(ClaimedMessages.typed("stranger", 1)),
                ClaimedMessages.with(ClaimedMessages.text("2")));
        assertThat(executor(store, queue).run(queue, messages, this::giveUp)).isTrue();
        assertThat(messages.stream().map(this::endOf))
                .containsExactly(
                        "DONE",
                        "UNDECODABLE → DELAYED undecodable",
                        "EXPIRED",
                        "DONE",
                        "null → DELAYED payload_missing",
                        "null → DELAYED no_handler",
                        "DONE");
        assertThat(calls).containsExactly("[1, 2]", "Ticket[]");
    }
}

package io.postroom.internal.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.CreateMessage;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerStore.KillAnswer;
import io.postroom.internal.storage.ConsumerStore.KillAnswer.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Kill signals among other messages: no handler gets them, and each answer is one end. */
class KillSignalsTest extends ExecutorFixture {
    @Test
    void types_are_compared_exactly() {
        assertThat(KillSignals.isType(CreateMessage.KILL_SIGNAL)).isTrue();
        assertThat(KillSignals.isType("postroom.killed")).isFalse();
        assertThat(KillSignals.isType("Postroom.Kill")).isFalse();
        assertThat(KillSignals.isType(null)).isFalse();
    }

    @Test
    void each_answer_is_one_end() {
        assertThat(end(Kind.DONE)).isEqualTo("DONE FINISHED null");
        assertThat(end(Kind.WAIT)).isEqualTo("SNOOZE DELAYED snooze");
        assertThat(end(Kind.REFUSED)).isEqualTo("REJECT DEAD rejected");
    }

    @Test
    void signal_among_others_is_carried_out_and_no_batch_gets_it() {
        ClaimedMessage signal = ClaimedMessages.with(ClaimedMessages.typed(CreateMessage.KILL_SIGNAL, 1));
        List<ClaimedMessage> messages = List.of(
                ClaimedMessages.with(ClaimedMessages.text("1")),
                signal,
                ClaimedMessages.with(ClaimedMessages.text("2")));
        runAll(batch(texts -> done(texts.size())), messages);
        assertThat(messages.stream().map(this::endOf)).containsExactly("DONE", "DONE", "DONE");
        assertThat(calls).containsExactly("[1, 2]");
        assertThat(obeyed).containsExactly(signal.id());
    }

    private static String end(Kind kind) {
        KillSignals signals = new KillSignals((message, queueId, queue) -> new KillAnswer(kind, "why"));
        Completion end =
                signals.end(queue(), ClaimedMessages.with(ClaimedMessages.typed(CreateMessage.KILL_SIGNAL, 1)));
        return end.outcome() + " " + end.next() + " " + end.reason();
    }
}

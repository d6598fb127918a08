package io.postroom.api;

import static io.postroom.api.MessageState.CANCELLED;
import static io.postroom.api.MessageState.DEAD;
import static io.postroom.api.MessageState.DELAYED;
import static io.postroom.api.MessageState.DONE;
import static io.postroom.api.MessageState.EXPIRED;
import static io.postroom.api.MessageState.IN_PROGRESS;
import static io.postroom.api.MessageState.READY;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MessageStateTest {
    @Test
    void table_of_moves_is_the_one_of_the_design() {
        assertThat(DELAYED.next()).containsExactlyInAnyOrder(READY, DELAYED, CANCELLED, EXPIRED);
        assertThat(READY.next()).containsExactlyInAnyOrder(IN_PROGRESS, DELAYED, CANCELLED, EXPIRED);
        assertThat(IN_PROGRESS.next()).containsExactlyInAnyOrder(DONE, READY, DELAYED, DEAD, CANCELLED, EXPIRED);
        assertThat(DEAD.next()).containsExactlyInAnyOrder(READY, CANCELLED);
        assertThat(DONE.next()).isEmpty();
        assertThat(CANCELLED.next()).isEmpty();
        assertThat(EXPIRED.next()).isEmpty();
    }

    @Test
    void dead_message_has_reached_an_end_but_is_not_finished() {
        assertThat(DEAD.isEnd()).isTrue();
        assertThat(DEAD.isFinished()).isFalse();
        for (MessageState finished : new MessageState[] {DONE, CANCELLED, EXPIRED}) {
            assertThat(finished.isEnd()).isTrue();
            assertThat(finished.isFinished()).isTrue();
        }
        for (MessageState open : new MessageState[] {DELAYED, READY, IN_PROGRESS}) {
            assertThat(open.isEnd()).isFalse();
            assertThat(open.isFinished()).isFalse();
        }
    }
}

package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Shows what a repeat answers about a message that was there already. */
class RetryingWriterTest {
    @Test
    void message_that_a_lost_commit_wrote_counts_as_new() {
        NewMessage message = message(null);

        assertThat(counted(message, wasThere(message.id())).isNew()).isTrue();
    }

    @Test
    void message_with_an_id_of_the_callers_may_have_been_there_before_the_first_try() {
        NewMessage message = message(null).withGivenId();

        assertThat(counted(message, wasThere(message.id())).isNew()).isFalse();
    }

    @Test
    void another_message_with_the_same_deduplication_key_does_not_count_as_new() {
        NewMessage message = message("order-7");
        EnqueueResult other = wasThere(MessageIds.next());

        assertThat(counted(message, other)).isEqualTo(other);
    }

    @Test
    void message_that_the_repeat_wrote_keeps_its_result() {
        NewMessage message = message(null);
        EnqueueResult written = new EnqueueResult(message.id(), true, true, 42, List.of("q"));

        assertThat(counted(message, written)).isEqualTo(written);
    }

    private static EnqueueResult counted(NewMessage message, EnqueueResult result) {
        return RetryingWriter.countOwnAsNew(List.of(message), List.of(result)).get(0);
    }

    private static EnqueueResult wasThere(UUID id) {
        return new EnqueueResult(id, false, true, 0, List.of("q"));
    }

    private static NewMessage message(String deduplicationKey) {
        Content content = new Content(Direction.OUTGOING, null, 0, "{}", null, null, null, null);
        return new NewMessage(MessageIds.next(), false, 1, "mail", 4, content, null, null, null, deduplicationKey);
    }
}

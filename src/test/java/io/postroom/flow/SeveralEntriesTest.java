package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueEntry;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * One stored message waits in two queues, and each entry ends by itself. Both entries have moved from the place where the message was
 * created, so the test covers the lookup of moved entries.
 */
@PostgresTest
class SeveralEntriesTest {
    private final JdbcClient sql;
    private final AtomicInteger handled = new AtomicInteger();
    private final Postroom postroom;
    private final PostroomKit kit;

    SeveralEntriesTest(TestDatabase database) {
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(Handler.process("several.a", Integer.class, (payload, context) -> {
                    handled.addAndGet(payload);
                    return Outcome.done();
                }))
                .handler(Handler.process("several.b", Integer.class, (payload, context) -> Outcome.reject("no")))
                .start();
        kit = PostroomKit.of(postroom);
    }

    @BeforeEach
    void reset() {
        kit.reset();
    }

    @AfterEach
    void every_entry_is_in_one_place() {
        assertThat(Conservation.check(sql)).isEmpty();
        postroom.close();
    }

    @Test
    void each_entry_is_handled_once_and_ends_by_itself() {
        UUID id = messageInBothQueues();
        assertThat(states(id)).containsExactly(MessageState.READY, MessageState.READY);
        kit.drain("several.a", "several.b");
        assertThat(handled).hasValue(7);
        assertThat(states(id)).containsExactly(MessageState.DONE, MessageState.DEAD);
        assertThat(postroom.queueMessages().history(id)).hasSize(2);
        assertThat(postroom.queueMessages().redrive(id)).isEqualTo(1);
        assertThat(states(id)).containsExactly(MessageState.DONE, MessageState.READY);
    }

    @Test
    void cancel_ends_every_entry_that_waits() {
        UUID id = messageInBothQueues();
        kit.drain("several.a");
        assertThat(postroom.queueMessages().cancel(id)).isEqualTo(1);
        assertThat(states(id)).containsExactly(MessageState.DONE, MessageState.CANCELLED);
        UUID other = messageInBothQueues();
        assertThat(postroom.queueMessages().cancel(other)).isEqualTo(2);
        assertThat(states(other)).containsExactly(MessageState.CANCELLED, MessageState.CANCELLED);
    }

    private List<MessageState> states(UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().entries().stream()
                .map(QueueEntry::state)
                .toList();
    }

    private UUID messageInBothQueues() {
        UUID id = postroom.queueMessages().createMessage("several.a", 7).id();
        sql.sql("UPDATE postroom.message SET seq = 0 WHERE id = ?").param(id).update();
        sql.sql("UPDATE postroom.ready SET moved = true WHERE message_id = ?")
                .param(id)
                .update();
        sql.sql("""
                        INSERT INTO postroom.ready (seq, queue_id, priority, message_id)
                        SELECT nextval('postroom.ready_seq'), q.id, 4, ? FROM postroom.queue q WHERE q.name = 'several.b'
                        """).param(id).update();
        return id;
    }
}

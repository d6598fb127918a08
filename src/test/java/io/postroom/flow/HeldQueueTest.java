package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Overflow;
import io.postroom.api.QueueSettings;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A transaction of a user that stays open after it created a message: what waits for it, and what does not. */
@PostgresTest
@Timeout(120)
class HeldQueueTest {
    private final DataSource pool;
    private final JdbcClient sql;
    private final Postroom postroom;
    private Connection open;

    HeldQueueTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
        postroom = Postroom.on(pool).workers(false).start();
    }

    @BeforeEach
    void begin() throws SQLException {
        open = pool.getConnection();
        open.setAutoCommit(false);
    }

    @AfterEach
    void end() throws SQLException {
        open.rollback();
        open.close();
        postroom.close();
    }

    @Test
    void messages_for_a_limited_queue_wait_in_order_and_those_for_others_do_not() throws Exception {
        for (int i = 1; i <= 3; i++) {
            limit("held" + i);
            createInOpenTransaction(message("held" + i, 0));
        }
        List<CompletableFuture<Created>> held = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
            held.add(async(message("held1", i)));
            held.add(async(message("held2", i)));
            held.add(async(message("held3", i)));
            async(message("free", i)).get(60, TimeUnit.SECONDS);
            async(message("free", i).deduplicate("k" + i)).get(60, TimeUnit.SECONDS);
        }
        assertThat(held).noneMatch(CompletableFuture::isDone);
        open.commit();
        for (CompletableFuture<Created> each : held) {
            each.get(60, TimeUnit.SECONDS);
        }
        assertThat(payloads("held1")).containsExactly("0", "1", "2", "3");
        assertThat(payloads("held3")).containsExactly("0", "1", "2", "3");
    }

    @Test
    void messages_behind_one_whose_key_is_held_keep_their_order_and_other_queues_go_on() throws Exception {
        createInOpenTransaction(message("keyed", 0).deduplicate("k"));
        CompletableFuture<Created> repeat = async(message("keyed", 0).deduplicate("k"));
        CompletableFuture<Created> next = async(message("keyed", 1));
        async(message("free.of.keys", 2)).get(60, TimeUnit.SECONDS);
        assertThat(repeat).isNotDone();
        assertThat(next).isNotDone();
        open.commit();
        assertThat(repeat.get(60, TimeUnit.SECONDS).isNew()).isFalse();
        assertThat(next.get(60, TimeUnit.SECONDS).isNew()).isTrue();
        assertThat(payloads("keyed")).containsExactly("0", "1");
    }

    @Test
    void close_fails_what_still_waits_behind_the_message_that_is_being_written() throws Exception {
        limit("closed");
        createInOpenTransaction(message("closed", 0));
        CompletableFuture<Created> first = async(message("closed", 1));
        BlockedSessions.await(pool, 1);
        CompletableFuture<Created> second = async(message("closed", 2));
        postroom.close();
        assertThat(second).isCompletedExceptionally();
        assertThat(first).isNotDone();
        open.commit();
        first.get(60, TimeUnit.SECONDS);
        assertThat(payloads("closed")).containsExactly("0", "1");
    }

    private void limit(String queue) {
        postroom.queues().declare(QueueSettings.of(queue).maxLength(100, Overflow.REJECT));
    }

    private void createInOpenTransaction(CreateMessage message) {
        postroom.queueMessages().createMessage(message, open);
    }

    private CompletableFuture<Created> async(CreateMessage message) {
        return postroom.queueMessages().createMessageAsync(message);
    }

    private static CreateMessage message(String queue, int payload) {
        return CreateMessage.to(queue).payload(payload);
    }

    private List<String> payloads(String queue) {
        return sql.sql("SELECT m.payload::text FROM postroom.ready r JOIN postroom.message m ON m.id = r.message_id"
                        + " JOIN postroom.queue q ON q.id = r.queue_id WHERE q.name = ? ORDER BY r.seq")
                .param(queue)
                .query(String.class)
                .list();
    }
}

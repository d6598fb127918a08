package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.QueueSettings;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Whose turn it is in a fair queue, over many small claims of one process. */
@PostgresTest
class FairTurnsTest {
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final JdbcClient sql;
    private final Stores stores;
    private final int worker;
    private final Postroom postroom;
    private final QueueRow queue;
    private final LaneCursors cursors;
    private boolean isLimited;

    FairTurnsTest(TestDatabase database) {
        HikariDataSource pool = database.pool();
        sql = JdbcClient.create(pool);
        stores = PostgresStores.on(pool);
        worker = stores.workers().register(UUID.randomUUID(), "test", "1");
        postroom = Postroom.on(pool).workers(false).start();
        queue = stores.queues().declare(QueueSettings.of("turns" + NUMBERS.incrementAndGet()));
        cursors = new LaneCursors(queue.id(), queue.name());
        cursors.setFair(true);
    }

    @AfterEach
    void stop() {
        postroom.close();
    }

    @Test
    void what_waited_when_the_queue_became_fair_has_one_turn_in_each_round() {
        send("bb", 4);
        setFair();
        send("a", 3);
        send("b", 2);
        send("c", 3);
        assertThat(claims(12, 1)).containsExactly("c", "b", "a", "bb", "c", "b", "a", "bb", "c", "a", "bb", "bb");
    }

    @Test
    void large_claims_go_on_where_the_last_message_came_from() {
        send("bb", 4);
        setFair();
        send("a", 3);
        send("b", 2);
        send("c", 3);
        assertThat(claims(2, 3)).containsExactly("c", "b", "a", "bb", "c", "b");
        assertThat(claims(1, 6)).containsExactly("a", "bb", "c", "a", "bb", "bb");
    }

    @Test
    void message_that_was_purged_passes_the_turn_on_after_its_group() {
        setFair();
        send("a", 2);
        send("c", 2);
        sql.sql("INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)"
                        + " SELECT nextval('postroom.ready_seq'), :queue, 4, gen_random_uuid(), false, 'b'"
                        + " FROM generate_series(1, 2)")
                .param("queue", queue.id())
                .update();
        assertThat(claims(6, 1)).containsExactly("c", "", "a", "c", "", "a");
    }

    @Test
    void messages_without_a_group_have_one_turn_in_each_round() {
        setFair();
        send("a", 2);
        postroom.queueMessages().createMessages(Collections.nCopies(3, CreateMessage.to(queue.name())));
        assertThat(claims(5, 1)).containsExactly("a", "", "a", "", "");
    }

    @Test
    void group_with_a_weight_has_its_whole_turn_in_small_claims() {
        setFair();
        weigh("b", 3);
        send("a", 9);
        send("b", 9);
        send("c", 9);
        assertThat(claims(10, 1)).containsExactly("c", "b", "b", "b", "a", "c", "b", "b", "b", "a");
        assertThat(claims(4, 2)).containsExactly("c", "b", "b", "b", "a", "c", "a", "c");
    }

    @Test
    void weight_of_the_group_that_is_alone_does_not_lengthen_its_next_turn() {
        setFair();
        weigh("b", 3);
        send("b", 9);
        assertThat(claims(4, 1)).containsExactly("b", "b", "b", "b");
        send("a", 2);
        assertThat(claims(4, 1)).containsExactly("b", "b", "a", "b");
    }

    @Test
    void turn_of_a_group_that_has_nothing_left_goes_to_the_next() {
        setFair();
        weigh("b", 3);
        send("a", 2);
        send("b", 2);
        send("c", 2);
        assertThat(claims(6, 1)).containsExactly("c", "b", "b", "a", "c", "a");
    }

    @Test
    void limited_queue_takes_turns_too() {
        isLimited = true;
        send("d", 2);
        setFair();
        weigh("b", 2);
        sql.sql("SELECT postroom.set_limiter(:queue, max_in_progress => 1000)")
                .param("queue", queue.name())
                .query()
                .singleRow();
        send("a", 3);
        send("b", 3);
        assertThat(claims(8, 1)).containsExactly("b", "b", "a", "d", "b", "a", "d", "a");
    }

    // ---- steps

    private List<String> claims(int claims, int limit) {
        List<String> groups = new ArrayList<>();
        for (int i = 0; i < claims; i++) {
            cursors.arrived(4, 0);
            ClaimRequest request = cursors.request(worker, limit, 200, limit);
            List<ClaimedMessage> claimed = stores.leases().claim(request.withLimiter(isLimited));
            cursors.claimed(request, claimed);
            for (ClaimedMessage message : claimed) {
                String group = message.content().group();
                groups.add(group == null ? "" : group);
            }
        }
        return groups;
    }

    private void send(String group, int messages) {
        postroom.queueMessages()
                .createMessages(Collections.nCopies(
                        messages, CreateMessage.to(queue.name()).group(group)));
    }

    private void setFair() {
        sql.sql("SELECT postroom.set_fair(:queue, true)")
                .param("queue", queue.name())
                .query()
                .singleRow();
    }

    private void weigh(String group, int weight) {
        sql.sql("SELECT postroom.set_group_weight(:queue, :group, :weight)")
                .param("queue", queue.name())
                .param("group", group)
                .param("weight", weight)
                .query()
                .singleRow();
    }
}

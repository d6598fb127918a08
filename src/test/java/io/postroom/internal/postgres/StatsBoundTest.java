package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.QueueStats;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A look at the queues costs the same however many messages wait: counts stop, and say so. */
@PostgresTest
class StatsBoundTest {
    private static final int BOUND = 100_000;

    private final StoreFixture fixture;

    StatsBoundTest(TestDatabase database) {
        fixture = new StoreFixture(database.pool());
    }

    /** Rows without messages, which the counts do not look at. */
    private void fill(int rows) {
        int queue = fixture.queue.id();
        fixture.execute("INSERT INTO postroom.ready (seq, queue_id, priority, deliveries, message_id, group_key)"
                + " SELECT nextval('postroom.ready_seq'), " + queue
                + ", 4, 0, gen_random_uuid(), '' FROM generate_series(1, " + rows + ")");
        fixture.execute("INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)"
                + " SELECT now() + interval '1 day', " + queue
                + ", 4, gen_random_uuid(), 'delay' FROM generate_series(1, "
                + rows + ")");
        fixture.execute(
                "INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)"
                        + " SELECT " + queue + ", 4, 1, 0, 1, gen_random_uuid(), 'rejected' FROM generate_series(1, "
                        + rows + ")");
    }

    private QueueStats stats(String queue) {
        return fixture.stores.operator().stats(queue).get(0);
    }

    @Test
    @Tag("fault-long")
    void counts_stop_and_say_so() {
        fill(BOUND);
        QueueStats exact = stats(fixture.queue.name());
        assertThat(List.of(exact.ready(), exact.delayed(), exact.dead())).containsOnly((long) BOUND);
        assertThat(List.of(exact.readyMore(), exact.delayedMore(), exact.deadMore()))
                .as("all were counted")
                .containsOnly(false);
        fill(1);
        QueueStats more = stats(fixture.queue.name());
        assertThat(List.of(more.ready(), more.delayed(), more.dead())).containsOnly((long) BOUND);
        assertThat(List.of(more.readyMore(), more.delayedMore(), more.deadMore()))
                .containsOnly(true);
        String other = fixture.newQueue().name();
        assertThat(stats(other).readyMore()).isFalse();
        assertThat(stats(other).delayedMore())
                .as("its messages may be due after those that were counted")
                .isTrue();
        assertThat(fixture.stores
                        .operator()
                        .publishedStats(fixture.worker, 1000, 1000)
                        .orElseThrow()
                        .get(0))
                .matches(
                        found -> found.ready() == 1000 && found.readyMore() && found.delayedMore() && found.deadMore());
        assertThat(fixture.stores.operator().publishedStats(0, 1000, 1000))
                .as("a process without handlers leaves it to a worker that counts")
                .isEmpty();
        assertThat(fixture.texts("EXPLAIN SELECT * FROM postroom.queue_stats"))
                .as("whatever the statistics say, no table of messages is read whole")
                .noneMatch(line -> line.matches(".*Seq Scan on (ready|grouped|delayed|dead_letter|message).*"));
    }
}

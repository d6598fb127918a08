package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.JobStore;
import io.postroom.testing.Conservation;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Where the job looks for what is due: behind what it promoted last, and now and then from the start. */
@PostgresTest
class PromoteDueTest {
    private static final Duration LONG_DUE = Duration.ofMinutes(-5);
    private static final Duration JUST_DUE = Duration.ofMillis(-1);

    private final JobStore store;
    private final PlacedMessages messages;
    private final JdbcClient sql;
    private final String queue = "q-" + UUID.randomUUID();

    PromoteDueTest(DataSource pool) {
        store = PostgresStores.on(pool).jobs();
        messages = new PlacedMessages(pool);
        sql = JdbcClient.create(pool);
    }

    @AfterEach
    void nothing_was_lost() {
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void next_look_begins_half_a_minute_before_what_was_promoted_last() {
        PromoteDue job = job(Duration.ofMinutes(1));
        UUID first = delayed(JUST_DUE);
        job.run();
        UUID committedLate = delayed(LONG_DUE);
        UUID withinTheMargin = delayed(Duration.ofSeconds(-20));
        UUID second = delayed(JUST_DUE);

        job.run();

        assertThat(ready()).containsExactlyInAnyOrder(first, withinTheMargin, second);

        job(Duration.ofMinutes(1)).run(); // of a process that has just started

        assertThat(ready()).contains(committedLate);
    }

    @Test
    void what_committed_long_after_its_due_time_is_found_by_the_full_look() {
        PromoteDue job = job(Duration.ZERO);
        UUID first = delayed(JUST_DUE);
        job.run();
        UUID committedLate = delayed(LONG_DUE);

        job.run();

        assertThat(ready()).containsExactlyInAnyOrder(first, committedLate);
    }

    private PromoteDue job(Duration fullLookEvery) {
        return new PromoteDue(store, any -> {}, () -> true, fullLookEvery);
    }

    private UUID delayed(Duration wait) {
        return messages.message(queue).delayed(wait, "delay");
    }

    private List<UUID> ready() {
        return sql.sql("SELECT message_id FROM postroom.ready WHERE queue_id = ?")
                .param(messages.queue(queue))
                .query(UUID.class)
                .list();
    }
}

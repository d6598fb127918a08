package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.JobStore;
import io.postroom.testing.Conservation;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Where the job looks for what is due: behind what it promoted last, and now and then from the start. */
@PostgresTest
class PromoteDueTest {
    private static final Duration LONG_DUE = Duration.ofMinutes(-5);
    private static final Duration JUST_DUE = Duration.ofMillis(-1);

    private final DataSource pool;
    private final JobStore store;
    private final PlacedMessages messages;
    private final JdbcClient sql;
    private final String queue = "q-" + UUID.randomUUID();

    PromoteDueTest(DataSource pool) {
        this.pool = pool;
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
    void waits_longer_where_polls_tell_and_never_beyond_the_next_full_look() {
        Duration minute = Duration.ofMinutes(1);
        assertThat(waitWith(false, false, minute)).isEqualTo(Duration.ofSeconds(1));
        assertThat(waitWith(true, false, minute)).isEqualTo(Duration.ofSeconds(15));
        assertThat(waitWith(true, true, minute)).isEqualTo(Duration.ofSeconds(30));
        assertThat(waitWith(true, true, Duration.ofSeconds(10))).isLessThanOrEqualTo(Duration.ofSeconds(10));
    }

    private Duration waitWith(boolean isPolling, boolean isTold, Duration fullLookEvery) {
        return new PromoteDue(store, any -> {}, () -> isPolling, () -> isTold, schedule -> {}, fullLookEvery).run();
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

    /** The server reports each state for every message, as it does behind a pooler, without a right or with a full disk. */
    @ParameterizedTest
    @ValueSource(
            strings = {"42P05", "26000", "08P01", "42501", "57P01", "57P05", "53100", "53300", "25P02", "25P03", "40P01"
            })
    void healthy_message_is_not_quarantined_for_what_is_not_its_fault(String state) {
        UUID healthy = delayed(JUST_DUE);
        refuseReady("true", state);
        try {
            assertThatThrownBy(() -> job(Duration.ofMinutes(1)).run())
                    .isInstanceOfSatisfying(
                            StoreException.class,
                            error -> assertThat(error.state()).isEqualTo(state));
        } finally {
            acceptReady();
        }
        assertThat(dead()).isEmpty();

        job(Duration.ofMinutes(1)).run();

        assertThat(ready()).containsExactly(healthy);
    }

    @Test
    void message_whose_data_is_refused_is_quarantined_and_the_others_go_on() {
        UUID bad = delayed(Duration.ofSeconds(-10));
        UUID healthy = delayed(JUST_DUE);
        refuseReady("NEW.message_id = '" + bad + "'", "23514");
        try {
            job(Duration.ofMinutes(1)).run();
        } finally {
            acceptReady();
        }
        assertThat(ready()).containsExactly(healthy);
        assertThat(dead()).containsExactly(bad);
    }

    @Test
    void message_that_meets_a_damaged_page_stays_delayed_and_the_others_go_on() {
        UUID unlucky = delayed(Duration.ofSeconds(-10));
        UUID healthy = delayed(JUST_DUE);
        refuseReady("NEW.message_id = '" + unlucky + "'", "XX001");
        try {
            assertThatThrownBy(() -> job(Duration.ofMinutes(1)).run()).isInstanceOf(StoreException.class);
            assertThat(ready()).containsExactly(healthy);
            assertThat(dead()).isEmpty();
        } finally {
            acceptReady();
        }
        job(Duration.ofMinutes(1)).run();
        assertThat(ready()).containsExactlyInAnyOrder(healthy, unlucky);
    }

    /** An open transaction that leaves a message out for the sake of one that is due: it may last, and the job must rest meanwhile. */
    @Test
    void job_rests_ever_longer_while_all_that_is_due_is_locked() throws SQLException {
        UUID locked = delayed(JUST_DUE);
        PromoteDue job = job(Duration.ofMinutes(1));
        try (Connection open = pool.getConnection();
                Statement statement = open.createStatement()) {
            open.setAutoCommit(false);
            statement.execute("SELECT FROM postroom.delayed WHERE message_id = '" + locked + "' FOR UPDATE");
            for (int i = 0; i < 8; i++) {
                job.run();
            }
            assertThat(job.run()).isBetween(Duration.ofMillis(50), Duration.ofMillis(100));
            open.rollback();
        }
        job.run();
        assertThat(ready()).containsExactly(locked);
    }

    private void refuseReady(String when, String state) {
        sql.sql("""
                CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF %s THEN
                        RAISE EXCEPTION 'refused' USING ERRCODE = '%s';
                    END IF;
                    RETURN NEW;
                END
                $$
                """.formatted(when, state)).update();
        sql.sql("CREATE TRIGGER refuse BEFORE INSERT ON postroom.ready FOR EACH ROW EXECUTE FUNCTION public.refuse()")
                .update();
    }

    private void acceptReady() {
        sql.sql("DROP FUNCTION public.refuse CASCADE").update();
    }

    private List<UUID> dead() {
        return sql.sql("SELECT message_id FROM postroom.dead_letter WHERE queue_id = ?")
                .param(messages.queue(queue))
                .query(UUID.class)
                .list();
    }

    private PromoteDue job(Duration fullLookEvery) {
        return new PromoteDue(store, any -> {}, () -> true, () -> true, schedule -> {}, fullLookEvery);
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

package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.internal.jobs.ExpireMessages;
import io.postroom.internal.postgres.StoreFixture.Plan;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.Lane;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Queues, jobs and what an operator does. */
@PostgresTest
class OperateTest {
    private final StoreFixture fixture;
    private final Stores stores;

    OperateTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        stores = fixture.stores;
    }

    private QueueReport report() {
        return fixture.report(new long[10]);
    }

    // ---- queues

    @Test
    void a_declaration_sets_what_it_names_and_leaves_an_operators_values() {
        String name = fixture.queue.name();
        stores.queues().declare(QueueSettings.of(name).attempts(3).timeToLive(Duration.ofDays(2)));
        assertThat(report().maxAttempts()).isEqualTo(3);
        assertThat(stores.queues().queue(name))
                .contains(new QueueRow(fixture.queue.id(), name, Duration.ofDays(2), false, false, false));
        stores.queues().declare(QueueSettings.of(name).retryAfter("1m"));
        assertThat(report().maxAttempts()).isEqualTo(3);
        assertThat(report().retryAfter()).isEqualTo("1m");
        fixture.execute(
                "UPDATE postroom.queue SET max_attempts = 99, settings_by = 'operator' WHERE name = '" + name + "'");
        stores.queues().declare(QueueSettings.of(name).attempts(3));
        assertThat(report().maxAttempts()).isEqualTo(99);
        assertThat(report().operatorSettings()).isTrue();
        assertThat(stores.queues().queue("no-such-queue")).isEmpty();
    }

    @Test
    void a_poll_tells_the_lowest_seq_of_each_lane_from_its_low_watermark_on() {
        long first = fixture.enqueue(fixture.message().priority(3)).seq();
        long second = fixture.enqueue(fixture.message().priority(3)).seq();
        assertThat(report().lowest()[3]).isEqualTo(first);
        assertThat(report().lowest()[4]).isEqualTo(-1);
        long[] lowWatermarks = new long[10];
        lowWatermarks[3] = first + 1;
        assertThat(fixture.report(lowWatermarks).lowest()[3]).isEqualTo(second);
    }

    @Test
    void a_poll_tells_of_consumers_elsewhere() {
        assertThat(report().elsewhere()).isFalse();
        UUID instance = UUID.randomUUID();
        int other = stores.workers().register(instance, "another", "1");
        stores.workers()
                .announce(
                        other,
                        List.of(new ConsumerRow(
                                fixture.queue.id(), "h", Direction.INCOMING, 4, "AT_LEAST_ONCE", List.of("a/1", ""))));
        assertThat(report().elsewhere()).isTrue();
        stores.workers().deregister(other, instance);
        assertThat(report().elsewhere()).isFalse();
    }

    @Test
    void pause_and_resume_leave_a_line_each_and_repeating_changes_nothing() {
        stores.operator().pause(fixture.queue.name(), true);
        stores.operator().pause(fixture.queue.name(), true);
        assertThat(report().paused()).isTrue();
        stores.operator().pause(fixture.queue.name(), false);
        assertThat(report().paused()).isFalse();
        assertThat(fixture.texts("SELECT action FROM postroom.operator_action WHERE queue_id = " + fixture.queue.id()
                        + " ORDER BY at"))
                .containsExactly("pause", "resume");
        assertThatThrownBy(() -> stores.operator().pause("no-such-queue", true))
                .isInstanceOf(QueueNotFoundException.class);
    }

    @Test
    void stats_count_what_is_in_each_place() {
        for (int i = 0; i < 5; i++) {
            fixture.enqueue();
        }
        fixture.enqueue(fixture.message().delay(Duration.ofHours(1)));
        List<ClaimedMessage> held = fixture.claim(3);
        stores.leases().complete(fixture.worker, List.of(dead(held.get(0), "x")));
        QueueStats stats = stores.operator().stats(fixture.queue.name()).get(0);
        assertThat(List.of(stats.ready(), stats.delayed(), stats.inProgress(), stats.dead()))
                .containsExactly(2L, 1L, 2L, 1L);
        assertThat(stats.oldestReadyAt()).isPresent();
        assertThat(stores.operator().stats(null)).extracting(QueueStats::queue).contains(fixture.queue.name());
    }

    @Test
    void purge_cancels_all_that_waits_and_nothing_else() {
        List<Plan> plans = new ArrayList<>();
        for (int i = 0; i < 2500; i++) {
            plans.add(fixture.message().priority(i % 3));
        }
        fixture.enqueueAll(plans.toArray(new Plan[0]));
        fixture.claim(10);
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        UUID elsewhere = fixture.enqueue(new Plan(fixture.newQueue())).id();
        assertThat(stores.operator().purge(fixture.queue.name())).isEqualTo(2491);
        assertThat(stores.queries().states(List.of(delayed, elsewhere)))
                .containsEntry(delayed, MessageState.CANCELLED)
                .containsEntry(elsewhere, MessageState.READY);
        assertThat(fixture.number(
                        "SELECT count(*) FROM postroom.attempt WHERE outcome = 1 AND queue_id = " + fixture.queue.id()))
                .isEqualTo(2491);
        assertThat(stores.operator().stats(fixture.queue.name()).get(0).inProgress())
                .isEqualTo(10);
        assertThat(fixture.text("SELECT done FROM postroom.operator_action WHERE action = 'purge' AND queue_id = "
                        + fixture.queue.id()))
                .isEqualTo("2491");
    }

    @Test
    void delete_cancels_what_waits_and_the_queue_is_gone() {
        UUID id = fixture.enqueue();
        assertThat(stores.operator().delete(fixture.queue.name(), false, false)).isTrue();
        assertThat(stores.queues().queue(fixture.queue.name())).isEmpty();
        assertThat(report().deleted()).isTrue();
        assertThat(stores.queries().states(List.of(id))).containsEntry(id, MessageState.CANCELLED);
        assertThat(stores.operator().delete(fixture.queue.name(), true, true))
                .as("what is not there need not be deleted")
                .isFalse();
        assertThat(stores.queues()
                        .declare(QueueSettings.of(fixture.queue.name()))
                        .id())
                .as("a queue declared again is the same one")
                .isEqualTo(fixture.queue.id());
    }

    @Test
    void delete_refuses_a_queue_that_is_not_empty_or_is_in_use() {
        fixture.enqueue();
        assertThatThrownBy(() -> stores.operator().delete(fixture.queue.name(), true, false))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("not empty");
        stores.workers()
                .announce(
                        fixture.worker,
                        List.of(new ConsumerRow(fixture.queue.id(), "h", Direction.INCOMING, 4, "m", List.of("*"))));
        assertThatThrownBy(() -> stores.operator().delete(fixture.queue.name(), false, true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("consumed by test");
        assertThat(stores.queues().queue(fixture.queue.name())).isPresent();
    }

    // ---- one message

    @Test
    void cancel_takes_a_message_from_wherever_it_waits() {
        UUID ready = fixture.enqueue();
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        UUID moved = fixture.enqueue(fixture.message().priority(9)).id();
        stores.leases().complete(fixture.worker, List.of(Completion.release(fixture.claimOne())));
        for (UUID id : List.of(ready, delayed, moved)) {
            assertThat(stores.operator().cancel(id)).isOne();
            assertThat(fixture.places(id)).containsExactly("finished");
            assertThat(stores.operator().cancel(id)).as("again").isZero();
        }
        UUID held = fixture.enqueue();
        fixture.claimOne();
        assertThat(stores.operator().cancel(held)).isZero();
        assertThat(stores.operator().cancel(MessageIds.next())).isZero();
    }

    @Test
    void reschedule_moves_a_waiting_message_and_the_past_means_now() {
        UUID id = fixture.enqueue();
        assertThat(stores.operator().reschedule(id, Instant.now().plusSeconds(3600)))
                .isOne();
        assertThat(fixture.places(id)).containsExactly("delayed");
        assertThat(stores.operator().reschedule(id, Instant.now().minusSeconds(3600)))
                .isOne();
        stores.jobs().promote(null, 10_000);
        assertThat(fixture.places(id)).containsExactly("ready");
    }

    @Test
    void reschedule_to_no_time_or_to_a_time_without_end_is_refused_and_moves_nothing() {
        UUID id = fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        for (String at : List.of("NULL", "'infinity'", "'-infinity'", "now() + interval '401 days'")) {
            assertThatThrownBy(() -> fixture.text("SELECT postroom.reschedule('" + id + "', " + at + ")"))
                    .as(at)
                    .hasStackTraceContaining("at must be")
                    .hasStackTraceContaining("at most 400 days ahead");
        }
        assertThat(fixture.places(id)).containsExactly("delayed");
        assertThat(fixture.text(
                        "SELECT due_at > now() + interval '59 minutes' FROM postroom.delayed WHERE message_id = '" + id
                                + "'"))
                .isEqualTo("t");
    }

    @Test
    void redrive_puts_a_dead_letter_back_with_its_failures_forgotten() {
        UUID id = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(dead(fixture.claimOne(), "x")));
        assertThat(stores.operator().redrive(id)).isOne();
        ClaimedMessage again = fixture.claimOne();
        assertThat(again.id()).isEqualTo(id);
        assertThat(again.counters().failures()).isZero();
        assertThat(again.counters().deliveries()).isOne();
        assertThat(stores.operator().redrive(id)).isZero();
    }

    @Test
    void cancelling_a_message_whose_number_was_given_out_again_takes_no_other() {
        UUID old = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(done(fixture.claimOne())));
        UUID waiting = fixture.enqueue();
        fixture.execute("UPDATE postroom.message SET seq = (SELECT seq FROM postroom.message WHERE id = '" + waiting
                + "') WHERE id = '" + old + "'"); // as after a failover to a server whose sequence was behind
        assertThat(stores.operator().cancel(old)).isZero();
        assertThat(fixture.places(waiting)).containsExactly("ready");
    }

    // ---- jobs

    @Test
    void promote_moves_what_is_due_and_says_to_which_lanes() {
        UUID due = fixture.enqueue(fixture.message().priority(6).delay(Duration.ofSeconds(30)))
                .id();
        UUID later =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(3))).id();
        assertThat(stores.jobs().promote(null, 10_000).arrivals()).noneMatch(this::isMine);
        fixture.execute(
                "UPDATE postroom.delayed SET due_at = due_at - interval '1 minute' WHERE message_id = '" + due + "'");
        assertThat(stores.jobs().untilNextDue(null).message()).isZero();
        JobStore.PromoteResult promoted = stores.jobs().promote(null, 10_000);
        assertThat(promoted.arrivals()).filteredOn(this::isMine).singleElement().satisfies(arrival -> {
            assertThat(arrival.lane()).isEqualTo(new Lane(fixture.queue.id(), 6));
            assertThat(arrival.count()).isOne();
        });
        assertThat(promoted.lastDueAt()).isNotNull();
        assertThat(fixture.places(due)).containsExactly("ready");
        assertThat(fixture.places(later)).containsExactly("delayed");
    }

    private boolean isMine(Arrival arrival) {
        return arrival.lane().queueId() == fixture.queue.id();
    }

    @Test
    void a_row_that_cannot_be_promoted_is_put_aside_and_the_rest_go_on() {
        UUID bad =
                fixture.enqueue(fixture.message().delay(Duration.ofSeconds(1))).id();
        UUID good =
                fixture.enqueue(fixture.message().delay(Duration.ofSeconds(1))).id();
        fixture.execute("UPDATE postroom.delayed SET due_at = due_at - interval '1 minute' WHERE queue_id = "
                + fixture.queue.id());
        fixture.execute(
                "ALTER TABLE postroom.ready ADD CONSTRAINT poison CHECK (message_id <> '" + bad + "') NOT VALID");
        try {
            assertThatThrownBy(() -> stores.jobs().promote(null, 10_000)).hasMessageContaining("poison");
            assertThat(stores.jobs().due(10_000)).contains(bad, good);
            stores.jobs().promoteOrQuarantine(bad);
            stores.jobs().promoteOrQuarantine(good);
        } finally {
            fixture.execute("ALTER TABLE postroom.ready DROP CONSTRAINT poison");
        }
        assertThat(fixture.places(good)).containsExactly("ready");
        assertThat(fixture.places(bad)).containsExactly("dead");
        assertThat(fixture.text("SELECT reason FROM postroom.dead_letter WHERE message_id = '" + bad + "'"))
                .isEqualTo("quarantined");
    }

    @Test
    void expire_gets_past_many_messages_of_one_instant() {
        Plan[] plans = new Plan[1_300];
        java.util.Arrays.setAll(plans, i -> fixture.message().timeToLive(Duration.ofMinutes(1)));
        fixture.enqueueAll(plans);
        UUID later = fixture.enqueue(fixture.message().timeToLive(Duration.ofMinutes(1)))
                .id();
        fixture.execute("UPDATE postroom.message SET expires_at = expires_at - interval '2 minutes' WHERE queue_id = "
                + fixture.queue.id());
        new ExpireMessages(stores.jobs()).run();
        assertThat(fixture.number(
                        "SELECT count(*) FROM postroom.attempt WHERE outcome = 2 AND queue_id = " + fixture.queue.id()))
                .isEqualTo(1_301);
        assertThat(fixture.places(later)).containsExactly("finished");
    }

    @Test
    void what_comes_to_wait_in_a_deleted_queue_is_cancelled() throws SQLException {
        fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        UUID ready;
        UUID delayed;
        try (Connection open = fixture.pool.getConnection()) {
            open.setAutoCommit(false);
            ready = stores.enqueue().enqueue(fixture.message().build(), open).id();
            delayed = stores.enqueue()
                    .enqueue(fixture.message().delay(Duration.ofHours(1)).build(), open)
                    .id();
            stores.operator().delete(fixture.queue.name(), false, false);
            open.commit();
        }
        stores.leases().complete(fixture.worker, List.of(Completion.release(held)));
        new ExpireMessages(stores.jobs()).run();
        assertThat(fixture.places(ready)).as("just deleted").containsExactly("ready");
        fixture.execute("UPDATE postroom.queue SET deleted_at = deleted_at - interval '16 seconds' WHERE id = "
                + fixture.queue.id());
        assertThat(stores.jobs().cancelDeleted(Duration.ofSeconds(15), 1, true))
                .as("bounded")
                .isOne();
        new ExpireMessages(stores.jobs()).run();
        assertThat(stores.queries().states(List.of(ready, delayed, held.id())).values())
                .containsOnly(MessageState.CANCELLED);
        assertThat(stores.jobs().cancelDeleted(Duration.ofSeconds(15), 10, true))
                .isZero();
    }

    @Test
    void expire_ends_what_waits_too_long_but_not_what_is_in_progress() {
        UUID held = fixture.enqueue(fixture.message().timeToLive(Duration.ofMinutes(1)))
                .id();
        fixture.claimOne();
        UUID ready = fixture.enqueue(fixture.message().timeToLive(Duration.ofMinutes(1)))
                .id();
        UUID delayed = fixture.enqueue(
                        fixture.message().timeToLive(Duration.ofMinutes(1)).delay(Duration.ofSeconds(30)))
                .id();
        UUID living = fixture.enqueue(fixture.message().timeToLive(Duration.ofHours(1)))
                .id();
        fixture.execute("UPDATE postroom.message SET expires_at = expires_at - interval '2 minutes' WHERE queue_id = "
                + fixture.queue.id());
        assertThat(stores.jobs().expire(null, null, 10_000)).isEqualTo(new JobStore.Expiry(null, null));
        assertThat(fixture.places(held)).containsExactly("lease");
        assertThat(fixture.places(ready)).containsExactly("finished");
        assertThat(fixture.places(delayed)).containsExactly("finished");
        assertThat(fixture.places(living)).containsExactly("ready");
        assertThat(stores.queries().states(List.of(ready))).containsEntry(ready, MessageState.EXPIRED);
    }

    @Test
    void a_message_past_its_time_says_so_when_it_is_claimed() {
        fixture.enqueue(fixture.message().timeToLive(Duration.ofMillis(1)));
        fixture.execute("UPDATE postroom.message SET expires_at = expires_at - interval '1 minute' WHERE queue_id = "
                + fixture.queue.id());
        assertThat(fixture.claimOne().expired()).isTrue();
    }

    @Test
    void advance_makes_what_waits_due_and_leaves_workers_alone() {
        UUID id = fixture.enqueue();
        stores.leases().complete(fixture.worker, List.of(retry(fixture.claimOne(), Duration.ofDays(2), "x")));
        stores.operator().advance(Duration.ofDays(2));
        stores.jobs().promote(null, 10_000);
        assertThat(fixture.places(id)).containsExactly("ready");
        assertThat(stores.workers().beat(fixture.worker, fixture.instance)).isTrue();
    }

    @Test
    void a_payload_is_read_again_in_a_new_snapshot() {
        fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        assertThat(stores.leases().reload(held))
                .hasValueSatisfying(message -> assertThat(message.content().payload())
                        .isEqualTo(held.content().payload()));
        fixture.execute("DELETE FROM postroom.message WHERE id = '" + held.id() + "'");
        assertThat(stores.leases().reload(held)).isEqualTo(Optional.empty());
        stores.leases().complete(fixture.worker, List.of(done(held)));
    }
}

package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.api.Schedule;
import io.postroom.api.ScheduleRun;
import io.postroom.api.Schedules;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.schedules.RunPlanner;
import io.postroom.internal.schedules.ZoneVersion;
import io.postroom.internal.storage.ScheduleStore;
import io.postroom.test.PostroomKit;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two nodes and one schedule: one has begun to fire it, and its transaction is open. */
@PostgresTest
class ScheduleRaceTest {
    private final TestDatabase database;
    private final ScheduleStore firstNode;
    private final Postroom secondNode;
    private final PostroomKit kit;
    private final Schedules schedules;
    private final List<String> handled = new ArrayList<>();
    private final ExecutorService threads = Executors.newFixedThreadPool(2);
    private final CountDownLatch mayGoOn = new CountDownLatch(1);

    ScheduleRaceTest(TestDatabase database) {
        this.database = database;
        firstNode = PostgresStores.on(database.newPool(2)).schedules();
        secondNode = Postroom.on(database.pool())
                .workers(false)
                .handler(Handler.send("runs", String.class, (payload, context) -> {
                    handled.add(context.headers().get(Schedule.PLANNED_AT));
                    return Outcome.done();
                }))
                .start();
        schedules = secondNode.schedules();
        kit = PostroomKit.of(secondNode);
    }

    @BeforeEach
    void makeOneDue() {
        schedules.declare(Schedule.every("each", Duration.ofHours(1))
                .message(CreateMessage.to("runs").json("1")));
        assertThat(kit.drain("runs")).isZero(); // plans it
        kit.advance(Duration.ofMinutes(61));
    }

    @AfterEach
    void close() {
        threads.shutdownNow();
        schedules.delete("each");
        kit.reset();
        secondNode.close();
    }

    /** Begins to fire on the first node, and stops within the transaction until {@link #mayGoOn}; then it commits, or fails. */
    private Future<Integer> beginToFire(boolean commits) throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        Future<Integer> firing = threads.submit(() -> firstNode.fire(500, null, (due, now, connection) -> {
            begun.countDown();
            await(mayGoOn);
            if (!commits) {
                throw new IllegalStateException("the node dies");
            }
            return due.stream()
                    .map(one -> RunPlanner.plan(one, now, ZoneVersion.ours()))
                    .toList();
        }));
        await(begun);
        return firing;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void schedule_that_one_node_fires_is_not_fired_by_another() throws Exception {
        Future<Integer> firing = beginToFire(true);
        assertThat(kit.drain("runs")).as("while the other node fires").isZero();
        mayGoOn.countDown();
        assertThat(firing.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        assertThat(kit.drain("runs")).as("the other node has fired").isZero();
        assertThat(schedules.runs("each")).extracting(ScheduleRun::outcome).containsExactly(ScheduleRun.Outcome.FIRED);
    }

    @Test
    void schedule_of_a_node_that_dies_while_it_fires_is_fired_by_another() throws Exception {
        Future<Integer> firing = beginToFire(false);
        mayGoOn.countDown();
        assertThatThrownBy(() -> firing.get(30, TimeUnit.SECONDS)).hasMessageContaining("the node dies");
        kit.drain("runs");
        assertThat(handled).hasSize(1);
        kit.drain("runs");
        assertThat(handled).as("once").hasSize(1);
    }

    @Test
    void pause_waits_for_a_run_that_has_begun_and_lets_no_other_begin() throws Exception {
        Future<Integer> firing = beginToFire(true);
        Future<Boolean> pausing = threads.submit(() -> schedules.pause("each"));
        BlockedSessions.await(database.pool(), 1);
        mayGoOn.countDown();
        assertThat(firing.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        assertThat(pausing.get(30, TimeUnit.SECONDS)).isTrue();
        kit.advance(Duration.ofHours(3));
        assertThat(kit.drain("runs")).isZero();
        assertThat(schedules.runs("each")).hasSize(1);
    }

    @Test
    void deletion_waits_for_a_run_that_has_begun() throws Exception {
        Future<Integer> firing = beginToFire(true);
        Future<Boolean> deleting = threads.submit(() -> schedules.delete("each"));
        BlockedSessions.await(database.pool(), 1);
        mayGoOn.countDown();
        assertThat(firing.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        assertThat(deleting.get(30, TimeUnit.SECONDS)).isTrue();
        assertThat(schedules.find("each")).isEmpty();
        assertThat(kit.drain("runs")).isZero();
    }

    /** The plan of the first node is that of the old text: the new one must not be lost under it. */
    @Test
    void changed_declaration_waits_for_a_run_that_has_begun_and_holds_after_it() throws Exception {
        Future<Integer> firing = beginToFire(true);
        Future<Boolean> declaring = threads.submit(() -> schedules.declare(Schedule.every("each", Duration.ofHours(5))
                .message(CreateMessage.to("runs").json("2"))));
        BlockedSessions.await(database.pool(), 1);
        mayGoOn.countDown();
        assertThat(firing.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        assertThat(declaring.get(30, TimeUnit.SECONDS)).isTrue();
        kit.drain("runs");
        assertThat(schedules.find("each").orElseThrow().timing())
                .isEqualTo(new Schedule.Timing.Every(Duration.ofHours(5)));
        kit.advance(Duration.ofHours(4));
        assertThat(kit.drain("runs")).isZero();
        kit.advance(Duration.ofHours(2));
        assertThat(kit.drain("runs")).isEqualTo(1);
    }

    @Test
    void two_nodes_that_declare_another_text_at_once_leave_one_of_the_two() throws Exception {
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            open.createStatement()
                    .execute("SELECT postroom.create_schedule('each', '{\"queue\": \"runs\"}', every => '2 hours',"
                            + " set_by => 'declaration')");
            Future<Boolean> declaring =
                    threads.submit(() -> schedules.declare(Schedule.every("each", Duration.ofHours(3))
                            .message(CreateMessage.to("runs").json("3"))));
            BlockedSessions.await(database.pool(), 1);
            open.commit();
            assertThat(declaring.get(30, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(schedules.find("each").orElseThrow().timing())
                .isEqualTo(new Schedule.Timing.Every(Duration.ofHours(3)));
    }

    /** The declaration has read the row before the operator's change commits, and must not write over it. */
    @Test
    void declaration_that_waits_for_an_operator_leaves_what_that_one_has_set() throws Exception {
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            open.createStatement()
                    .execute("SELECT postroom.create_schedule('each', '{\"queue\": \"runs\"}', every => '2 hours')");
            Future<Boolean> declaring =
                    threads.submit(() -> schedules.declare(Schedule.every("each", Duration.ofHours(3))
                            .message(CreateMessage.to("runs").json("3"))));
            BlockedSessions.await(database.pool(), 1);
            open.commit();
            assertThat(declaring.get(30, TimeUnit.SECONDS)).isFalse();
        }
        assertThat(schedules.find("each").orElseThrow().timing())
                .isEqualTo(new Schedule.Timing.Every(Duration.ofHours(2)));
    }
}

package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.postroom.api.ConsumerInfo;
import io.postroom.api.ConsumerState;
import io.postroom.api.Direction;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.Receipts;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.ConsumerStore;
import io.postroom.internal.storage.ConsumerStore.KillAnswer;
import io.postroom.internal.storage.ConsumerStore.StopOrder;
import io.postroom.internal.storage.QueueReport.Stop;
import io.postroom.internal.storage.WorkerStore;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Orders to stop consumers and the answers of their processes, also in the orders of steps that would lose one. */
@PostgresTest
class ConsumerStopTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final ConsumerStore consumers;
    private final WorkerStore workers;
    private final String queue;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Connection> opened = new ArrayList<>();

    ConsumerStopTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        consumers = fixture.stores.consumers();
        workers = fixture.stores.workers();
        queue = fixture.queue.name();
    }

    @AfterEach
    void endAll() throws SQLException {
        for (Connection connection : opened) {
            connection.close();
        }
        threads.shutdownNow();
    }

    // ---- steps

    private record Worker(int id, UUID instance) {}

    private Worker consumer(String name) {
        UUID instance = UUID.randomUUID();
        Worker worker = new Worker(workers.register(instance, name, "1"), instance);
        announce(worker);
        return worker;
    }

    private void announce(Worker worker) {
        workers.announce(
                worker.id(),
                List.of(new ConsumerRow(fixture.queue.id(), "h", Direction.INCOMING, 4, "LEASED", List.of("*"))));
    }

    private Worker own() {
        Worker own = new Worker(fixture.worker, fixture.instance);
        announce(own);
        return own;
    }

    private boolean answer(Worker worker, int held) {
        return workers.reportStopped(worker.id(), worker.instance(), fixture.queue.id(), queue, held);
    }

    private Stop told() {
        return fixture.report(new long[10]).stop();
    }

    private Connection begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        return connection;
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private <T> Future<T> startAndAwaitLock(Callable<T> step) {
        Future<T> started = threads.submit(step);
        BlockedSessions.await(fixture.pool, 1);
        return started;
    }

    private static <T> T end(Future<T> future) throws Exception {
        return future.get(30, TimeUnit.SECONDS);
    }

    private List<String> stopped() {
        return fixture.texts("SELECT worker FROM postroom.consumer_stops WHERE queue = '" + queue + "' ORDER BY 1");
    }

    // ---- races

    /** Without the lock on the queue's row both would choose the two latest heartbeats, and one consumer would go on. */
    @Test
    void two_orders_at_once_never_choose_the_same_consumer() throws Exception {
        List.of("a", "b", "c").forEach(this::consumer);
        Connection first = begin();
        assertThat(text(first, "SELECT postroom.stop_consumers('" + queue + "', 2)"))
                .isEqualTo("2");
        Future<StopOrder> second = startAndAwaitLock(() -> consumers.stop(queue, 2));

        first.commit();

        assertThat(end(second).told()).isEqualTo(1);
        assertThat(stopped()).containsExactly("a", "b", "c");
    }

    /** The second order finds all consumers free again. */
    @Test
    void order_that_is_rolled_back_stops_nobody() throws Exception {
        List.of("a", "b").forEach(this::consumer);
        Connection first = begin();
        text(first, "SELECT postroom.stop_consumers('" + queue + "', 2)");
        Future<StopOrder> second = startAndAwaitLock(() -> consumers.stop(queue, 1));

        first.rollback();

        assertThat(end(second).told()).isEqualTo(1);
        assertThat(stopped()).hasSize(1);
    }

    /** An answer written after the DELETE would keep the consumer stopped until the next start. */
    @Test
    void answer_to_an_order_for_all_that_meets_a_start_leaves_nothing_behind() throws Exception {
        consumers.stop(queue, null);
        Worker late = own();
        Connection starting = begin();
        text(starting, "SELECT postroom.start_consumers('" + queue + "')");
        Future<Boolean> answer = startAndAwaitLock(() -> answer(late, 0));

        starting.commit();

        assertThat(end(answer)).isFalse();
        assertThat(stopped()).isEmpty();
        assertThat(told()).isEqualTo(Stop.NONE);
    }

    @Test
    void start_that_meets_an_answer_removes_it() throws Exception {
        consumers.stop(queue, null);
        Worker late = own();
        Connection answering = begin();
        assertThat(text(
                        answering,
                        "SELECT postroom.report_stopped(%s, '%s', %s, '%s', 0)"
                                .formatted(late.id(), late.instance(), fixture.queue.id(), queue)))
                .isEqualTo("t");
        Future<Integer> start = startAndAwaitLock(() -> consumers.start(queue));

        answering.commit();

        assertThat(end(start)).isEqualTo(1);
        assertThat(stopped()).isEmpty();
    }

    /** The answer to the first order must not count for the second one, and the second one must be told as new. */
    @Test
    void order_after_a_start_between_two_polls_asks_for_another_answer() {
        Worker own = own();
        consumers.stop(queue, 1);
        assertThat(told()).isEqualTo(Stop.ORDERED);
        assertThat(answer(own, 0)).isTrue();
        assertThat(told()).isEqualTo(Stop.CONFIRMED);
        consumers.start(queue);

        StopOrder second = consumers.stop(queue, 1);

        assertThat(told()).isEqualTo(Stop.ORDERED);
        assertThat(consumers.receipts(second).stopped()).isZero();
        assertThat(answer(own, 0)).isTrue();
        assertThat(consumers.receipts(second)).isEqualTo(new Receipts(1, 1, 0, List.of()));
    }

    // ---- orders and answers

    @Test
    void receipts_say_who_is_silent_and_what_it_holds() {
        own();
        Worker other = consumer("other");
        for (int i = 0; i < 5; i++) {
            fixture.enqueue();
        }
        fixture.claim(3);
        StopOrder order = consumers.stop(queue, null);
        answer(other, 2);

        Receipts receipts = consumers.receipts(order);

        assertThat(receipts.toString()).isEqualTo("1 of 2 stopped, 5 in flight; no answer from test, which holds 3");
        assertThat(receipts.isComplete()).isFalse();
        assertThat(consumers.consumers(queue))
                .extracting(ConsumerInfo::worker, ConsumerInfo::state, ConsumerInfo::inFlight)
                .containsExactly(tuple("other", ConsumerState.STOPPING, 2), tuple("test", ConsumerState.STOPPING, 3));
    }

    @Test
    void process_that_ended_counts_as_stopped_and_one_of_long_ago_does_not_count() {
        consumers.stop(queue, 1); // nobody
        Worker gone = consumer("gone");
        assertThat(consumers.stop(queue, 1).told()).isEqualTo(1);
        workers.deregister(gone.id(), gone.instance());
        Worker ending = consumer("ending");
        StopOrder order = consumers.stop(queue, null);
        workers.deregister(ending.id(), ending.instance());

        assertThat(consumers.receipts(order)).isEqualTo(new Receipts(1, 1, 0, List.of()));
        assertThat(consumers.consumers(queue)).isEmpty();
    }

    @Test
    void order_for_all_counts_those_that_stopped_before_and_those_that_start_later() {
        Worker first = consumer("first");
        consumers.stop(queue, 1);
        answer(first, 0);
        StopOrder all = consumers.stop(queue, null);
        assertThat(all.told()).isZero();
        assertThat(consumers.receipts(all)).isEqualTo(new Receipts(1, 1, 0, List.of()));

        Worker later = own();
        assertThat(told()).isEqualTo(Stop.ORDERED);
        assertThat(consumers.receipts(all).toString())
                .isEqualTo("1 of 2 stopped, 0 in flight; no answer from test, which holds 0");
        assertThat(answer(later, 0)).isTrue();
        assertThat(consumers.receipts(all).isComplete()).isTrue();

        assertThat(consumers.start(queue)).isEqualTo(2);
        assertThat(told()).isEqualTo(Stop.NONE);
        assertThat(consumers.start(queue)).isZero();
    }

    @Test
    void number_counts_those_alone_that_run() {
        consumer("a");
        consumer("b");
        fixture.silence(consumer("silent for an hour").id());
        assertThat(consumers.stop(queue, 1).told()).isEqualTo(1);
        assertThat(consumers.stop(queue, 5).told()).isEqualTo(1);
        StopOrder third = consumers.stop(queue, 5);
        assertThat(consumers.receipts(third)).isEqualTo(new Receipts(0, 0, 0, List.of()));
        assertThat(consumers.receipts(third).isComplete()).isTrue();
    }

    @Test
    void answer_under_a_number_that_belongs_to_another_process_or_queue_is_not_noted() {
        Worker own = own();
        StopOrder order = consumers.stop(queue, 1);
        assertThat(answer(new Worker(own.id(), UUID.randomUUID()), 0)).isFalse();
        assertThat(workers.reportStopped(own.id(), own.instance(), fixture.queue.id(), "another", 0))
                .isFalse();
        assertThat(consumers.receipts(order).stopped()).isZero();
        assertThat(told()).isEqualTo(Stop.ORDERED);
    }

    @Test
    void poll_that_knows_all_changes_until_now_is_told_of_an_order() {
        own();
        String before = fixture.summary().horizon();
        long digest = fixture.summary().queues();
        consumers.stop(queue, 1);
        assertThat(fixture.summary().queues()).isNotEqualTo(digest);
        assertThat(fixture.pollEvenly(0, before, false).queues())
                .filteredOn(report -> report.queueId() == fixture.queue.id())
                .singleElement()
                .satisfies(report -> assertThat(report.stop()).isEqualTo(Stop.ORDERED));
    }

    @Test
    void unknown_queue_and_senseless_number_are_refused() {
        assertThatThrownBy(() -> consumers.stop("no-such-queue", null)).isInstanceOf(QueueNotFoundException.class);
        assertThatThrownBy(() -> consumers.start("no-such-queue")).isInstanceOf(QueueNotFoundException.class);
        assertThatThrownBy(() -> consumers.consumers("no-such-queue")).isInstanceOf(QueueNotFoundException.class);
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.stop_consumers('no-such-queue')"))
                .hasStackTraceContaining("queue must be one that exists, got \"no-such-queue\"");
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.start_consumers('no-such-queue')"))
                .hasStackTraceContaining("queue must be one that exists, got \"no-such-queue\"");
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.stop_consumers('" + queue + "', 0)"))
                .hasStackTraceContaining("how_many must be 1 or more, or null for all, got \"0\"");
        fixture.stores.operator().delete(queue, false, false);
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.stop_consumers('" + queue + "')"))
                .hasStackTraceContaining("queue must be one that exists");
    }

    @Test
    void each_order_leaves_a_line_with_its_actor() {
        own();
        consumers.stop(queue, 3);
        consumers.stop(queue, null);
        consumers.start(queue);
        assertThat(fixture.texts(
                        "SELECT concat_ws(' | ', action, actor = current_user, note) FROM postroom.operator_log"
                                + " WHERE queue = '" + queue + "' ORDER BY at"))
                .containsExactly(
                        "stop_consumers | t | 1 of 3 asked for",
                        "stop_consumers | t | all, 0 of them now",
                        "start_consumers | t | 1 that had been told to stop");
    }

    @Test
    void message_is_explained_by_consumers_that_are_stopped() {
        own();
        UUID id = fixture.enqueue();
        consumers.stop(queue, 1);
        assertThat(fixture.texts("SELECT postroom.explain('" + id + "')").get(0))
                .startsWith("consumers_stopped: each live consumer of queue \"" + queue + "\" is told to stop;");
        consumers.stop(queue, null);
        assertThat(fixture.texts("SELECT postroom.explain('" + id + "')"))
                .filteredOn(line -> line.startsWith("consumers_stopped"))
                .singleElement()
                .asString()
                .contains("all consumers of queue \"" + queue + "\" are told to stop since");
    }

    // ---- kill signals

    private UUID killSignal(String queueName, int howMany) {
        return UUID.fromString(fixture.text("SELECT postroom.kill_signal('" + queueName + "', " + howMany + ")"));
    }

    private KillAnswer.Kind obey(UUID signal) {
        return consumers.obey(signal, fixture.queue.id(), queue).kind();
    }

    /** After a crash between the order and the end of the message it runs again. */
    @Test
    void signal_that_runs_twice_stops_its_number_of_consumers_once() {
        List.of("a", "b", "c").forEach(this::consumer);
        UUID signal = killSignal(queue, 1);
        assertThat(obey(signal)).isEqualTo(KillAnswer.Kind.DONE);
        assertThat(obey(signal)).isEqualTo(KillAnswer.Kind.DONE);
        assertThat(stopped()).hasSize(1);
    }

    @Test
    void signal_that_two_processes_obey_at_once_stops_its_number_of_consumers_once() throws Exception {
        List.of("a", "b", "c").forEach(this::consumer);
        UUID signal = killSignal(queue, 1);
        Connection first = begin();
        text(
                first,
                "SELECT answer FROM postroom.obey_kill_signal('%s', %s, '%s')"
                        .formatted(signal, fixture.queue.id(), queue));
        Future<KillAnswer.Kind> second = startAndAwaitLock(() -> obey(signal));
        first.commit();
        assertThat(end(second)).isEqualTo(KillAnswer.Kind.DONE);
        assertThat(stopped()).hasSize(1);
    }

    /** After a wait its place in READY is behind messages that came later; those it must not wait for. */
    @Test
    void signal_waits_for_what_came_before_it_in_any_lane_and_for_nothing_else() {
        consumer("a");
        UUID before = fixture.enqueue(fixture.message().priority(0)).id();
        UUID signal = killSignal(queue, 1);
        fixture.enqueue();
        assertThat(obey(signal)).isEqualTo(KillAnswer.Kind.WAIT);
        assertThat(stopped()).isEmpty();
        fixture.text("SELECT postroom.cancel('" + before + "')");
        assertThat(obey(signal)).isEqualTo(KillAnswer.Kind.DONE);
        assertThat(stopped()).containsExactly("a");
    }

    /** In an ordered queue most of what is READY waits behind its group; it becomes READY with a new seq when its turn comes. */
    @Test
    void signal_waits_for_what_waits_behind_its_group_and_not_for_a_group_that_stands_still() {
        String ordered = queue + ".ordered";
        int id = fixture.stores
                .queues()
                .declare(QueueSettings.of(ordered).ordered(true))
                .id();
        UUID running = create(ordered, "a");
        UUID behind = create(ordered, "a");
        claimOrdered(id, ordered);
        claimOrdered(id, ordered); // puts it behind its group
        assertThat(fixture.places(behind)).containsExactly("grouped");
        UUID signal = killSignal(ordered, 1);
        UUID after = create(ordered, "b");
        UUID last = create(ordered, "b");
        claimOrdered(id, ordered);
        claimOrdered(id, ordered);
        assertThat(fixture.places(last)).containsExactly("grouped");

        assertThat(consumers.obey(signal, id, ordered).kind()).isEqualTo(KillAnswer.Kind.WAIT);
        assertThat(fixture.number("SELECT postroom.cancel_running('" + running + "')"))
                .isEqualTo(1);
        assertThat(fixture.places(behind)).as("its turn").containsExactly("ready");
        assertThat(consumers.obey(signal, id, ordered).kind()).isEqualTo(KillAnswer.Kind.WAIT);
        claimOrdered(id, ordered);
        assertThat(consumers.obey(signal, id, ordered).kind())
                .as("what is in progress is not waited for, nor is what came later")
                .isEqualTo(KillAnswer.Kind.DONE);
        assertThat(fixture.places(after)).containsExactly("lease");

        create(ordered, "a");
        claimOrdered(id, ordered);
        UUID second = killSignal(ordered, 1);
        fixture.execute("SELECT postroom.cancel('" + last + "')");
        fixture.execute("DELETE FROM postroom.lease WHERE queue_id = " + id);
        fixture.execute(
                "INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason) VALUES (now() + interval '1 hour', "
                        + id + ", 4, '" + behind + "', 'retry')");
        assertThat(consumers.obey(second, id, ordered).kind())
                .as("behind one that is delayed")
                .isEqualTo(KillAnswer.Kind.DONE);
    }

    private UUID create(String queueName, String group) {
        return UUID.fromString(fixture.text(
                "SELECT id FROM postroom.create_message(queue => '%s', type => 't', payload => '1', group_key => '%s')"
                        .formatted(queueName, group)));
    }

    private void claimOrdered(int id, String name) {
        fixture.execute("SELECT count(*) FROM postroom.claim_ordered(%d, %d, '%s', '{4}', '{0}', 1, 1, 1, 0)"
                .formatted(fixture.worker, id, name));
    }

    /** The rights that creating messages needs are not enough. */
    @Test
    void role_without_the_rights_of_an_operator_is_refused() {
        String role = "producer_of_" + database.name();
        fixture.execute("CREATE ROLE " + role);
        try {
            fixture.execute("GRANT USAGE ON SCHEMA postroom TO " + role
                    + "; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA postroom TO " + role);
            assertThatThrownBy(() ->
                            fixture.execute("SET ROLE " + role + "; SELECT postroom.stop_consumers('" + queue + "')"))
                    .hasStackTraceContaining("permission denied for function stop_consumers");
            fixture.execute("RESET ROLE; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO " + role);
            assertThatThrownBy(() ->
                            fixture.execute("SET ROLE " + role + "; SELECT postroom.stop_consumers('" + queue + "')"))
                    .hasStackTraceContaining("permission denied for table queue");
        } finally {
            fixture.execute("RESET ROLE; DROP OWNED BY " + role + "; DROP ROLE " + role);
        }
    }
}

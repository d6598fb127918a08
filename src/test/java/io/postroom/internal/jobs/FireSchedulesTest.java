package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.schedules.ScheduledMessages;
import io.postroom.internal.storage.ScheduleStore;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Turns of the job: how much one takes, what it does about failures, and when it asks nothing. */
@PostgresTest
class FireSchedulesTest {
    private final TestDatabase database;
    private final ScheduleStore store;
    private final JdbcClient sql;
    private final Messages messages = new Messages();
    private final List<String> asked = new ArrayList<>();

    FireSchedulesTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        ScheduleStore real = PostgresStores.on(database.pool()).schedules();
        store = (ScheduleStore) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {ScheduleStore.class}, (proxy, method, arguments) -> {
                    asked.add(method.getName());
                    try {
                        return method.invoke(real, arguments);
                    } catch (InvocationTargetException failed) {
                        throw failed.getCause();
                    }
                });
    }

    @AfterEach
    void deleteSchedules() {
        sql.sql("DELETE FROM postroom.schedule").update();
        sql.sql("DELETE FROM postroom.schedule_run").update();
    }

    @Test
    void turn_is_over_after_a_thousand_runs_that_are_made_up() {
        for (String name : List.of("first", "second", "third")) {
            declare(name, "missed => 'ALL', missed_limit => 600");
        }
        sql.sql(
                        "UPDATE postroom.schedule SET due_at = due_at - interval '1 hour', planned_at = due_at - interval '1 hour'")
                .update();
        FireSchedules job = job();
        assertThat(job.run()).isZero();
        assertThat(messages.created).as("two schedules").hasSize(1200);
        assertThat(job.run()).isZero();
        assertThat(messages.created).contains("third").hasSizeGreaterThanOrEqualTo(1800);
        assertThat(messages.largest).isEqualTo(1200);
    }

    /** An interceptor is the host's code, and may throw what it likes. */
    @Test
    void failure_in_code_of_the_host_stops_one_schedule_and_is_tried_again_alone() {
        declare("bad", "overlap => 'QUEUE'");
        declare("good", "overlap => 'QUEUE'");
        makeDue();
        messages.refused = "bad";
        FireSchedules job = job();
        assertThat(job.run()).isZero();
        assertThat(messages.created).containsExactly("good");
        assertThat(sql.sql("SELECT error FROM postroom.schedule WHERE name = 'bad'")
                        .query(String.class)
                        .single())
                .contains("not this one");

        makeDue();
        messages.calls = 0;
        job.run();
        assertThat(messages.created).containsExactly("good", "good");
        assertThat(messages.calls).as("the others fire together, without it").isEqualTo(1);
        messages.refused = "";
        job.run();
        assertThat(messages.created).containsExactly("good", "good", "bad");
    }

    @Test
    void failure_that_every_schedule_would_meet_is_noted_in_none() {
        declare("any", "overlap => 'QUEUE'");
        makeDue();
        messages.failure = new StoreException("gone", StoreException.Kind.UNAVAILABLE, "57P01", null);
        assertThatThrownBy(() -> job().run()).isSameAs(messages.failure);
        assertThat(sql.sql("SELECT failures FROM postroom.schedule")
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    @Test
    void database_is_asked_nothing_while_no_schedule_will_be_due() {
        FireSchedules job = job();
        job.run();
        assertThat(asked).as("at the start").containsExactly("replanOlderThan", "untilNextDue");
        job.told(false);
        job.run();
        job.run();
        assertThat(asked).hasSize(2);
        job.lookNext();
        job.told(false);
        job.run();
        assertThat(asked).as("this process changed a schedule").hasSize(3);
        job.told(true);
        job.run();
        assertThat(asked).hasSize(4);
    }

    @Test
    void schedule_that_older_rules_could_not_read_is_planned_after_a_start_though_nothing_else_is_due() {
        sql.sql("SELECT postroom.create_schedule('new-zone', '{\"queue\": \"q\"}', cron => '0 0 1 1 *')")
                .query(Boolean.class)
                .single();
        sql.sql(
                        "UPDATE postroom.schedule SET due_at = NULL, planned_at = NULL, zone_version = '2020a', error = 'no such zone'")
                .update();
        FireSchedules job = new FireSchedules(store, messages, "2020b");
        assertThat(job.run()).isZero();
        job.run();
        assertThat(sql.sql("SELECT planned_at > now() AND error IS NULL FROM postroom.schedule")
                        .query(Boolean.class)
                        .single())
                .isTrue();
    }

    /** A transaction that declares two schedules holds the one and wants the other. Whoever plans anew must not hold that and wait. */
    @Test
    void plan_of_older_time_zone_rules_is_made_anew_unless_its_row_is_locked() throws Exception {
        sql.sql("SELECT postroom.create_schedule(x, '{\"queue\": \"q\"}', cron => '0 0 1 1 *')"
                        + " FROM unnest('{locked,free}'::text[]) x")
                .query(Boolean.class)
                .list();
        FireSchedules job = new FireSchedules(store, messages, "2020a");
        job.run();
        job.run();
        assertThat(versions()).containsExactly("2020a", "2020a");
        try (Connection declaring = database.connect()) {
            declaring.setAutoCommit(false);
            declaring.createStatement().executeQuery("SELECT FROM postroom.schedule WHERE name = 'locked' FOR UPDATE");
            assertThat(store.replanOlderThan("2020b", 10)).isEqualTo(1);
            declaring.rollback();
        }
        assertThat(store.replanOlderThan("2020b", 10)).isEqualTo(1);
        assertThat(store.replanOlderThan("2020a", 10)).as("older rules").isZero();
        job.run();
        assertThat(sql.sql("SELECT count(*) FROM postroom.schedule WHERE planned_at IS NOT NULL")
                        .query(Integer.class)
                        .single())
                .isEqualTo(2);
    }

    private FireSchedules job() {
        return new FireSchedules(store, messages);
    }

    private List<String> versions() {
        return sql.sql("SELECT zone_version FROM postroom.schedule")
                .query(String.class)
                .list();
    }

    private void declare(String name, String rules) {
        sql.sql("SELECT postroom.create_schedule('" + name + "', '{\"queue\": \"q\"}', every => '1 second', " + rules
                        + ")")
                .query(Boolean.class)
                .single();
        sql.sql("UPDATE postroom.schedule SET planned_at = due_at").update();
    }

    private void makeDue() {
        sql.sql(
                        "UPDATE postroom.schedule SET (due_at, planned_at) = (SELECT x, x FROM (SELECT now() - interval '5 ms') y (x))")
                .update();
    }

    /** Creates nothing, and remembers for what. */
    private static final class Messages implements ScheduledMessages {
        private final List<String> created = new ArrayList<>();
        private String refused = "";
        private RuntimeException failure = new IllegalStateException("not this one");
        private int largest;
        private int calls;

        @Override
        public Created create(List<Run> runs, Connection connection) {
            calls++;
            List<String> names = runs.stream().map(run -> run.schedule().name()).toList();
            if (names.contains(refused) || failure instanceof StoreException) {
                throw failure;
            }
            largest = Math.max(largest, names.size());
            created.addAll(names);
            return new Created() {
                @Override
                public List<UUID> ids() {
                    return names.stream().map(name -> UUID.randomUUID()).toList();
                }

                @Override
                public void committed() {}
            };
        }
    }
}

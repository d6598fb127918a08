package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MissedRuns;
import io.postroom.api.Overflow;
import io.postroom.api.QueueSettings;
import io.postroom.api.Schedule;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleRun;
import io.postroom.api.Schedules;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.Comparator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A schedule whose queue is held by an open transaction or is full, beside another schedule that is due, too. */
@PostgresTest
@Timeout(120)
class HeldUpSchedulesTest {
    private final TestDatabase database;
    private final JdbcClient sql;
    private final Postroom postroom;
    private final Schedules schedules;
    private final PostroomKit kit;

    HeldUpSchedulesTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool()).workers(false).start();
        schedules = postroom.schedules();
        kit = PostroomKit.of(postroom);
        kit.reset();
    }

    @AfterEach
    void close() {
        schedules.list("", 100).forEach(each -> schedules.delete(each.name()));
        postroom.close();
    }

    private void hourly(String name, String queue) {
        schedules.declare(Schedule.every(name, Duration.ofHours(1))
                .missed(MissedRuns.ALL)
                .message(CreateMessage.to(queue).json("1")));
    }

    /** Plans what is declared, and lets it be due so many times. */
    private void letDue(int times) {
        kit.drain();
        kit.advance(Duration.ofHours(times).plusMinutes(1));
    }

    private int messagesIn(String queue) {
        return sql.sql("SELECT count(*) FROM postroom.queue_messages WHERE queue = ?")
                .param(queue)
                .query(Integer.class)
                .single();
    }

    private void limit(String queue, int maxLength) {
        postroom.queues().declare(QueueSettings.of(queue).maxLength(maxLength, Overflow.REJECT));
    }

    /** The row in queue_length is locked until the transaction ends. Who waited for it would do so with the rows of all due schedules. */
    @Test
    void open_transaction_that_has_created_a_message_in_a_limited_queue_holds_up_no_schedule() throws Exception {
        limit("held", 5);
        hourly("a-held", "held");
        hourly("b-free", "free");
        letDue(1);
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            open.createStatement().execute("SELECT postroom.create_message('held', '1')");
            kit.drain();
            assertThat(messagesIn("free")).isEqualTo(1);
            assertThat(messagesIn("held")).as("that of the schedule").isEqualTo(1);
            assertThat(schedules.find("a-held").orElseThrow().error()).isEmpty();
            open.commit();
        }
        assertThat(messagesIn("held")).isEqualTo(2);
    }

    @Test
    void open_transaction_that_makes_the_queue_of_one_schedule_holds_up_no_other() throws Exception {
        hourly("a-held", "new");
        hourly("b-free", "free");
        letDue(1);
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            open.createStatement().execute("SELECT postroom.create_message('new', '1')");
            kit.drain();
            assertThat(messagesIn("free")).isEqualTo(1);
            assertThat(messagesIn("new")).isZero();
            ScheduleInfo held = schedules.find("a-held").orElseThrow();
            assertThat(held.error().orElseThrow()).contains("55P03");
            assertThat(schedules.runs("a-held")).isEmpty();
            open.commit();
        }
        sql.sql("UPDATE postroom.schedule SET due_at = now() WHERE failures > 0")
                .update(); // its wait is over
        kit.drain();
        assertThat(messagesIn("new")).isEqualTo(2);
        assertThat(schedules.find("a-held").orElseThrow().error()).isEmpty();
    }

    @Test
    void runs_that_are_made_up_go_into_a_shorter_queue_as_it_has_room() {
        limit("short", 7);
        hourly("a-short", "short");
        hourly("b-free", "free");
        letDue(20);
        kit.drain();
        assertThat(messagesIn("free")).isEqualTo(20);
        assertThat(messagesIn("short")).isEqualTo(7);
        assertThat(schedules.find("a-short").orElseThrow().error().orElseThrow())
                .contains("is full");
        for (int made = 7; made < 20; made += 7) {
            assertThat(schedules.runs("a-short")).hasSize(made);
            sql.sql("SELECT postroom.cancel(m.message_id) FROM postroom.queue_messages m WHERE m.queue = 'short'")
                    .query(Integer.class)
                    .list();
            sql.sql("UPDATE postroom.schedule SET due_at = now() WHERE failures > 0")
                    .update();
            kit.drain();
        }
        assertThat(schedules.runs("a-short"))
                .hasSize(20)
                .allMatch(run -> run.outcome() == ScheduleRun.Outcome.FIRED)
                .extracting(ScheduleRun::plannedAt)
                .doesNotHaveDuplicates()
                .isSortedAccordingTo(Comparator.reverseOrder());
        assertThat(schedules.find("a-short").orElseThrow().error()).isEmpty();
    }
}

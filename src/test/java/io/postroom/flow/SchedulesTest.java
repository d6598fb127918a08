package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.MissedRuns;
import io.postroom.api.Outcome;
import io.postroom.api.Overlap;
import io.postroom.api.QueueSettings;
import io.postroom.api.Schedule;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleNotFoundException;
import io.postroom.api.ScheduleRun;
import io.postroom.api.ScheduleState;
import io.postroom.api.Schedules;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Schedules from their declaration to their messages, each with a queue and name of its own. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SchedulesTest {
    private final JdbcClient sql;
    private final Postroom postroom;
    private final Schedules schedules;
    private final PostroomKit kit;
    private final TestDatabase database;
    private final Semaphore mayEnd = new Semaphore(0);

    SchedulesTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool()).start();
        schedules = postroom.schedules();
        kit = PostroomKit.of(postroom);
    }

    @AfterAll
    void stop() {
        mayEnd.release(1000);
        postroom.close();
    }

    /** So that an advance of another test fires nothing of this one. */
    @AfterEach
    void deleteSchedules() {
        schedules.list("", 1000).forEach(each -> schedules.delete(each.name()));
    }

    // ---- kinds

    @Test
    void cron_schedule_creates_a_message_with_its_planned_time_in_a_header() {
        Instant due = planned(daily("nightly").message(report("nightly")));
        assertThat(LocalTime.ofInstant(due, ZoneId.of("Europe/Berlin"))).isEqualTo(LocalTime.of(2, 30));
        kit.advance(Duration.between(Instant.now(), due).plusSeconds(1));

        Message message = onlyMessage("nightly");
        assertThat(message.headers())
                .containsEntry(Schedule.SCHEDULE, "nightly")
                .containsKey(Schedule.PLANNED_AT);
        assertThat(message.type()).isEqualTo("report");
        ScheduleInfo after = schedules.find("nightly").orElseThrow();
        assertThat(after.lastMessageId()).contains(message.id());
        assertThat(after.lastPlannedAt())
                .contains(Instant.parse(message.headers().get(Schedule.PLANNED_AT)));
        assertThat(schedules.runs("nightly"))
                .singleElement()
                .satisfies(run -> assertThat(run.outcome()).isEqualTo(ScheduleRun.Outcome.FIRED))
                .satisfies(run -> assertThat(run.messageId()).contains(message.id()));
    }

    @Test
    void fixed_interval_goes_from_planned_time_to_planned_time() {
        Instant first = planned(Schedule.every("interval", Duration.ofHours(1))
                .missed(MissedRuns.ALL)
                .message(report("interval")));
        kit.advance(Duration.ofHours(3).plusMinutes(30));
        awaitMessages("interval", 3);
        assertThat(plannedTimes("interval"))
                .extracting(at -> Duration.between(
                                at, first.minus(Duration.ofHours(3).plusMinutes(30)))
                        .toHours())
                .containsExactly(0L, -1L, -2L);
    }

    @Test
    void fixed_delay_starts_after_the_end_of_the_message_before() {
        planned(Schedule.afterEnd("pause", Duration.ofHours(1)).message(report("slow-pause")));
        try (Postroom worker = holding("slow-pause")) {
            kit.advance(Duration.ofHours(2));
            Message first = onlyMessage("slow-pause");
            kit.await(first.id(), MessageState.IN_PROGRESS);
            kit.advance(Duration.ofHours(5));
            await().until(() -> dueIn("pause").compareTo(Duration.ZERO) > 0); // looked, and waits on
            assertThat(messages("slow-pause")).hasSize(1);

            Instant before = databaseTime();
            mayEnd.release();
            kit.await(first.id(), MessageState.DONE);
            sql.sql("UPDATE postroom.schedule SET due_at = clock_timestamp() WHERE name = 'pause'")
                    .update();
            await().until(() -> schedules.find("pause").orElseThrow().nextAt().isPresent());
            assertThat(schedules.find("pause").orElseThrow().nextAt().orElseThrow())
                    .isBetween(before.plusSeconds(3600), databaseTime().plusSeconds(3600));
            kit.advance(Duration.ofMinutes(61));
            awaitMessages("slow-pause", 2);
            mayEnd.release();
        }
    }

    @Test
    void one_off_fires_once_and_stays_ended_when_it_is_declared_again() {
        Schedule once = Schedule.at("once", Instant.now().plusSeconds(3600)).message(report("once"));
        planned(once);
        kit.advance(Duration.ofHours(2));
        onlyMessage("once");
        await().until(() -> state("once") == ScheduleState.ENDED);
        assertThat(schedules.declare(once)).isFalse();
        assertThat(schedules.nextRuns("once", 10)).isEmpty();
        assertThat(schedules.declare(
                        Schedule.at("once", Instant.now().minusSeconds(5)).message(report("once"))))
                .isTrue();
        awaitMessages("once", 2);
    }

    // ---- declared again

    @Test
    void repeated_declaration_writes_nothing_and_a_changed_one_plans_anew() {
        Schedule schedule = daily("again").message(report("again"));
        Instant planned = planned(schedule);
        String row = rowVersion("again");
        assertThat(schedules.declare(schedule)).isFalse();
        assertThat(rowVersion("again")).isEqualTo(row);
        assertThat(sql.sql(
                                "SELECT pg_current_xact_id_if_assigned() FROM postroom.create_schedule('same', '{\"queue\": \"same\"}',"
                                        + " every => '1 day')")
                        .query(String.class)
                        .optional())
                .isPresent();
        assertThat(sql.sql(
                                "SELECT pg_current_xact_id_if_assigned() FROM postroom.create_schedule('same', '{\"queue\": \"same\"}',"
                                        + " every => '1 day')")
                        .query(String.class)
                        .list())
                .as("a repeat needs no transaction id")
                .containsOnlyNulls();

        assertThat(schedules.declare(schedule.message(report("again-other")))).isTrue();
        assertThat(schedules.find("again").orElseThrow().nextAt()).contains(planned);
        assertThat(schedules.declare(Schedule.cron("again", "15 4 * * *").message(report("again-other"))))
                .isTrue();
        await().until(() -> schedules.find("again").orElseThrow().nextAt().isPresent());
        assertThat(schedules.find("again").orElseThrow().nextAt().orElseThrow()).isNotEqualTo(planned);
    }

    @Test
    void declaration_leaves_what_an_operator_has_set_until_it_is_deleted() {
        Schedule declared = daily("owned").message(report("owned"));
        assertThat(schedules.declare(declared)).isTrue();
        assertThat(schedules.declare(declared.overlap(Overlap.SKIP))).isTrue();
        assertThat(schedules.find("owned").orElseThrow().byOperator()).isFalse();
        assertThat(schedules.set(declared.overlap(Overlap.CANCEL))).isTrue();
        assertThat(schedules.declare(declared)).isFalse();
        assertThat(schedules.find("owned").orElseThrow())
                .matches(ScheduleInfo::byOperator)
                .returns(Overlap.CANCEL, ScheduleInfo::overlap);
        assertThat(schedules.set(declared)).isTrue();
        schedules.delete("owned");
        assertThat(schedules.declare(declared)).isTrue();
        assertThat(schedules.find("owned").orElseThrow().byOperator()).isFalse();
    }

    @Test
    void paused_schedule_stays_paused_and_leaves_out_what_passed() {
        Schedule schedule = Schedule.every("paused", Duration.ofHours(1)).message(report("paused"));
        planned(schedule);
        assertThat(schedules.pause("paused")).isTrue();
        assertThat(schedules.pause("paused")).isFalse();
        assertThat(schedules.declare(schedule.overlap(Overlap.SKIP))).isTrue();
        assertThat(schedules.declare(
                        Schedule.every("paused", Duration.ofHours(2)).message(report("paused"))))
                .isTrue();
        assertThat(state("paused")).isEqualTo(ScheduleState.PAUSED);
        kit.advance(Duration.ofHours(7));
        assertThat(schedules.nextRuns("paused", 2)).hasSize(2);

        assertThat(schedules.resume("paused")).isTrue();
        assertThat(schedules.resume("paused")).isFalse();
        await().until(() -> schedules.find("paused").orElseThrow().nextAt().isPresent());
        assertThat(messages("paused")).isEmpty();
        assertThat(schedules.find("paused").orElseThrow().nextAt().orElseThrow())
                .isAfter(databaseTime().plus(Duration.ofMinutes(119)));
        assertThat(sql.sql("SELECT action FROM postroom.operator_log WHERE note = 'schedule paused' ORDER BY at")
                        .query(String.class)
                        .list())
                .containsExactly("pause", "resume");
    }

    @Test
    void run_now_fires_beside_the_plan_also_when_paused() {
        Instant planned = planned(daily("asked").message(report("asked")));
        schedules.runNow("asked");
        awaitMessages("asked", 1);
        assertThat(schedules.find("asked").orElseThrow().nextAt()).contains(planned);
        schedules.pause("asked");
        schedules.runNow("asked");
        awaitMessages("asked", 2);
        assertThat(state("asked")).isEqualTo(ScheduleState.PAUSED);
        assertThat(sql.sql("SELECT action FROM postroom.operator_log WHERE note = 'schedule asked' ORDER BY at")
                        .query(String.class)
                        .list())
                .containsExactly("run", "pause", "run");
    }

    /** Between the two, a declaration takes the row: it must not put the run off to the planned time. */
    @Test
    void run_now_is_not_put_off_by_a_changed_declaration() {
        Schedule schedule = daily("changed").message(report("changed"));
        planned(schedule);
        sql.sql("SELECT 1 FROM (SELECT postroom.run_schedule('changed')) x,"
                        + " (SELECT postroom.create_schedule('changed', '{\"queue\": \"changed\"}', cron => '30 2 * * *',"
                        + " zone => 'Europe/Berlin')) y")
                .query(Integer.class)
                .single();
        awaitMessages("changed", 1);
    }

    @Test
    void schedule_of_sql_is_fired_by_a_process_that_consumes() {
        try (Postroom worker = Postroom.on(database.pool())
                .handler(Handler.send("consumed", String.class, (payload, context) -> Outcome.done()))
                .start()) {
            sql.sql("SELECT postroom.create_schedule('consumed', '{\"queue\": \"consumed\"}', every => '1 second')")
                    .query(Boolean.class)
                    .single();
            await().until(() -> messages("consumed").stream().anyMatch(each -> each.state() == MessageState.DONE));
        }
    }

    @Test
    void unknown_names_are_refused() {
        assertThatThrownBy(() -> schedules.pause("nobody")).isInstanceOf(ScheduleNotFoundException.class);
        assertThatThrownBy(() -> schedules.resume("nobody")).isInstanceOf(ScheduleNotFoundException.class);
        assertThatThrownBy(() -> schedules.runNow("nobody")).isInstanceOf(ScheduleNotFoundException.class);
        assertThatThrownBy(() -> schedules.runs("nobody")).isInstanceOf(ScheduleNotFoundException.class);
        assertThatThrownBy(() -> schedules.nextRuns("nobody", 1)).isInstanceOf(ScheduleNotFoundException.class);
        assertThat(schedules.delete("nobody")).isFalse();
        assertThat(schedules.find("nobody")).isEmpty();
    }

    // ---- missed runs and overlap

    @ParameterizedTest
    @CsvSource({"NONE, 0", "ONCE, 1", "ALL, 4"})
    void missed_runs_follow_their_rule(MissedRuns missed, int expected) {
        String name = "missed-" + missed;
        Schedule schedule = Schedule.every(name, Duration.ofHours(1)).message(report(name));
        planned(missed == MissedRuns.ALL ? schedule.missedUpTo(4) : schedule.missed(missed));
        kit.advance(Duration.ofHours(9).plusMinutes(30));
        await().until(() -> !schedules.runs(name).isEmpty());
        assertThat(messages(name)).hasSize(expected);
        assertThat(schedules.runs(name))
                .hasSize(Math.max(1, expected))
                .extracting(ScheduleRun::outcome)
                .containsOnly(expected == 0 ? ScheduleRun.Outcome.MISSED : ScheduleRun.Outcome.FIRED);
        assertThat(schedules.find(name).orElseThrow().nextAt().orElseThrow()).isAfter(databaseTime());
    }

    @Test
    void skip_leaves_a_run_out_while_the_message_before_is_unfinished() {
        planned(Schedule.every("skip", Duration.ofHours(1))
                .overlap(Overlap.SKIP)
                .message(report("skip")));
        kit.advance(Duration.ofMinutes(61));
        Message first = onlyMessage("skip");
        kit.advance(Duration.ofMinutes(60));
        await().until(() -> schedules.runs("skip").size() == 2);
        assertThat(schedules.runs("skip").get(0).outcome()).isEqualTo(ScheduleRun.Outcome.SKIPPED);
        assertThat(messages("skip")).hasSize(1);

        assertThat(postroom.queueMessages().cancel(first.id())).isEqualTo(1);
        kit.advance(Duration.ofMinutes(60));
        awaitMessages("skip", 2);
    }

    @Test
    void cancel_ends_the_older_message() {
        planned(Schedule.every("cancel", Duration.ofHours(1))
                .overlap(Overlap.CANCEL)
                .message(report("cancel")));
        kit.advance(Duration.ofMinutes(61));
        Message older = onlyMessage("cancel");
        kit.advance(Duration.ofMinutes(60));
        awaitMessages("cancel", 2);
        kit.await(older.id(), MessageState.CANCELLED);
    }

    // ---- bad input

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "0 0 31 2 *; UTC; cron must be an expression that fires one day",
                "61 * * * *; UTC; cron must be an expression with 0 to 59 in minute",
                "0 0 * * *; Mars/Olympus; zone must be the id of a time zone",
                "0 0 * * *; europe/berlin; zone must be the id of a time zone",
            })
    void declaration_that_cannot_be_read_is_refused_and_writes_nothing(String cron, String zone, String said) {
        assertThatThrownBy(() -> schedules.declare(
                        Schedule.cron("refused", cron).zone(zone).message(report("refused"))))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining(said);
        assertThat(schedules.find("refused")).isEmpty();
        assertThatThrownBy(
                        () -> schedules.preview(Schedule.cron("refused", cron).zone(zone), 3))
                .hasMessageContaining(said);
    }

    @Test
    void values_outside_their_limits_are_refused_at_once() {
        CreateMessage message = report("limits");
        assertThatThrownBy(() -> Schedule.cron("bad name", "@daily")).hasMessageContaining("name must be");
        assertThatThrownBy(() -> Schedule.every("limits", Duration.ofMillis(999)))
                .hasMessageContaining("every must be PT1S");
        assertThatThrownBy(() -> Schedule.afterEnd("limits", Duration.ofDays(401)))
                .hasMessageContaining("400 days");
        assertThatThrownBy(() -> Schedule.at("limits", Instant.MAX)).hasMessageContaining("year 9999");
        assertThatThrownBy(() -> Schedule.every("limits", Duration.ofHours(1)).zone("UTC"))
                .hasMessageContaining("zone must be given only with cron");
        assertThatThrownBy(() -> Schedule.cron("limits", "@daily").missedUpTo(1001))
                .hasMessageContaining("missedLimit must be 1 to 1000");
        assertThatThrownBy(() -> Schedule.cron("limits", "@daily").message(message.deduplicate("key")))
                .hasMessageContaining("deduplicationKey must be left out in the message of a schedule");
        assertThatThrownBy(() -> schedules.declare(Schedule.cron("limits", "@daily")))
                .hasMessageContaining("message must be given");
        assertThatThrownBy(() -> schedules.preview(Schedule.cron("limits", "@daily"), 1001))
                .hasMessageContaining("howMany must be 1 to 1000");
        assertThat(schedules.declare(Schedule.at("far", Instant.parse("9999-12-31T00:00:00Z"))
                        .message(message)))
                .isTrue();
        await().until(() -> schedules.find("far").orElseThrow().nextAt().isPresent());
    }

    @Test
    void preview_lists_the_next_times_and_stores_nothing() {
        List<Instant> next =
                schedules.preview(Schedule.cron("preview", "0 12 * * *").zone("Asia/Tokyo"), 10);
        assertThat(next).hasSize(10).isSorted().allMatch(at -> at.toString().endsWith("T03:00:00Z"));
        assertThat(schedules.find("preview")).isEmpty();
        planned(Schedule.cron("listed", "0 12 * * *").zone("Asia/Tokyo").message(report("listed")));
        assertThat(schedules.nextRuns("listed", 10)).isEqualTo(next);
        assertThat(schedules.list("list", 1)).extracting(ScheduleInfo::name).containsExactly("listed");
    }

    // ---- SQL, and what fails

    @Test
    void schedule_of_sql_is_planned_by_a_worker_and_an_impossible_one_shows_its_error() {
        bySql("sql-bad", "cron => '0 0 31 2 *'");
        bySql("sql-zone", "cron => '0 0 * * *', zone => 'Mars/Olympus'");
        bySql("sql-good", "cron => '0 6 * * *', zone => 'Europe/Berlin'");
        await().until(() -> schedules.find("sql-good").orElseThrow().nextAt().isPresent());
        await().until(() -> state("sql-bad") == ScheduleState.FAILED && state("sql-zone") == ScheduleState.FAILED);
        assertThat(error("sql-bad")).contains("cron must be an expression that fires one day");
        assertThat(error("sql-zone"))
                .contains("zone must be the id of a time zone")
                .contains("Mars/Olympus");

        bySql("sql-bad", "cron => '0 0 30 1 *'");
        await().until(() -> state("sql-bad") == ScheduleState.ACTIVE);
    }

    @Test
    void message_that_cannot_be_created_is_tried_again_and_stops_no_other_schedule() {
        Instant soon = Instant.now().plusSeconds(3600);
        postroom.exchanges().declare(Exchange.direct("lost"));
        schedules.declare(Schedule.at("lost", soon).message(CreateMessage.via("lost", "nowhere")));
        schedules.declare(Schedule.at("stopped", soon).message(CreateMessage.via("lost", "nowhere")));
        planned(Schedule.at("found", soon).message(report("found")));
        kit.advance(Duration.ofHours(2));
        onlyMessage("found");
        await().until(() -> schedules.find("lost").orElseThrow().error().isPresent());
        assertThat(error("lost")).contains("the message reaches no queue");
        assertThat(state("lost")).isEqualTo(ScheduleState.ACTIVE);
        await().until(() -> schedules.find("stopped").orElseThrow().error().isPresent());
        schedules.pause("stopped");
        assertThat(state("stopped")).as("it can be read").isEqualTo(ScheduleState.PAUSED);

        postroom.queues().declare(QueueSettings.of("lost"));
        postroom.exchanges().bind(Binding.from("lost").key("nowhere").to("lost"));
        kit.advance(Duration.ofMinutes(5));
        awaitMessages("lost", 1);
        assertThat(schedules.find("lost").orElseThrow().error()).isEmpty();
    }

    // ---- helpers

    private static Schedule daily(String name) {
        return Schedule.cron(name, "30 2 * * *").zone("Europe/Berlin");
    }

    private static CreateMessage report(String queue) {
        return CreateMessage.to(queue).json("report", 1, "{\"number\": 12345678901234567890.123456789}");
    }

    private Postroom holding(String queue) {
        return Postroom.on(database.pool())
                .handler(Handler.send(queue, String.class, (payload, context) -> {
                    mayEnd.acquire();
                    return Outcome.done();
                }))
                .start();
    }

    private Instant planned(Schedule schedule) {
        assertThat(schedules.declare(schedule)).isTrue();
        return await().until(() -> schedules.find(schedule.name()).flatMap(ScheduleInfo::nextAt), Optional::isPresent)
                .orElseThrow();
    }

    private void bySql(String name, String timing) {
        sql.sql("SELECT postroom.create_schedule('" + name + "', '{\"queue\": \"sql\"}', " + timing + ")")
                .query(Boolean.class)
                .single();
    }

    private List<Message> messages(String queue) {
        return postroom.queueMessages().find(MessageFilter.queue(queue));
    }

    private void awaitMessages(String queue, int howMany) {
        await().until(() -> messages(queue).size() == howMany);
    }

    private Message onlyMessage(String queue) {
        awaitMessages(queue, 1);
        return messages(queue).get(0);
    }

    private List<Instant> plannedTimes(String queue) {
        return messages(queue).stream()
                .map(message -> Instant.parse(message.headers().get(Schedule.PLANNED_AT)))
                .sorted()
                .toList();
    }

    private Duration dueIn(String name) {
        return Duration.ofSeconds(
                sql.sql("SELECT extract(epoch FROM due_at - clock_timestamp())::bigint FROM postroom.schedule"
                                + " WHERE name = ?")
                        .param(name)
                        .query(Long.class)
                        .single());
    }

    private Instant databaseTime() {
        return sql.sql("SELECT clock_timestamp()")
                .query((row, number) -> row.getObject(1, OffsetDateTime.class).toInstant())
                .single();
    }

    private String rowVersion(String name) {
        return sql.sql("SELECT xmin::text || ctid::text FROM postroom.schedule WHERE name = ?")
                .param(name)
                .query(String.class)
                .single();
    }

    private ScheduleState state(String name) {
        return schedules.find(name).orElseThrow().state();
    }

    private String error(String name) {
        return schedules.find(name).orElseThrow().error().orElseThrow();
    }
}

package io.postroom.internal.schedules;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule.Timing;
import io.postroom.api.ScheduleRun.Outcome;
import io.postroom.internal.storage.DueSchedule;
import io.postroom.internal.storage.ScheduleStep;
import io.postroom.internal.storage.ScheduleStep.Run;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a due schedule does now, and when it is due again. */
class RunPlannerTest {
    private static final Instant PLANNED = Instant.parse("2026-03-01T12:00:00Z");
    private static final Timing HOURLY = new Timing.Every(Duration.ofHours(1));
    private static final Timing NIGHTLY = new Timing.Cron("30 2 * * *", "UTC");
    private static final UUID LAST = new UUID(0, 1);

    // ---- planned times

    @Test
    void run_on_time_fires_and_plans_the_next() {
        ScheduleStep step = plan(due(HOURLY), PLANNED.plusMillis(20));
        assertThat(step.runs()).containsExactly(new Run(PLANNED, Outcome.FIRED, null));
        assertThat(step.plannedAt()).isEqualTo(hour(13));
        assertThat(step.dueAt()).isEqualTo(hour(13));
        assertThat(step.afterAt()).isEqualTo(PLANNED);
    }

    /** Times that are counted from the end of an absence would lie beside the plan for ever after. */
    @ParameterizedTest
    @CsvSource({
        "PT1H, PT72H17M30S, ONCE, 1",
        "PT1H, PT72H17M30S, ALL, 5",
        "PT7S, PT9M1S, ONCE, 1",
        "PT1S, PT3.4S, ONCE, 1",
        "PT10M, PT9600H, NONE, 1"
    })
    void interval_keeps_its_distance_from_the_first_time_after_an_absence(
            Duration period, Duration absence, MissedRuns missed, int runs) {
        DueSchedule schedule =
                new Due(new Timing.Every(period)).missed(missed, 5).schedule();
        Instant now = PLANNED.plus(absence);
        ScheduleStep step = plan(schedule, now);
        assertThat(step.runs()).hasSize(runs);
        Stream.concat(step.runs().stream().map(Run::plannedAt), Stream.of(step.plannedAt()))
                .forEach(at -> assertThat(Duration.between(PLANNED, at).toNanos() % period.toNanos())
                        .as(at.toString())
                        .isZero());
        assertThat(step.plannedAt()).isBetween(now.plusNanos(1), now.plus(period));
        assertThat(step.runs().get(runs - 1).plannedAt())
                .isEqualTo(step.plannedAt().minus(period));
    }

    @Test
    void times_between_the_plan_and_now_are_the_last_ones_in_order() {
        DueSchedule schedule = new Due(HOURLY).missed(MissedRuns.ALL, 3).schedule();
        assertThat(plan(schedule, hour(17).plusSeconds(5)).runs())
                .extracting(Run::plannedAt)
                .containsExactly(hour(15), hour(16), hour(17));
        assertThat(plan(schedule, hour(13).plusSeconds(5)).runs())
                .extracting(Run::plannedAt)
                .containsExactly(hour(12), hour(13));
    }

    @Test
    void part_of_the_runs_leaves_the_others_due() {
        DueSchedule schedule = new Due(HOURLY).missed(MissedRuns.ALL, 5).schedule();
        ScheduleStep step = RunPlanner.plan(schedule, hour(16), "ours", 2);
        assertThat(step.runs()).extracting(Run::plannedAt).containsExactly(hour(12), hour(13));
        assertThat(step.dueAt()).isEqualTo(hour(14)).isEqualTo(step.plannedAt());
        assertThat(step.afterAt()).isEqualTo(hour(13));
    }

    @ParameterizedTest
    @CsvSource({"PT59S, FIRED", "PT60S, FIRED", "PT61S, MISSED"})
    void none_leaves_out_what_is_later_than_a_minute_and_plans_on(Duration late, Outcome outcome) {
        DueSchedule schedule = new Due(HOURLY).missed(MissedRuns.NONE, 1).schedule();
        ScheduleStep step = plan(schedule, PLANNED.plus(late));
        assertThat(step.runs()).containsExactly(new Run(PLANNED, outcome, null));
        assertThat(step.plannedAt()).isEqualTo(hour(13));
    }

    @Test
    void none_fires_the_last_time_when_that_one_is_not_late() {
        DueSchedule schedule = new Due(HOURLY).missed(MissedRuns.NONE, 1).schedule();
        assertThat(plan(schedule, hour(20).plusSeconds(30)).runs())
                .containsExactly(new Run(hour(20), Outcome.FIRED, null));
    }

    /** As after a failover to a server whose clock is behind, or a clock that was set back. */
    @Test
    void clock_that_goes_back_repeats_no_run() {
        Instant fired = PLANNED.plusSeconds(1);
        ScheduleStep step = plan(due(HOURLY), fired);
        ScheduleStep again = plan(new Due(HOURLY).plannedAt(step.plannedAt()).schedule(), fired.minusSeconds(1800));
        assertThat(again.runs()).isEmpty();
        assertThat(again.plannedAt()).isEqualTo(hour(13));
    }

    @Test
    void one_off_ends_with_its_run() {
        ScheduleStep step = plan(due(new Timing.At(PLANNED)), PLANNED);
        assertThat(step.runs()).hasSize(1);
        assertThat(step.ended()).isTrue();
        assertThat(step.dueAt()).isNull();
    }

    @Test
    void schedule_without_a_plan_is_planned_from_its_last_time_with_the_rules_of_this_process() {
        ScheduleStep step = plan(new Due(NIGHTLY).plannedAt(null).schedule(), PLANNED);
        assertThat(step.runs()).isEmpty();
        assertThat(step.plannedAt()).isEqualTo(Instant.parse("2026-03-02T02:30:00Z"));
        assertThat(step.zoneVersion()).isEqualTo("ours");
    }

    // ---- a pause after the end

    @Test
    void pause_begins_with_the_end_of_the_message() {
        Due schedule = new Due(new Timing.AfterEnd(Duration.ofMinutes(10))).plannedAt(null);
        ScheduleStep waiting = plan(schedule.last(true, null).schedule(), PLANNED);
        assertThat(waiting.plannedAt()).isNull();
        assertThat(waiting.dueAt()).as("the next look").isEqualTo(PLANNED.plusSeconds(30));
        ScheduleStep ended = plan(schedule.last(false, PLANNED.minusSeconds(60)).schedule(), PLANNED);
        assertThat(ended.plannedAt()).isEqualTo(PLANNED.plusSeconds(540));
    }

    @Test
    void pause_of_a_second_looks_each_second() {
        Due schedule = new Due(new Timing.AfterEnd(Duration.ofSeconds(1))).plannedAt(null);
        assertThat(plan(schedule.last(true, null).schedule(), PLANNED).dueAt()).isEqualTo(PLANNED.plusSeconds(1));
    }

    // ---- overlap

    @ParameterizedTest
    @CsvSource({"QUEUE, FIRED, false", "SKIP, SKIPPED, false", "CANCEL, FIRED, true"})
    void unfinished_message_is_met_as_overlap_says(Overlap overlap, Outcome outcome, boolean cancels) {
        ScheduleStep step =
                plan(new Due(HOURLY).overlap(overlap).last(true, null).schedule(), PLANNED);
        assertThat(step.runs()).containsExactly(new Run(PLANNED, outcome, null));
        assertThat(step.cancelled()).isEqualTo(cancels ? LAST : null);
    }

    @ParameterizedTest
    @CsvSource({"QUEUE, 3, 0", "SKIP, 1, 2", "CANCEL, 1, 0"})
    void runs_that_are_made_up_together_overlap_each_other(Overlap overlap, int fired, int skipped) {
        DueSchedule schedule =
                new Due(HOURLY).missed(MissedRuns.ALL, 3).overlap(overlap).schedule();
        List<Run> runs = plan(schedule, hour(20)).runs();
        assertThat(runs).filteredOn(run -> run.outcome() == Outcome.FIRED).hasSize(fired);
        assertThat(runs).filteredOn(run -> run.outcome() == Outcome.SKIPPED).hasSize(skipped);
    }

    // ---- asked for

    @Test
    void run_that_was_asked_for_leaves_the_plan_and_its_rules_as_they_are() {
        Instant asked = PLANNED.minusSeconds(600);
        ScheduleStep step = plan(new Due(NIGHTLY).askedAt(asked).schedule(), asked.plusSeconds(1));
        assertThat(step.runs()).containsExactly(new Run(asked, Outcome.FIRED, null));
        assertThat(step.plannedAt()).isEqualTo(PLANNED);
        assertThat(step.zoneVersion()).as("the plan may be one of older rules").isNull();
    }

    @Test
    void paused_schedule_fires_only_what_was_asked_for() {
        ScheduleStep step = plan(new Due(HOURLY).askedAt(PLANNED).paused().schedule(), hour(14));
        assertThat(step.runs()).containsExactly(new Run(PLANNED, Outcome.FIRED, null));
        assertThat(step.dueAt()).isNull();
    }

    @Test
    void run_asked_for_beside_a_planned_one_is_one_of_two_but_with_cancel_one_of_one() {
        Due schedule = new Due(HOURLY).askedAt(PLANNED.minusSeconds(1));
        assertThat(plan(schedule.schedule(), PLANNED).runs()).hasSize(2);
        assertThat(plan(schedule.overlap(Overlap.CANCEL).schedule(), PLANNED).runs())
                .containsExactly(new Run(PLANNED, Outcome.FIRED, null));
    }

    @Test
    void schedule_that_cannot_be_read_says_why_and_still_fires_what_was_asked_for() {
        Due schedule = new Due(new Timing.Cron("0 0 31 2 *", "UTC")).plannedAt(null);
        ScheduleStep step = plan(schedule.askedAt(PLANNED).schedule(), PLANNED);
        assertThat(step.error()).contains("an expression that fires one day");
        assertThat(step.dueAt()).isNull();
        assertThat(step.zoneVersion()).isEqualTo("ours");
        assertThat(step.runs()).hasSize(1);
        ScheduleStep unknownZone = plan(new Due(new Timing.Cron("0 0 1 1 *", "Mars/Olympus")).schedule(), PLANNED);
        assertThat(unknownZone.error()).contains("Mars/Olympus");
        assertThat(unknownZone.runs()).isEmpty();
    }

    private static Instant hour(int hour) {
        return PLANNED.plus(Duration.ofHours(hour - 12));
    }

    private static ScheduleStep plan(DueSchedule schedule, Instant now) {
        return RunPlanner.plan(schedule, now, "ours");
    }

    private static DueSchedule due(Timing timing) {
        return new Due(timing).schedule();
    }

    private record Due(
            Timing timing,
            MissedRuns missed,
            int missedLimit,
            Overlap overlap,
            boolean isPaused,
            @Nullable Instant planned,
            @Nullable Instant asked,
            boolean isUnfinished,
            @Nullable Instant endedAt) {
        Due(Timing timing) {
            this(timing, MissedRuns.ONCE, 1, Overlap.QUEUE, false, PLANNED, null, false, null);
        }

        Due missed(MissedRuns rule, int limit) {
            int most = rule == MissedRuns.ALL ? limit : 1;
            return new Due(timing, rule, most, overlap, isPaused, planned, asked, isUnfinished, endedAt);
        }

        Due overlap(Overlap rule) {
            return new Due(timing, missed, missedLimit, rule, isPaused, planned, asked, isUnfinished, endedAt);
        }

        Due paused() {
            return new Due(timing, missed, missedLimit, overlap, true, planned, asked, isUnfinished, endedAt);
        }

        Due plannedAt(@Nullable Instant at) {
            return new Due(timing, missed, missedLimit, overlap, isPaused, at, asked, isUnfinished, endedAt);
        }

        Due askedAt(Instant at) {
            return new Due(timing, missed, missedLimit, overlap, isPaused, planned, at, isUnfinished, endedAt);
        }

        Due last(boolean unfinished, @Nullable Instant end) {
            return new Due(timing, missed, missedLimit, overlap, isPaused, planned, asked, unfinished, end);
        }

        DueSchedule schedule() {
            return new DueSchedule(
                    1,
                    "name",
                    timing,
                    "{}",
                    null,
                    null,
                    null,
                    missed,
                    missedLimit,
                    overlap,
                    isPaused,
                    false,
                    PLANNED.minus(Duration.ofHours(1)),
                    planned,
                    asked,
                    LAST,
                    isUnfinished,
                    endedAt,
                    0);
        }
    }
}

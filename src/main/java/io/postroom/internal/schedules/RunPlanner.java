package io.postroom.internal.schedules;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule.Timing;
import io.postroom.api.ScheduleRun.Outcome;
import io.postroom.internal.storage.DueSchedule;
import io.postroom.internal.storage.ScheduleStep;
import io.postroom.internal.storage.ScheduleStep.Run;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Decides what a due schedule does now, and when it is due again. Pure: the same question has the same answer. */
public final class RunPlanner {
    /** A run that is later than this has missed its time. */
    static final Duration GRACE = Duration.ofMinutes(1);

    private static final Duration LONGEST_LOOK = Duration.ofSeconds(30);

    private RunPlanner() {}

    /**
     * Plans one step.
     *
     * @param now the database's time
     * @param zoneVersion the time zone rules of this process
     */
    public static ScheduleStep plan(DueSchedule schedule, Instant now, String zoneVersion) {
        return plan(schedule, now, zoneVersion, Integer.MAX_VALUE);
    }

    /**
     * Plans one step like {@link #plan(DueSchedule, Instant, String)}, of the first due runs only. The schedule is due still after it, if
     * there are others.
     *
     * @param mostRuns at least 1
     */
    public static ScheduleStep plan(DueSchedule schedule, Instant now, String zoneVersion, int mostRuns) {
        return new Step(schedule, now, zoneVersion, mostRuns).plan();
    }

    private static final class Step {
        private final DueSchedule schedule;
        private final Instant now;
        private final String ourVersion;
        private final int mostRuns;
        private final List<Run> runs = new ArrayList<>();
        private @Nullable Instant plannedAt;
        private Instant afterAt;
        private boolean ended;
        private boolean unfinished;
        private @Nullable String zoneVersion;
        private @Nullable String error;
        private @Nullable UUID cancelled;

        Step(DueSchedule schedule, Instant now, String ourVersion, int mostRuns) {
            this.schedule = schedule;
            this.now = now;
            this.ourVersion = ourVersion;
            this.mostRuns = mostRuns;
            this.plannedAt = schedule.plannedAt();
            this.afterAt = schedule.afterAt();
            this.ended = schedule.ended();
            this.unfinished = schedule.isUnfinished();
        }

        ScheduleStep plan() {
            if (schedule.askedAt() != null) {
                run(schedule.askedAt());
            }
            if (!schedule.paused() && !ended) {
                try {
                    runPlanned(Times.of(schedule.timing()));
                } catch (InvalidMessageException unreadable) { // a run that was asked for needs no times
                    error = String.valueOf(unreadable.getMessage());
                    plannedAt = null;
                    isPlanned();
                }
            }
            return new ScheduleStep(
                    schedule.id(),
                    schedule.paused() || ended || error != null ? null : dueAt(),
                    plannedAt,
                    afterAt,
                    ended,
                    error,
                    zoneVersion,
                    runs,
                    cancelled);
        }

        /**
         * Notes with which rules the plan was made. A plan that stays, as it does for a run that was asked for, keeps its version: under
         * ours it would count as new and would never be corrected.
         */
        private void isPlanned() {
            zoneVersion = schedule.timing() instanceof Timing.Cron ? ourVersion : null;
        }

        private void runPlanned(Times times) {
            if (schedule.timing() instanceof Timing.AfterEnd && waitsForEnd()) {
                plannedAt = null;
                return;
            }
            if (plannedAt == null) {
                plannedAt = firstPlanned(times);
                isPlanned();
            }
            if (!plannedAt.isAfter(now) && runs.size() < mostRuns) {
                runDue(plannedAt, times);
            }
        }

        /** Whether a message of a schedule with a pause is in the way: the one before, or one that was asked for just now. */
        private boolean waitsForEnd() {
            return unfinished || !runs.isEmpty() && runs.get(runs.size() - 1).outcome() == Outcome.FIRED;
        }

        private Instant firstPlanned(Times times) {
            if (schedule.timing() instanceof Timing.At at) {
                return at.instant();
            }
            if (schedule.timing() instanceof Timing.AfterEnd
                    && schedule.endedAt() != null
                    && schedule.endedAt().isAfter(afterAt)) {
                afterAt = schedule.endedAt();
            }
            return times.next(afterAt).orElseThrow(this::neverFires);
        }

        private InvalidMessageException neverFires() {
            return new InvalidMessageException(
                    "cron",
                    "an expression that fires one day",
                    schedule.timing().toString());
        }

        private void runDue(Instant first, Times times) {
            List<Instant> due = schedule.timing() instanceof Timing.At || schedule.timing() instanceof Timing.AfterEnd
                    ? List.of(first)
                    : times.last(first, now, schedule.missed() == MissedRuns.ALL ? schedule.missedLimit() : 1);
            if (due.isEmpty()) {
                due = List.of(first); // only under other time zone rules than those of the plan
            }
            due = due.subList(0, Math.min(due.size(), mostRuns - runs.size()));
            Instant last = due.get(due.size() - 1);
            if (schedule.missed() == MissedRuns.NONE && last.plus(GRACE).isBefore(now)) {
                runs.add(new Run(last, Outcome.MISSED, null));
            } else if (schedule.overlap() == Overlap.CANCEL) {
                runs.clear(); // a run that was asked for would be cancelled by this one at once
                run(last);
            } else {
                due.forEach(this::run);
            }
            goOnAfter(last, times);
        }

        private void run(Instant planned) {
            if (unfinished && schedule.overlap() == Overlap.SKIP) {
                runs.add(new Run(planned, Outcome.SKIPPED, null));
                return;
            }
            if (schedule.isUnfinished() && schedule.overlap() == Overlap.CANCEL) {
                cancelled = schedule.lastMessageId();
            }
            runs.add(new Run(planned, Outcome.FIRED, null));
            unfinished = true;
        }

        private void goOnAfter(Instant last, Times times) {
            afterAt = last;
            isPlanned();
            if (schedule.timing() instanceof Timing.At) {
                plannedAt = null;
                ended = true;
            } else if (schedule.timing() instanceof Timing.AfterEnd) {
                boolean fired = runs.get(runs.size() - 1).outcome() == Outcome.FIRED;
                plannedAt = fired ? null : now.plus(pause());
            } else {
                Optional<Instant> next = times.next(last);
                plannedAt = next.orElse(null);
                ended = next.isEmpty();
            }
        }

        private Duration pause() {
            return ((Timing.AfterEnd) schedule.timing()).pause();
        }

        /** A schedule that waits for the end of a message looks again often enough to know it before its pause is over. */
        private Instant dueAt() {
            if (plannedAt != null) {
                return plannedAt;
            }
            Duration look = pause().compareTo(LONGEST_LOOK) < 0 ? pause() : LONGEST_LOOK;
            return now.plus(look);
        }
    }
}

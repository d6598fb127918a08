package io.postroom.internal.jobs;

import io.postroom.api.PostroomException;
import io.postroom.api.ScheduleRun.Outcome;
import io.postroom.api.StoreException;
import io.postroom.internal.schedules.RunPlanner;
import io.postroom.internal.schedules.ScheduledMessages;
import io.postroom.internal.schedules.ZoneVersion;
import io.postroom.internal.storage.DueSchedule;
import io.postroom.internal.storage.ScheduleStep;
import io.postroom.internal.storage.ScheduleStore;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates the messages of due schedules and plans their next times. Runs on every node: rows are taken with SKIP LOCKED. A row's messages
 * and its next time are one transaction, so a planned time fires once, and a node that dies leaves it to the others. A batch that fails
 * because of one schedule is fired one by one; the error of that one stands in its row, and it is tried again later.
 */
public final class FireSchedules implements Job {
    private static final Logger log = LoggerFactory.getLogger(FireSchedules.class);
    private static final int BATCH = 500;
    /** Longest wait: other processes and SQL declare, resume and ask for runs. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(1);
    /** Longest wait where nothing will be due, so that a database without schedules is left in peace. */
    private static final Duration WITHOUT_SCHEDULES = Duration.ofSeconds(2);

    private static final Duration REPLAN_EVERY = Duration.ofMinutes(1);

    private final ScheduleStore store;
    private final ScheduledMessages messages;
    private final String zoneVersion;
    private long replanDueNanos = System.nanoTime();

    public FireSchedules(ScheduleStore store, ScheduledMessages messages) {
        this(store, messages, ZoneVersion.ours());
    }

    FireSchedules(ScheduleStore store, ScheduledMessages messages, String zoneVersion) {
        this.store = store;
        this.messages = messages;
        this.zoneVersion = zoneVersion;
    }

    @Override
    public String name() {
        return "FireSchedules";
    }

    /** Synchronized, because a test may fire what is due while the timer does. */
    @Override
    public synchronized Duration run() {
        Optional<Duration> wait = store.untilNextDue();
        if (wait.isEmpty()) {
            return WITHOUT_SCHEDULES;
        }
        if (System.nanoTime() - replanDueNanos >= 0) {
            replanDueNanos = System.nanoTime() + REPLAN_EVERY.toNanos();
            int replanned = store.replanOlderThan(zoneVersion);
            if (replanned > 0) {
                log.info("Planning {} schedules anew with time zone rules {}", replanned, zoneVersion);
                return Duration.ZERO;
            }
        }
        if (wait.get().compareTo(Duration.ZERO) > 0) {
            return wait.get().compareTo(LONGEST_WAIT) < 0 ? wait.get() : LONGEST_WAIT;
        }
        return fireDue() > 0 ? Duration.ZERO : LONGEST_WAIT.dividedBy(10); // another node has locked what is due
    }

    private int fireDue() {
        try {
            return fire(BATCH, null);
        } catch (PostroomException failed) {
            throwUnlessOfOneSchedule(failed);
            log.debug("firing {} schedules failed; trying them one by one", BATCH, failed);
        }
        int fired = 0;
        for (int id : store.due(BATCH)) {
            fired += fireOrNote(id);
        }
        return fired;
    }

    private int fireOrNote(int id) {
        try {
            return fire(1, id);
        } catch (PostroomException failed) {
            throwUnlessOfOneSchedule(failed);
            log.warn("Schedule number {} could not fire; it is tried again: {}", id, failed.getMessage());
            store.failed(id, String.valueOf(failed.getMessage()));
            return 1;
        }
    }

    /** A failure that every schedule would meet is one of the job. */
    private static void throwUnlessOfOneSchedule(PostroomException failed) {
        if (failed instanceof StoreException store && !StoreErrors.mayBeOfOneRow(store)) {
            throw failed;
        }
    }

    private int fire(int limit, @Nullable Integer only) {
        Firing firing = new Firing();
        int due = store.fire(limit, only, firing);
        firing.committed();
        return due;
    }

    /** One transaction. */
    private final class Firing implements ScheduleStore.Firing {
        private ScheduledMessages.@Nullable Created created;

        @Override
        public List<ScheduleStep> fire(List<DueSchedule> due, Instant now, Connection connection) {
            List<ScheduleStep> steps = new ArrayList<>(due.size());
            List<ScheduledMessages.Run> runs = new ArrayList<>(due.size());
            for (DueSchedule schedule : due) {
                ScheduleStep step = RunPlanner.plan(schedule, now, zoneVersion);
                steps.add(step);
                step.runs().stream()
                        .filter(run -> run.outcome() == Outcome.FIRED)
                        .forEach(run -> runs.add(new ScheduledMessages.Run(schedule, run.plannedAt())));
            }
            if (runs.isEmpty()) {
                return steps;
            }
            created = messages.create(runs, connection);
            Iterator<UUID> ids = created.ids().iterator();
            return steps.stream()
                    .map(step -> step.withRuns(step.runs().stream()
                            .map(run -> run.outcome() == Outcome.FIRED ? run.withMessage(ids.next()) : run)
                            .toList()))
                    .toList();
        }

        void committed() {
            if (created != null) {
                created.committed();
            }
        }
    }
}

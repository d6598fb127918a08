package io.postroom.internal.jobs;

import io.postroom.api.PostroomException;
import io.postroom.api.QueueFullException;
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
 *
 * <p>At rest this job costs no statement: polls say when a schedule is due. See {@link #told}.
 */
public final class FireSchedules implements Job {
    private static final Logger log = LoggerFactory.getLogger(FireSchedules.class);
    private static final int BATCH = 500;
    /**
     * Runs after which a transaction takes no further schedule. Without it 500 schedules that make up 1,000 runs each would be one of
     * 500,000 messages.
     */
    private static final int MOST_RUNS = 1_000;
    /** A cancelled message counts like this many runs, because its lock is waited for up to 100 ms. */
    private static final int RUNS_PER_CANCEL = 50;
    /** Time for schedules one by one; the others come in the next turn. */
    private static final Duration ONE_BY_ONE = Duration.ofSeconds(5);
    /** Longest wait. Whoever polls learns from it when a schedule is due, and those who do not poll from the promote job. */
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);
    /** Wait while another process has locked what is due. */
    private static final Duration LOCKED = Duration.ofMillis(100);

    private static final Duration REPLAN_EVERY = Duration.ofMinutes(1);
    private static final int REPLANNED_AT_ONCE = 1_000;

    private final ScheduleStore store;
    private final ScheduledMessages messages;
    private final String zoneVersion;
    private long replanDueNanos = System.nanoTime();
    private volatile boolean isWanted = true;
    private volatile boolean mayBecomeDue = true;

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

    /** Takes whether any schedule will be due. While none will, this job asks the database nothing. */
    public void told(boolean mayBecomeDue) {
        this.mayBecomeDue = mayBecomeDue;
    }

    /** Lets the next turn look, whatever was told: this process has changed a schedule. */
    public void lookNext() {
        isWanted = true;
    }

    @Override
    public Duration run() {
        if (!isWanted && !mayBecomeDue) {
            return LONGEST_WAIT;
        }
        isWanted = false;
        return fire();
    }

    /** Fires what is due, and answers how long to wait. Synchronized, because a test may call it while the timer does. */
    public synchronized Duration fire() {
        if (isReplanned()) {
            return Duration.ZERO;
        }
        Optional<Duration> wait = store.untilNextDue();
        if (wait.isEmpty()) {
            return LONGEST_WAIT;
        }
        if (wait.get().compareTo(Duration.ZERO) > 0) {
            return wait.get().compareTo(LONGEST_WAIT) < 0 ? wait.get() : LONGEST_WAIT;
        }
        return fireDue() > 0 ? Duration.ZERO : LOCKED;
    }

    /**
     * Lets schedules be planned anew that older rules planned. Before the look at what is due: an expression that older rules could not
     * read is never due.
     */
    private boolean isReplanned() {
        if (System.nanoTime() - replanDueNanos < 0) {
            return false;
        }
        int replanned = store.replanOlderThan(zoneVersion, REPLANNED_AT_ONCE);
        if (replanned > 0) {
            log.info("Planning {} schedules anew with time zone rules {}", replanned, zoneVersion);
            return true;
        }
        replanDueNanos = System.nanoTime() + REPLAN_EVERY.toNanos();
        return false;
    }

    /** Fires those that failed before one by one, so that they do not take others with them each time. */
    private int fireDue() {
        try {
            int fired = fire(BATCH, null, new Firing(Integer.MAX_VALUE));
            return fired > 0 ? fired : oneByOne(true);
        } catch (RuntimeException failed) { // also those of interceptors, which are the host's code
            throwUnlessOfOneSchedule(failed);
            log.debug("firing {} schedules failed; trying them one by one", BATCH, failed);
        }
        return oneByOne(false);
    }

    private int oneByOne(boolean onlyFailed) {
        int fired = 0;
        long started = System.nanoTime();
        for (int id : store.due(BATCH, onlyFailed)) {
            fired += fireOrNote(id);
            if (System.nanoTime() - started > ONE_BY_ONE.toNanos()) {
                break;
            }
        }
        return fired;
    }

    private int fireOrNote(int id) {
        try {
            return fireAsRoomAllows(id);
        } catch (RuntimeException failed) {
            throwUnlessOfOneSchedule(failed);
            String error =
                    failed instanceof PostroomException ? String.valueOf(failed.getMessage()) : failed.toString();
            log.warn("Schedule number {} could not fire; it is tried again: {}", id, error, stackOf(failed));
            store.failed(id, error);
            return 1;
        }
    }

    /**
     * Fires one schedule. A queue that refuses may be shorter than the runs that are due at once, and would never have room for them all:
     * then half as many are a transaction, down to one. It goes on until none is due. Left due, the schedule would be in the next batch
     * and make that fail.
     */
    private int fireAsRoomAllows(int id) {
        int mostRuns = Integer.MAX_VALUE;
        while (true) {
            Firing firing = new Firing(mostRuns);
            try {
                int due = fire(1, id, firing);
                if (!firing.isCutShort) {
                    return due;
                }
            } catch (QueueFullException full) {
                if (firing.wanted <= 1) {
                    throw full;
                }
                mostRuns = firing.wanted / 2;
            }
        }
    }

    /** The stack of an exception that Postroom did not expect; null: the text says enough. */
    private static @Nullable Throwable stackOf(RuntimeException failed) {
        return failed instanceof PostroomException ? null : failed;
    }

    /**
     * A failure that every schedule would meet is one of the job. A wait that was given up while messages were created is none: another
     * transaction may hold what this queue needs, and for long. See {@link HeldUpException}.
     */
    private static void throwUnlessOfOneSchedule(RuntimeException failed) {
        if (failed instanceof StoreException store && !StoreErrors.mayBeOfOneRow(store)) {
            throw failed;
        }
    }

    private int fire(int limit, @Nullable Integer only, Firing firing) {
        int due = store.fire(limit, only, firing);
        firing.committed();
        return due;
    }

    /** One transaction. */
    private final class Firing implements ScheduleStore.Firing {
        private final int mostRuns;
        private ScheduledMessages.@Nullable Created created;
        /** How many messages were to be created. */
        private int wanted;
        /** Whether runs of a schedule are left that are due now. */
        private boolean isCutShort;

        /** @param mostRuns of each schedule */
        Firing(int mostRuns) {
            this.mostRuns = mostRuns;
        }

        @Override
        public List<ScheduleStep> fire(List<DueSchedule> due, Instant now, Connection connection) {
            List<ScheduleStep> steps = new ArrayList<>(due.size());
            List<ScheduledMessages.Run> runs = new ArrayList<>(due.size());
            int weight = 0;
            for (DueSchedule schedule : due) {
                if (weight >= MOST_RUNS) {
                    break; // its lock ends with this transaction, and it is due still
                }
                ScheduleStep step = RunPlanner.plan(schedule, now, zoneVersion, mostRuns);
                isCutShort |= step.runs().size() == mostRuns
                        && step.dueAt() != null
                        && !step.dueAt().isAfter(now);
                weight += step.runs().size() + (step.cancelled() == null ? 0 : RUNS_PER_CANCEL);
                steps.add(step);
                step.runs().stream()
                        .filter(run -> run.outcome() == Outcome.FIRED)
                        .forEach(run -> runs.add(new ScheduledMessages.Run(schedule, run.plannedAt())));
            }
            if (runs.isEmpty()) {
                return steps;
            }
            wanted = runs.size();
            created = create(runs, connection);
            Iterator<UUID> ids = created.ids().iterator();
            return steps.stream()
                    .map(step -> step.withRuns(step.runs().stream()
                            .map(run -> run.outcome() == Outcome.FIRED ? run.withMessage(ids.next()) : run)
                            .toList()))
                    .toList();
        }

        private ScheduledMessages.Created create(List<ScheduledMessages.Run> runs, Connection connection) {
            try {
                return messages.create(runs, connection);
            } catch (StoreException failed) {
                throw StoreErrors.isOfGivenUpWait(failed) ? new HeldUpException(failed) : failed;
            }
        }

        void committed() {
            if (created != null) {
                created.committed();
            }
        }
    }

    /**
     * Says that creating waited too long for another transaction, which may be in the way of one queue only: it makes this queue, and a
     * prepared one may stand for days.
     */
    private static final class HeldUpException extends PostroomException {
        private static final long serialVersionUID = 1;

        HeldUpException(StoreException failed) {
            super(String.valueOf(failed.getMessage()), failed);
        }
    }
}

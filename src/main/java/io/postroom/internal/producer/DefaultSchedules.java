package io.postroom.internal.producer;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.Reason;
import io.postroom.api.Schedule;
import io.postroom.api.Schedule.Timing;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleNotFoundException;
import io.postroom.api.ScheduleRun;
import io.postroom.api.ScheduleState;
import io.postroom.api.Schedules;
import io.postroom.internal.schedules.Times;
import io.postroom.internal.storage.ScheduleStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Declares and lists schedules in the store. A worker of this process looks at changed ones at once. Thread-safe. */
public final class DefaultSchedules implements Schedules {
    private static final int MOST_LISTED = 1000;

    private final ScheduleStore store;
    private final ScheduleMessages messages;
    private final Runnable fireSoon;
    private final Runnable fireDue;

    /**
     * @param fireSoon asks the job that fires to look for new times
     * @param fireDue fires on this thread what is due
     */
    public DefaultSchedules(ScheduleStore store, ScheduleMessages messages, Runnable fireSoon, Runnable fireDue) {
        this.store = store;
        this.messages = messages;
        this.fireSoon = fireSoon;
        this.fireDue = fireDue;
    }

    @Override
    public boolean declare(Schedule schedule) {
        return write(schedule, false);
    }

    @Override
    public boolean set(Schedule schedule) {
        return write(schedule, true);
    }

    private boolean write(Schedule schedule, boolean byOperator) {
        CreateMessage message = schedule.message()
                .orElseThrow(() -> new InvalidMessageException(
                        "message", "given", "none", "Call message(CreateMessage.to(...)) of the schedule"));
        Times.ofNew(schedule.timing(), store.now());
        return telling(store.write(schedule, messages.toJson(message), byOperator));
    }

    /** Asks the job that fires to look at once; nothing happens in a process without workers. */
    public void fireSoon() {
        fireSoon.run();
    }

    /** Fires on this thread what is due. */
    public void fireDue() {
        fireDue.run();
    }

    /** Spares the next time the wait for the job's next look. */
    private boolean telling(boolean changed) {
        if (changed) {
            fireSoon.run();
        }
        return changed;
    }

    @Override
    public boolean delete(String name) {
        return store.delete(requireName(name), null);
    }

    @Override
    public boolean delete(String name, Reason reason) {
        return store.delete(requireName(name), reason);
    }

    @Override
    public boolean pause(String name) {
        return existing(name, store.pause(requireName(name), null));
    }

    @Override
    public boolean pause(String name, Reason reason) {
        return existing(name, store.pause(requireName(name), reason));
    }

    @Override
    public boolean resume(String name) {
        return telling(existing(name, store.resume(requireName(name), null)));
    }

    @Override
    public boolean resume(String name, Reason reason) {
        return telling(existing(name, store.resume(requireName(name), reason)));
    }

    private static boolean existing(String name, Optional<Boolean> changed) {
        return changed.orElseThrow(() -> new ScheduleNotFoundException(name));
    }

    @Override
    public void runNow(String name) {
        asked(name, store.runNow(requireName(name), null));
    }

    @Override
    public void runNow(String name, Reason reason) {
        asked(name, store.runNow(requireName(name), reason));
    }

    private void asked(String name, boolean exists) {
        if (!telling(exists)) {
            throw new ScheduleNotFoundException(name);
        }
    }

    @Override
    public Optional<ScheduleInfo> find(String name) {
        return store.find(requireName(name));
    }

    @Override
    public List<ScheduleInfo> list(String after, int limit) {
        return store.list(
                after.isEmpty() ? "" : Limits.requireName("after", after),
                Limits.requireRange("limit", limit, 1, MOST_LISTED));
    }

    @Override
    public List<Instant> nextRuns(String name, int howMany) {
        Limits.requireRange("howMany", howMany, 1, MOST_LISTED);
        ScheduleInfo schedule = find(name).orElseThrow(() -> new ScheduleNotFoundException(name));
        if (schedule.state() == ScheduleState.ENDED) {
            return List.of();
        }
        Times times = Times.of(schedule.timing());
        if (schedule.timing() instanceof Timing.AfterEnd) {
            return schedule.nextAt().stream().toList();
        } else if (schedule.timing() instanceof Timing.At at) {
            return List.of(at.instant());
        }
        if (schedule.nextAt().isEmpty()) {
            return times.next(store.now(), howMany);
        }
        Instant first = schedule.nextAt().get();
        List<Instant> next = new ArrayList<>(List.of(first));
        next.addAll(times.next(first, howMany - 1));
        return next;
    }

    @Override
    public List<Instant> preview(Schedule schedule, int howMany) {
        Limits.requireRange("howMany", howMany, 1, MOST_LISTED);
        Instant now = store.now();
        Times times = Times.ofNew(schedule.timing(), now);
        if (schedule.timing() instanceof Timing.At at) {
            return List.of(at.instant());
        }
        return times.next(now, schedule.timing() instanceof Timing.AfterEnd ? 1 : howMany);
    }

    @Override
    public List<ScheduleRun> runs(String name) {
        find(name).orElseThrow(() -> new ScheduleNotFoundException(name));
        return store.runs(name);
    }

    private static String requireName(String name) {
        return Limits.requireName("name", name);
    }
}

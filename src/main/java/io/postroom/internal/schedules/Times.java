package io.postroom.internal.schedules;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Schedule.Timing;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** The planned times of a schedule, one after the other. Immutable and thread-safe. */
@FunctionalInterface
public interface Times {
    /** The last moment that is planned for; what lies behind it counts as never. */
    Instant END = Instant.parse("9999-12-31T23:59:59Z");

    /** Answers the first time later than that moment; empty: there is none. */
    Optional<Instant> next(Instant after);

    /**
     * The times of a schedule. For {@link Timing.AfterEnd} they are those that follow if each message ended at once.
     *
     * @throws InvalidMessageException a cron expression or its zone cannot be read
     */
    static Times of(Timing timing) {
        if (timing instanceof Timing.Cron cron) {
            CronTimes times = CronTimes.of(cron.expression(), Zones.of(cron.zone()));
            return after -> times.next(after).filter(at -> !at.isAfter(END));
        } else if (timing instanceof Timing.Every every) {
            return new EveryTimes(every.period());
        } else if (timing instanceof Timing.AfterEnd afterEnd) {
            return new EveryTimes(afterEnd.pause());
        }
        Instant once = ((Timing.At) timing).instant();
        return after -> Optional.of(once).filter(at -> at.isAfter(after));
    }

    /**
     * Reads the times of a schedule that is to be stored.
     *
     * @throws InvalidMessageException as {@link #of}, or it never fires
     */
    static Times ofNew(Timing timing, Instant now) {
        Times times = of(timing);
        if (timing instanceof Timing.Cron cron && times.next(now).isEmpty()) {
            throw new InvalidMessageException(
                    "cron", "an expression that fires one day", cron.expression(), "No month has such a day");
        }
        return times;
    }

    /** Lists the next times. */
    default List<Instant> next(Instant after, int howMany) {
        List<Instant> found = new ArrayList<>();
        Optional<Instant> at = next(after);
        while (at.isPresent() && found.size() < howMany) {
            found.add(at.get());
            at = next(at.get());
        }
        return found;
    }

    /**
     * Lists the last times up to now, in order. Walks back in windows that grow, so that a schedule of every second does not cost a step
     * for each second of a long absence.
     *
     * @param first the first of them, not later than {@code now}
     * @param most how many at most
     */
    default List<Instant> last(Instant first, Instant now, int most) {
        Duration window = Duration.ofSeconds(2);
        while (true) {
            Instant from = now.minus(window);
            boolean isWhole = !from.isAfter(first);
            Deque<Instant> found = new ArrayDeque<>();
            Optional<Instant> at = isWhole ? Optional.of(first) : next(from);
            while (at.isPresent() && !at.get().isAfter(now)) {
                found.addLast(at.get());
                if (found.size() > most) {
                    found.removeFirst();
                }
                at = next(at.get());
            }
            if (isWhole || found.size() >= most) {
                return new ArrayList<>(found);
            }
            window = window.multipliedBy(4);
        }
    }
}

package io.postroom.internal.storage;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The starts that one claim of a queue with limiters has booked, and what has become of them. Each message of the claim may start until
 * the booking ends. Thread-safe: handler threads say what starts and ends, and the claim thread reports it.
 *
 * <p>A report makes a booking end earlier, so it must never name a moment before the start. Four things hold that:
 *
 * <ul>
 *   <li>A start is over when its handler has returned. That of a call that goes on is over twice the guard after the last look at the clock
 *       before it. The guard is for what passes between that look and the first line of the handler. It is taken twice, because a report
 *       is made for each call, while few calls begin at the end of their booking.
 *   <li>The first calls of a handler in a process load classes on the way to its first line: eight threads took 30 to 52 ms there at
 *       once, on two cores with a load of 9, where later calls take microseconds. So they must begin in the first half of the time, and
 *       are over when the booking ends.
 *   <li>The database's time is reckoned from that of the claim, which is later than the moment at which the claim was sent. One
 *       millisecond is added, because the two clocks may run at different speeds.
 *   <li>What has not begun when the booking has ended never begins: {@link #begins} refuses it from the moment on at which that is said.
 * </ul>
 *
 * <p>A message that starts twice under one booking, as one of a batch that failed, stays booked to the end.
 */
public final class StartBooking {
    private static final long MARGIN_MICROS = 1_000;
    /** Reports are exact to so many microseconds, so that many starts make one report. No slice of a limiter is shorter. */
    private static final long GRAIN_MICROS = 1_000;

    private final String limits;
    private final long sentNanos;
    private final long bookedAtMicros;
    private final long withinNanos;
    private final long guardNanos;
    private final int messages;
    private final Map<UUID, Start> starts = new HashMap<>();
    private boolean isOver;

    /** One start. */
    private static final class Start {
        private long overNanos;
        private boolean isKept;
        private boolean isReported;
    }

    /** Takes what is reported. */
    public interface Sink {
        /**
         * Takes one start.
         *
         * @param deadlineMicros the end of its booking, by the database's clock
         * @param startedMicros by when it has happened; null: it never will
         */
        void accept(long deadlineMicros, @Nullable Long startedMicros);
    }

    /**
     * @param limits which limits the claim met
     * @param sentNanos {@code System.nanoTime()} before the claim
     * @param bookedAtMicros the database's time of the claim, in microseconds since 1970
     * @param within how long after it was sent the last look at the clock may be
     * @param guard how much later the booking ends
     * @param messages how many starts are booked
     */
    public StartBooking(
            String limits, long sentNanos, long bookedAtMicros, Duration within, Duration guard, int messages) {
        this.limits = limits;
        this.sentNanos = sentNanos;
        this.bookedAtMicros = bookedAtMicros;
        this.withinNanos = within.toNanos();
        this.guardNanos = guard.toNanos();
        this.messages = messages;
    }

    public String limits() {
        return limits;
    }

    public Duration guard() {
        return Duration.ofNanos(guardNanos);
    }

    /**
     * Notes that a handler is about to be called, right after the look at the clock.
     *
     * @param isAlone whether the call has no other message, so that it cannot be repeated for this one
     * @param isFirst whether no call of this handler has returned in this process yet
     * @param now as {@link System#nanoTime}
     * @return false when the booking is over, or too near its end for a first call
     */
    public synchronized boolean begins(UUID message, boolean isAlone, boolean isFirst, long now) {
        if (isOver || isFirst && now - sentNanos > withinNanos / 2) {
            return false;
        }
        Start start = starts.get(message);
        if (start == null) {
            start = new Start();
            start.isKept = !isAlone;
            starts.put(message, start);
        } else {
            start.isKept = true;
        }
        start.overNanos = isFirst ? endNanos() : now + 2 * guardNanos;
        return true;
    }

    /** Notes that the call has returned. One that never began, or was given up, is no matter. */
    public synchronized void ended(UUID message, long now) {
        Start start = starts.get(message);
        if (start != null && now - start.overNanos < 0) {
            start.overNanos = now;
        }
    }

    /**
     * Gives what is known by now, each start once. To be called by one thread.
     *
     * @param now as {@link System#nanoTime}
     * @return whether all is said
     */
    public synchronized boolean report(long now, Sink sink) {
        boolean isLeft = false;
        for (Start start : starts.values()) {
            if (start.isKept || start.isReported) {
                continue;
            }
            if (start.overNanos - now > 0) {
                isLeft = true;
                continue;
            }
            start.isReported = true;
            sink.accept(deadline(), Math.min(deadline(), micros(start.overNanos)));
        }
        if (!isOver && now - endNanos() > 0) {
            isOver = true;
            for (int unused = messages - starts.size(); unused > 0; unused--) {
                sink.accept(deadline(), null);
            }
        }
        return !isLeft && (isOver || starts.size() == messages);
    }

    private long endNanos() {
        return sentNanos + withinNanos + guardNanos;
    }

    private long deadline() {
        return bookedAtMicros + TimeUnit.NANOSECONDS.toMicros(withinNanos + guardNanos);
    }

    private long micros(long nanos) {
        long exact = bookedAtMicros + TimeUnit.NANOSECONDS.toMicros(nanos - sentNanos) + MARGIN_MICROS;
        return (exact / GRAIN_MICROS + 1) * GRAIN_MICROS;
    }
}

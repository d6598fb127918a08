package io.postroom.internal.consumer;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;

/**
 * What a handler thread does, to tell whether it will soon take another slice or is blocked. A thread that waits for a lock, a timer or a
 * socket is blocked, and another thread could run messages meanwhile. A thread that runs, or waits for a core, is not: more threads would
 * only change the order. Written by the thread itself, read by the one that adds threads.
 */
final class CallWatch {
    /** A thread that waits inside a call for longer is blocked. */
    private static final Duration WAITING = Duration.ofNanos(500_000);
    /** The same for a thread that seems to run but used little of a core: it waits for a socket. */
    private static final Duration WITHOUT_CPU = Duration.ofMillis(2);
    /** The same while all cores are busy: then it may only wait for a core. */
    private static final Duration WITHOUT_CORE = Duration.ofMillis(20);
    /** The same for a thread outside of a call: it may wait for the database, and another thread would only wait beside it. */
    private static final Duration OUTSIDE = Duration.ofMillis(200);
    /** A call that used less than this part of its time on a core was blocked for most of it. */
    private static final int PART_ON_CORE = 4;

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final boolean KNOWS_CPU =
            THREADS.isCurrentThreadCpuTimeSupported() && THREADS.isThreadCpuTimeEnabled();

    private final Thread thread;
    private final boolean measures;
    /** When the call or the slice began or ended, or the thread was made. */
    private volatile long sinceNanos = System.nanoTime();
    /** What the thread had used of a core then. */
    private volatile long cpuNanos;

    private volatile boolean calling;

    /** @param measures whether to read the thread's use of a core; virtual threads have none */
    CallWatch(Thread thread, boolean measures) {
        this.thread = thread;
        this.measures = measures && KNOWS_CPU;
    }

    void sliceBegins(long now) {
        sinceNanos = now;
    }

    /** Notes that user's code is called from here on. */
    void callBegins(long now) {
        if (measures) {
            cpuNanos = THREADS.getCurrentThreadCpuTime();
        }
        sinceNanos = now;
        calling = true;
    }

    /** Notes that user's code has returned. */
    void callEnds(long now) {
        calling = false;
        sinceNanos = now;
    }

    /**
     * Whether the thread will probably take a slice soon.
     *
     * @param coresAreBusy whether all cores of the machine are in use
     */
    boolean isAvailableSoon(long now, boolean coresAreBusy) {
        long since = now - sinceNanos;
        if (!calling) {
            return since < OUTSIDE.toNanos();
        }
        return switch (thread.getState()) {
            case WAITING, TIMED_WAITING, BLOCKED -> since < WAITING.toNanos();
            default -> since < (coresAreBusy ? WITHOUT_CORE : WITHOUT_CPU).toNanos() || isOnCore(since, coresAreBusy);
        };
    }

    private boolean isOnCore(long since, boolean coresAreBusy) {
        if (!measures || coresAreBusy) {
            return false;
        }
        long used = THREADS.getThreadCpuTime(thread.getId()) - cpuNanos;
        return used * PART_ON_CORE >= since;
    }
}

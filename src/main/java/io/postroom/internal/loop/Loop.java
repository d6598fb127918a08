package io.postroom.internal.loop;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that repeats one step until it is stopped. A step that throws is repeated after a back-off. A series of failures is logged at
 * WARN at its beginning, then at growing intervals. No error ends the thread. Thread-safe, apart from {@link #pause} and {@link
 * #pauseNanos}.
 */
public final class Loop {
    private static final Logger log = LoggerFactory.getLogger(Loop.class);
    private static final long LONGEST_BACKOFF_NANOS = Backoff.LONGEST.toNanos();

    private final String name;
    private final Step step;
    private final Thread thread;
    private volatile boolean stopped;
    private volatile boolean signalled;
    private volatile long lastSuccessNanos = System.nanoTime();

    /** What the thread repeats. An interrupt means "look again": the step checks its own state and returns. */
    public interface Step {
        void run() throws Exception;
    }

    /** @param daemon false: the thread keeps the JVM alive until it is stopped */
    public Loop(String name, boolean daemon, Step step) {
        this.name = name;
        this.step = step;
        this.thread = new Thread(this::run, name);
        thread.setDaemon(daemon);
    }

    public Loop start() {
        thread.start();
        return this;
    }

    /** Ends the pause that is on, or the next one if none is on. */
    public void signal() {
        if (!signalled) {
            signalled = true;
            LockSupport.unpark(thread);
        }
    }

    /** Waits until the loop is signalled or stopped, or the time is over. For the loop's own thread. Returns whether it was signalled. */
    public boolean pause(Duration longest) {
        return pauseNanos(longest.toNanos());
    }

    /** Does the same as {@link #pause}, for a time in nanoseconds. */
    public boolean pauseNanos(long longestNanos) {
        long end = System.nanoTime() + longestNanos;
        while (!signalled && !stopped) {
            long left = end - System.nanoTime();
            if (left <= 0 || Thread.interrupted()) {
                break;
            }
            LockSupport.parkNanos(this, left);
        }
        boolean was = signalled;
        signalled = false;
        return was;
    }

    public boolean isOwnThread() {
        return Thread.currentThread() == thread;
    }

    public boolean isStopped() {
        return stopped;
    }

    /** Returns the {@code System.nanoTime()} at which a step last returned, for health checks; before the first step: of the start. */
    public long lastSuccessNanos() {
        return lastSuccessNanos;
    }

    /** Ends the thread after the step that runs. */
    public void stop() {
        stopped = true;
        LockSupport.unpark(thread);
    }

    /** Waits for the thread's end. Returns whether it ended in time. An interrupt ends the wait and stays set. */
    public boolean join(Duration longest) {
        boolean interrupted = Thread.interrupted();
        try {
            thread.join(Math.max(1, longest.toMillis()));
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !thread.isAlive();
    }

    private void run() {
        Backoff backoff = new Backoff();
        RepeatedWarning warning = new RepeatedWarning();
        while (!stopped) {
            try {
                step.run();
                if (!backoff.isFirst()) {
                    log.info("{} works again", name);
                }
                backoff.reset();
                warning.reset();
                lastSuccessNanos = System.nanoTime();
            } catch (Throwable error) {
                try {
                    waitAfter(error, backoff, warning);
                } catch (Throwable again) {
                    // Out of memory, for example: to log the first error may need memory as well.
                    Thread.interrupted(); // an interrupted thread would not park
                    LockSupport.parkNanos(this, LONGEST_BACKOFF_NANOS);
                }
            }
        }
    }

    private void waitAfter(Throwable error, Backoff backoff, RepeatedWarning warning) {
        if (stopped) {
            log.debug("{} failed while stopping", name, error);
        } else {
            warning.log(log, name, error);
        }
        signalled = false;
        pause(backoff.next());
    }
}

package io.postroom.internal.loop;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that does one step again and again until it is stopped. A step that throws is logged (once per spell of trouble at WARN) and repeated
 * after a back-off: no loop of ours ever ends by an error.
 */
public final class Loop {
    private static final Logger log = LoggerFactory.getLogger(Loop.class);
    private static final Duration LONGEST_BACKOFF = Duration.ofSeconds(5);
    private static final long LONGEST_BACKOFF_NANOS = LONGEST_BACKOFF.toNanos();

    private final String name;
    private final Step step;
    private final Thread thread;
    private volatile boolean stopped;
    private volatile boolean signalled;
    private volatile long lastSuccessNanos = System.nanoTime();

    /** One turn. Interrupts mean "look around": a step checks its own state and returns. */
    public interface Step {
        void run() throws Exception;
    }

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

    /** Ends {@link #pause} at once, or the next one if none is on. */
    public void signal() {
        if (!signalled) {
            signalled = true;
            LockSupport.unpark(thread);
        }
    }

    /** Waits until signalled, stopped, or the time is over. Called by the loop's own thread. Returns whether it was signalled. */
    public boolean pause(Duration longest) {
        return pauseNanos(longest.toNanos());
    }

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

    /** When a step last went well; health looks at it. */
    public long lastSuccessNanos() {
        return lastSuccessNanos;
    }

    public void stop() {
        stopped = true;
        LockSupport.unpark(thread);
    }

    /** Waits for the thread's end. Returns whether it ended in time. */
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
        Backoff backoff = new Backoff(LONGEST_BACKOFF);
        while (!stopped) {
            try {
                step.run();
                if (!backoff.isFirst()) {
                    log.info("{} works again", name);
                }
                backoff.reset();
                lastSuccessNanos = System.nanoTime();
            } catch (Throwable error) {
                try {
                    standBack(error, backoff);
                } catch (Throwable again) { // out of memory, say: to write that down may need some as well
                    Thread.interrupted(); // or it would not wait
                    LockSupport.parkNanos(this, LONGEST_BACKOFF_NANOS);
                }
            }
        }
    }

    private void standBack(Throwable error, Backoff backoff) {
        Duration wait = backoff.next();
        if (stopped) {
            log.debug("{} failed while stopping", name, error);
        } else if (backoff.isFirst()) {
            log.warn("{} failed and goes on trying: {}", name, error.toString(), error);
        } else {
            log.debug("{} failed again, next try in {}", name, wait, error);
        }
        signalled = false;
        pause(wait);
    }
}

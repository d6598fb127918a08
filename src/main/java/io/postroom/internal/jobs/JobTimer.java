package io.postroom.internal.jobs;

import io.postroom.internal.loop.Backoff;
import io.postroom.internal.loop.RepeatedWarning;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Repeats jobs on a few threads of its own. A job never runs beside itself in this process. A job that fails is repeated with back-off
 * for ever, and said at WARN at growing intervals. Thread-safe.
 */
public final class JobTimer {
    private static final Logger log = LoggerFactory.getLogger(JobTimer.class);
    /** Two for jobs that may take long, and two for jobs that must be in time: promote and rescue. */
    private static final int THREADS = 4;

    private static final Duration FIRST_BACKOFF = Duration.ofMillis(200);
    private static final Duration LONGEST_BACKOFF = Duration.ofSeconds(10);

    private final ScheduledExecutorService timer;
    private final Map<Job, Turn> turns = new ConcurrentHashMap<>();

    public JobTimer() {
        AtomicInteger number = new AtomicInteger();
        ThreadFactory threads = task -> {
            Thread thread = new Thread(task, "postroom-jobs-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
        timer = Executors.newScheduledThreadPool(THREADS, threads);
    }

    public void start(List<Job> jobs) {
        jobs.forEach(job -> {
            Turn turn = new Turn(job);
            turns.put(job, turn);
            turn.next(job.firstWait().plusMillis(ThreadLocalRandom.current().nextInt(100)));
        });
    }

    /** Runs the job at once, whenever its next turn was planned; if it runs now, once more after that. */
    public void runSoon(Job job) {
        runSoon(job, Duration.ZERO);
    }

    /** Runs the job after that time at the latest. */
    public void runSoon(Job job, Duration latest) {
        Turn turn = turns.get(job);
        if (turn != null) {
            turn.runSoon(latest);
        }
    }

    public void stop() {
        timer.shutdownNow();
        try {
            timer.awaitTermination(10, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private final class Turn implements Runnable {
        private final Job job;
        private final Backoff backoff = new Backoff(FIRST_BACKOFF, LONGEST_BACKOFF);
        private final RepeatedWarning warning = new RepeatedWarning();
        private boolean running;
        private boolean runAgainSoon;
        private ScheduledFuture<?> planned;

        Turn(Job job) {
            this.job = job;
        }

        synchronized void next(Duration wait) {
            if (!timer.isShutdown()) {
                planned = timer.schedule(this, Math.max(1, wait.toMillis()), TimeUnit.MILLISECONDS);
            }
        }

        synchronized void runSoon(Duration latest) {
            if (running) {
                runAgainSoon |= latest.isZero(); // else the turn under way finds out itself
            } else if (warning.times() > 0 && !latest.isZero()) {
                return; // polls say each second that it is needed, and must not undo the back-off of a failure
            } else if (planned != null
                    && planned.getDelay(TimeUnit.MILLISECONDS) > latest.toMillis() + 5
                    && planned.cancel(false)) {
                next(latest);
            }
        }

        @Override
        public void run() {
            synchronized (this) {
                running = true;
                runAgainSoon = false;
            }
            Duration wait = LONGEST_BACKOFF; // if even the report of a failure fails
            try {
                wait = runOnce();
            } finally {
                synchronized (this) {
                    running = false;
                    next(runAgainSoon ? Duration.ofMillis(1) : wait);
                }
            }
        }

        private Duration runOnce() {
            try {
                Duration wait = job.run();
                if (warning.times() > 0) {
                    log.info("{} works again", job.name());
                }
                warning.reset();
                backoff.reset();
                return wait;
            } catch (Throwable error) {
                if (timer.isShutdown()) {
                    log.debug("{} failed while stopping", job.name(), error);
                } else {
                    warning.log(log, job.name(), error);
                }
                return backoff.next();
            }
        }
    }
}

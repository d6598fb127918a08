package io.postroom;

import io.postroom.engine.Engine;
import io.postroom.handler.Handler;
import io.postroom.handler.Handlers;
import io.postroom.jobs.Job;
import io.postroom.jobs.JobTimer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** What works on its own: the engine and the jobs on a timer. */
final class Machine {
    private final Handlers handlers;
    private final Engine engine;
    private final JobTimer timer;
    private final List<Job> jobs;
    private boolean timed;

    Machine(Handlers handlers, Engine engine, JobTimer timer, List<Job> jobs) {
        this.handlers = handlers;
        this.engine = engine;
        this.timer = timer;
        this.jobs = jobs;
    }

    Engine engine() {
        return engine;
    }

    synchronized void start(Collection<Handler> more) {
        handlers.addAll(more);
        engine.start();
        if (!timed) {
            timed = true;
            timer.start(jobs);
        }
    }

    /** The jobs go on: what others of the cluster wait for is done there. */
    void rest(Duration drain) {
        engine.rest(drain);
    }

    void stop(Duration drain) {
        timer.stop();
        engine.stop(drain);
    }
}

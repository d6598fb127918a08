package io.postroom;

import io.postroom.engine.Engine;
import io.postroom.handler.Handler;
import io.postroom.handler.Handlers;
import io.postroom.jobs.Job;
import io.postroom.jobs.JobTimer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** What works on its own: the engine and the jobs on a timer. Starts once and stops once. */
record Machine(Handlers handlers, Engine engine, JobTimer timer, List<Job> jobs) {
    void start(Collection<Handler> more) {
        handlers.addAll(more);
        engine.start();
        timer.start(jobs);
    }

    void stop(Duration drain) {
        timer.stop();
        engine.stop(drain);
    }
}

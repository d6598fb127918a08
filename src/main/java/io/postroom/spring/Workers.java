package io.postroom.spring;

import io.postroom.DefaultPostroom;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import io.postroom.homes.DefaultPostroomHomes;
import java.time.Duration;
import java.util.Collection;

/** What works in this process: one engine, or one for each home. */
interface Workers {
    /** @throws IllegalArgumentException two handlers would take the same messages, or have the same id */
    void check(Collection<Handler> handlers);

    void declare(Schedule schedule);

    void start(Collection<Handler> handlers);

    /** Begins no more handlers; does not wait for those that run. */
    void stopClaiming();

    void stop(Duration drain);

    static Workers of(DefaultPostroom postroom) {
        return new Workers() {
            @Override
            public void check(Collection<Handler> handlers) {
                postroom.checkHandlers(handlers);
            }

            @Override
            public void declare(Schedule schedule) {
                postroom.schedules().declare(schedule);
            }

            @Override
            public void start(Collection<Handler> handlers) {
                postroom.startWorkers(handlers);
            }

            @Override
            public void stopClaiming() {
                postroom.stopClaiming();
            }

            @Override
            public void stop(Duration drain) {
                postroom.stopWorkers(drain);
            }
        };
    }

    static Workers of(DefaultPostroomHomes homes) {
        return new Workers() {
            @Override
            public void check(Collection<Handler> handlers) {
                homes.checkHandlers(handlers);
            }

            @Override
            public void declare(Schedule schedule) {
                homes.declare(schedule);
            }

            @Override
            public void start(Collection<Handler> handlers) {
                homes.startWorkers(handlers);
            }

            @Override
            public void stopClaiming() {
                homes.stopClaiming();
            }

            @Override
            public void stop(Duration drain) {
                homes.stopWorkers(drain);
            }
        };
    }
}

package io.postroom;

import io.postroom.jobs.Job;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.core.SimpleLock;

/**
 * A job that runs on one node at a time, under ShedLock with database time and a table in our own schema. The host's {@code LockProvider} beans and
 * scheduling stay untouched: ours is no bean.
 */
record LockedJob(Job job, LockProvider locks, Duration atMost) implements Job {
    @Override
    public String name() {
        return job.name();
    }

    @Override
    public Duration run() {
        LockConfiguration configuration =
                new LockConfiguration(Instant.now(), "postroom." + job.name(), atMost, Duration.ZERO);
        Optional<SimpleLock> lock = locks.lock(configuration);
        if (lock.isEmpty()) {
            return Duration.ofMinutes(1);
        }
        try {
            return job.run();
        } finally {
            lock.get().unlock();
        }
    }
}

package io.postroom.internal.jobs;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.core.SimpleLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a job on one node at a time, under ShedLock with database time and a table in our own schema. Our {@code LockProvider} is no bean,
 * so the host's beans and scheduling stay as they are.
 *
 * @param atMost how long a node that dies in the job keeps it from the other nodes
 */
public record LockedJob(Job job, LockProvider locks, Duration atMost) implements Job {
    private static final Logger log = LoggerFactory.getLogger(LockedJob.class);
    private static final String NO_RIGHT = "42501";
    private static final Duration LEFT_TO_OTHERS = Duration.ofHours(1);

    @Override
    public String name() {
        return job.name();
    }

    @Override
    public Duration firstWait() {
        return job.firstWait();
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
        } catch (StoreException error) {
            if (!error.state().equals(NO_RIGHT)) {
                throw error;
            }
            log.debug("{} is left to a process whose role owns the tables: {}", job.name(), error.getMessage());
            return LEFT_TO_OTHERS;
        } finally {
            lock.get().unlock();
        }
    }
}

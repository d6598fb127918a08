package io.postroom.internal.jobs;

import io.postroom.internal.storage.DeletedQueue;
import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes exclusive queues whose owner was killed and auto-delete queues whose last consumer was. A process that stops in order deletes
 * them itself. Runs on every node. A process finds others dead only after one full lease time of own heartbeats, as {@link RescueLeases}
 * does: after the database was away, the heartbeats of all are old.
 */
public final class DeleteAbandonedQueues implements Job {
    private static final Logger log = LoggerFactory.getLogger(DeleteAbandonedQueues.class);

    private final JobStore store;
    private final Duration leaseTime;
    private final Duration interval;
    private final Predicate<Duration> hasBeatenFor;

    /**
     * @param interval how often to look
     * @param hasBeatenFor whether this process's heartbeats were confirmed for that long without a gap
     */
    public DeleteAbandonedQueues(
            JobStore store, Duration leaseTime, Duration interval, Predicate<Duration> hasBeatenFor) {
        this.store = store;
        this.leaseTime = leaseTime;
        this.interval = interval;
        this.hasBeatenFor = hasBeatenFor;
    }

    @Override
    public String name() {
        return "DeleteAbandonedQueues";
    }

    @Override
    public Duration run() {
        if (hasBeatenFor.test(leaseTime)) {
            for (DeletedQueue queue : store.deleteAbandoned(leaseTime)) {
                log.info(
                        "queue \"{}\" is deleted: {}; {} messages that waited in it are cancelled",
                        queue.name(),
                        queue.because(),
                        queue.cancelled());
            }
        }
        return interval;
    }
}

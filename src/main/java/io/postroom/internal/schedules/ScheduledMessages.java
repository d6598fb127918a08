package io.postroom.internal.schedules;

import io.postroom.internal.storage.DueSchedule;
import java.sql.Connection;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/** Creates the messages of schedules. Implemented where messages are created, and called by the job that fires. Thread-safe. */
@FunctionalInterface
public interface ScheduledMessages {
    /**
     * Creates one message for each run, all or none, in the transaction of this connection.
     *
     * @throws RuntimeException one of them was refused; the transaction may be aborted
     */
    Created create(List<Run> runs, Connection connection);

    /** A run for which a message is to be created. */
    record Run(DueSchedule schedule, Instant plannedAt) {}

    /** Messages that were created. */
    interface Created {
        /** Their ids, in the order of the runs. */
        List<UUID> ids();

        /** Wakes consumers, once the transaction is committed. */
        void committed();
    }
}

package io.postroom.internal.storage;

import io.postroom.api.MessageFilter;
import io.postroom.api.QueueStats;
import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What people do to messages and queues; each act is on record in {@code operator_action}. Thread-safe. Each call is a transaction of its own; failures are {@link StoreException}s.
 */
public interface OperatorStore {
    int cancel(UUID id);

    int reschedule(UUID id, Instant dueAt);

    int redrive(UUID id);

    /** Puts a bulk redrive on record; the job carries it out. */
    UUID planRedrive(MessageFilter filter, int perSecond);

    OperationRow operation(UUID id);

    void stopOperation(UUID id);

    List<QueueStats> stats(@Nullable String queue);

    void pause(String queue, boolean paused);

    long purge(String queue);

    void delete(String queue, boolean ifEmpty, boolean ifUnused);

    /** Sets every stored instant of waiting messages back by this much: time passes at once. For tests. */
    void advance(Duration time);

    /** A bulk action as it stands. */
    record OperationRow(long planned, long done, boolean finished) {}
}

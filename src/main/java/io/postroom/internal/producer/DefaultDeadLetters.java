package io.postroom.internal.producer;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.DeadLetters;
import io.postroom.api.Limits;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Operation;
import io.postroom.api.OperationStatus;
import io.postroom.api.Reason;
import io.postroom.internal.storage.DeadLetterStore;
import io.postroom.internal.worker.Poller;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Discards and redrives dead letters in the store. Thread-safe. */
public final class DefaultDeadLetters implements DeadLetters {
    private static final Reason BY_FILTER = Reason.of("QueueMessages.redrive");
    private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant LAST = Instant.parse("9999-12-31T00:00:00Z");
    private static final int MOST_LISTED = 1000;

    private final DeadLetterStore store;
    private final Poller poller;
    private final Runnable operateSoon;

    /**
     * @param poller looks at once for what a group of an ordered queue goes on with
     * @param operateSoon asks the job that carries operations on to run
     */
    public DefaultDeadLetters(DeadLetterStore store, Poller poller, Runnable operateSoon) {
        this.store = store;
        this.poller = poller;
        this.operateSoon = operateSoon;
    }

    @Override
    public int discard(UUID id, Reason reason) {
        return discardIn(null, id, reason);
    }

    @Override
    public int discard(UUID id, String queue, Reason reason) {
        return discardIn(Limits.requireName("queue", queue), id, reason);
    }

    private int discardIn(@Nullable String queue, UUID id, Reason reason) {
        int discarded = store.discard(id, queue, reason);
        if (discarded > 0) {
            poller.pollNow();
        }
        return discarded;
    }

    @Override
    public DeadLetterPreview preview(DeadLetterFilter filter) {
        return store.preview(filter);
    }

    @Override
    public Operation redrive(DeadLetterFilter filter, BulkSettings settings) {
        return begun(store.redrive(filter, settings));
    }

    @Override
    public Operation discard(DeadLetterFilter filter, BulkSettings settings) {
        return begun(store.discard(filter, settings));
    }

    private Operation begun(UUID operation) {
        operateSoon.run();
        return new RecordedOperation(store, operation);
    }

    /** Redrives what a filter of messages matches, without a canary. */
    Operation redrive(MessageFilter filter, int perSecond) {
        return redrive(letters(filter), new BulkSettings(BY_FILTER, perSecond, 0, 0));
    }

    private static DeadLetterFilter letters(MessageFilter filter) {
        DeadLetterFilter letters = DeadLetterFilter.json("{}");
        letters = filter.queue().map(DeadLetterFilter::queue).orElse(letters);
        letters = filter.type().map(letters::type).orElse(letters);
        letters = filter.correlationId().map(letters::correlationId).orElse(letters);
        for (Map.Entry<String, String> header : filter.headers().entrySet()) {
            letters = letters.header(header.getKey(), header.getValue());
        }
        letters = filter.fingerprint().map(letters::withFingerprint).orElse(letters);
        if (filter.createdFrom().isPresent() || filter.createdTo().isPresent()) {
            letters = letters.created(
                    filter.createdFrom().orElse(FIRST), filter.createdTo().orElse(LAST));
        }
        if (!filter.states().isEmpty() && !filter.states().contains(MessageState.DEAD)) {
            return letters.dead(FIRST, FIRST); // other states have no dead letters
        }
        return letters.json().equals("{}") ? DeadLetterFilter.all() : letters;
    }

    @Override
    public Optional<OperationStatus> operation(UUID id) {
        return store.operation(id);
    }

    @Override
    public List<OperationStatus> operations(int limit) {
        return store.operations(Limits.requireRange("limit", limit, 1, MOST_LISTED));
    }

    @Override
    public boolean stop(UUID operation, Reason reason) {
        return store.stop(operation, reason);
    }
}

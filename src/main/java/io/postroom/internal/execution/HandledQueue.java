package io.postroom.internal.execution;

import io.postroom.api.RetryPolicy;
import io.postroom.api.SettingsEntry;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.storage.QueueReport;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A queue with handlers in this process, and the retry policy that holds for it. Thread-safe. */
public final class HandledQueue {
    /** Completing a lease in parts rewrites its row: with an array of 1000 ids, one by one, that cost 9 KB of WAL a message. */
    private static final int LARGEST_LEASE = 200;

    private final int id;
    private final String name;
    private final List<Handler> handlers;
    private final int concurrency;
    private final int largestBatch;
    private final int leaseSize;
    private final Set<Handler> returned = ConcurrentHashMap.newKeySet();
    private volatile @Nullable OperatorSettings operatorSettings;

    public HandledQueue(int id, String name, List<Handler> handlers) {
        this.id = id;
        this.name = name;
        this.handlers = List.copyOf(handlers);
        this.concurrency = handlers.stream().mapToInt(Handler::concurrency).sum();
        this.largestBatch = handlers.stream().mapToInt(Handler::batch).max().orElse(1);
        this.leaseSize =
                handlers.stream().anyMatch(handler -> handler.mode() == HandlerMode.ATOMIC) ? 1 : LARGEST_LEASE;
    }

    public int id() {
        return id;
    }

    public String name() {
        return name;
    }

    public List<Handler> handlers() {
        return handlers;
    }

    /** Messages of this queue that may run at a time: the sum of its handlers' concurrency. */
    public int concurrency() {
        return concurrency;
    }

    /** Most messages one call of a handler takes; 1 without a batch handler. */
    public int largestBatch() {
        return largestBatch;
    }

    /**
     * Most messages under one lease. ATOMIC handlers complete inside their own transactions; if they shared a lease row, they would wait
     * for one another until commit.
     */
    public int leaseSize() {
        return leaseSize;
    }

    /** Whether a call of this handler has come back in this process, so that its classes are loaded. */
    boolean hasReturned(Handler handler) {
        return returned.contains(handler);
    }

    void noteReturn(Handler handler) {
        returned.add(handler);
    }

    /**
     * The retry policy for messages of this handler: that of an operator of the queue, else that of the entry, else the handler's own. It
     * never throws.
     *
     * @param entry that the handler names; null: none
     */
    RetryPolicy retryPolicy(Handler handler, @Nullable SettingsEntry entry) {
        OperatorSettings operators = operatorSettings;
        RetryPolicy own = policyOf(entry, new SafeRetryPolicy(handler.retry()));
        return operators == null ? own : new OverridingRetryPolicy(operators.attempts, operators.waits, own);
    }

    /** The retry policy for a message that was not run: no entry counts. */
    public RetryPolicy retryPolicy(Handler handler) {
        return retryPolicy(handler, null);
    }

    private static RetryPolicy policyOf(@Nullable SettingsEntry entry, RetryPolicy handlers) {
        if (entry == null || entry.attempts().isEmpty() && entry.retryAfter().isEmpty()) {
            return handlers;
        }
        int attempts = entry.attempts().orElse(handlers.attempts());
        return new OverridingRetryPolicy(
                attempts,
                entry.retryAfter().map(waits -> readable(attempts, waits)).orElse(null),
                handlers);
    }

    /** Takes over the retry settings that an operator stored, or drops them once they were reset. */
    public void reported(QueueReport report) {
        operatorSettings =
                report.operatorSettings() ? new OperatorSettings(report.maxAttempts(), readableWaits(report)) : null;
    }

    /**
     * Reads an operator's waits; null: those of each handler hold, because the operator left them alone ({@code custom}), or because they
     * are outside their limits. {@code InspectDatabase} says the latter at WARN.
     */
    private static @Nullable RetryPolicy readableWaits(QueueReport report) {
        return readable(report.maxAttempts(), report.retryAfter());
    }

    private static @Nullable RetryPolicy readable(int attempts, String waits) {
        try {
            return RetryPolicy.parse(attempts, waits);
        } catch (RuntimeException notWaits) {
            return null;
        }
    }

    /** @param waits null: those of each handler */
    private record OperatorSettings(int attempts, @Nullable RetryPolicy waits) {}

    /** The policy of a handler with other attempts and, if there are any, other waits. */
    private record OverridingRetryPolicy(
            int attempts, @Nullable RetryPolicy waits, RetryPolicy handlers) implements RetryPolicy {
        @Override
        public Duration delayAfter(int failures) {
            return (waits == null ? handlers : waits).delayAfter(failures);
        }

        @Override
        public boolean rejects(Throwable error) {
            return handlers.rejects(error);
        }
    }
}

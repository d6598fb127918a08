package io.postroom.internal.execution;

import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.storage.QueueReport;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A queue with handlers in this process, and the retry policy that holds for it. Thread-safe. */
public final class HandledQueue {
    private static final Logger log = LoggerFactory.getLogger(HandledQueue.class);
    /** Completing a lease in parts rewrites its row: with an array of 1000 ids, one by one, that cost 9 KB of WAL a message. */
    private static final int LARGEST_LEASE = 200;

    private final int id;
    private final String name;
    private final List<Handler> handlers;
    private volatile @Nullable RetryPolicy operatorRetry;

    public HandledQueue(int id, String name, List<Handler> handlers) {
        this.id = id;
        this.name = name;
        this.handlers = List.copyOf(handlers);
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

    /** Handler threads for this queue: the sum of its handlers' concurrency. */
    public int concurrency() {
        return handlers.stream().mapToInt(Handler::concurrency).sum();
    }

    /** Most messages one call of a handler takes; 1 without a batch handler. */
    public int largestBatch() {
        return handlers.stream().mapToInt(Handler::batch).max().orElse(1);
    }

    /**
     * Most messages under one lease. ATOMIC handlers complete inside their own transactions; if they shared a lease row, they would wait
     * for one another until commit.
     */
    public int leaseSize() {
        return handlers.stream().anyMatch(handler -> handler.mode() == HandlerMode.ATOMIC) ? 1 : LARGEST_LEASE;
    }

    /** The retry policy for messages of this handler: an operator's, else the handler's own. It never throws. */
    public RetryPolicy retryPolicy(Handler handler) {
        RetryPolicy operators = operatorRetry;
        return new SafeRetryPolicy(operators == null ? handler.retry() : operators);
    }

    /** Takes over the retry settings that an operator stored, or drops them once they were reset. */
    public void reported(QueueReport report) {
        operatorRetry = report.operatorSettings() ? operatorsPolicy(report) : null;
    }

    /** Reads an operator's settings. The delays are text for people and may be anything; the number of attempts holds in any case. */
    private RetryPolicy operatorsPolicy(QueueReport report) {
        try {
            return RetryPolicy.parse(report.maxAttempts(), report.retryAfter());
        } catch (RuntimeException notADelay) {
            log.debug("retry_after of queue {} is \"{}\"; its handler's delays hold", name, report.retryAfter());
            RetryPolicy handlers = this.handlers.get(0).retry();
            return RetryPolicy.delays(report.maxAttempts(), List.of(new SafeRetryPolicy(handlers).delayAfter(1)));
        }
    }
}

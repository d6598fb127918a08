package io.postroom.engine;

import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.storage.QueueReport;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A queue this process consumes: its handlers and what the last poll said of it. Thread-safe. */
final class ConsumedQueue {
    private static final Logger log = LoggerFactory.getLogger(ConsumedQueue.class);
    private static final int LARGEST_LEASE = 200;

    private final int id;
    private final String name;
    private final List<Handler> handlers;
    private final Claimer claimer;
    /** Until the first poll has said otherwise: a pause must hold from the first message on. */
    private volatile boolean paused = true;

    private int timesHeldBack;

    private volatile boolean suspects;
    private volatile boolean elsewhere = true;
    private volatile @Nullable RetryPolicy operatorRetry;

    ConsumedQueue(int id, String name, List<Handler> handlers) {
        this.id = id;
        this.name = name;
        this.handlers = handlers;
        this.claimer = new Claimer(id);
    }

    int id() {
        return id;
    }

    String name() {
        return name;
    }

    List<Handler> handlers() {
        return handlers;
    }

    Claimer claimer() {
        return claimer;
    }

    /** Threads for this queue: the sum of what its handlers ask for. */
    int concurrency() {
        return handlers.stream().mapToInt(Handler::concurrency).sum();
    }

    int largestBatch() {
        return handlers.stream().mapToInt(Handler::batch).max().orElse(1);
    }

    /** ATOMIC handlers complete inside their own transactions; sharing a lease row would make them wait for one another until commit. */
    int leaseSize() {
        return handlers.stream().anyMatch(handler -> handler.mode() == HandlerMode.ATOMIC) ? 1 : LARGEST_LEASE;
    }

    boolean isPaused() {
        return paused;
    }

    boolean hasSuspects() {
        return suspects;
    }

    void noSuspects() {
        suspects = false;
    }

    /** Whether other processes consume it too, as of the last poll. */
    boolean isConsumedElsewhere() {
        return elsewhere;
    }

    /** The policy for a message of this queue: an operator's, else its handler's. */
    RetryPolicy retryPolicy(Handler handler) {
        RetryPolicy operators = operatorRetry;
        return new SafeRetryPolicy(operators == null ? handler.retry() : operators);
    }

    /** Until a poll that begins after this says otherwise. */
    synchronized void holdBack() {
        timesHeldBack++;
        paused = true;
    }

    /** To be read before a poll. */
    synchronized int timesHeldBack() {
        return timesHeldBack;
    }

    /** @param heldBackBefore a poll that began before the queue was held back here does not let it go */
    void reported(QueueReport report, int heldBackBefore) {
        synchronized (this) {
            if (report.paused() || report.deleted() || timesHeldBack == heldBackBefore) {
                paused = report.paused() || report.deleted();
            }
        }
        suspects = report.suspects();
        elsewhere = report.elsewhere();
        operatorRetry = report.operatorSettings() ? operatorsPolicy(report) : null;
    }

    /** The text was written for people and may be anything; the number of attempts holds in any case. */
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

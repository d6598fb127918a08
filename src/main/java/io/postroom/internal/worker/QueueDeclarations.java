package io.postroom.internal.worker;

import io.postroom.api.QueueSettings;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Declares the queues of this process's handlers: all at the start, and again those that the database no longer knows under the number that
 * this process remembers. That happens after a restore, a TRUNCATE and a failover to a server that lacked the last changes. A number may
 * belong to another queue then, so each claim names the queue as well, and takes nothing where number and name differ.
 */
final class QueueDeclarations {
    private static final Logger log = LoggerFactory.getLogger(QueueDeclarations.class);

    private final HandlerRegistry handlers;
    private final QueueStore store;
    private final Consumers consumers;
    private final Heartbeat heartbeat;
    private final Runnable announce;

    /** @param announce tells other processes what this one consumes */
    QueueDeclarations(
            HandlerRegistry handlers, QueueStore store, Consumers consumers, Heartbeat heartbeat, Runnable announce) {
        this.handlers = handlers;
        this.store = store;
        this.consumers = consumers;
        this.heartbeat = heartbeat;
        this.announce = announce;
    }

    void declareAll() {
        for (String name : handlers.queues()) {
            consumers.declare(declare(name));
        }
    }

    /** Lets the heartbeat find out at once whether the worker's row is still there: claims under a missing worker are rescued. */
    void checkWorker() {
        heartbeat.beatSoon();
    }

    /**
     * Declares the queues of handlers that are not consumed: two changes of the database close together may give the number of one to
     * another while they are declared. Returns whether there were any.
     */
    boolean declareMissing() {
        Set<String> consumed =
                consumers.queues().stream().map(ConsumedQueue::name).collect(Collectors.toSet());
        List<String> missing = handlers.queues().stream()
                .filter(name -> !consumed.contains(name))
                .toList();
        if (missing.isEmpty()) {
            return false;
        }
        consumers.replace(List.of(), missing.stream().map(this::declare).toList());
        announce.run();
        return true;
    }

    /** Declares again each queue whose number has changed or is gone. For a process that does not poll. */
    void renewChanged() {
        List<ConsumedQueue> changed = consumers.queues().stream()
                .filter(queue -> store.queue(queue.name())
                        .filter(row -> row.id() == queue.id())
                        .isEmpty())
                .toList();
        if (!changed.isEmpty()) {
            renew(changed);
        }
        declareMissing();
    }

    /** Declares these queues again and consumes them under their new numbers. What the handlers run already ends as it would have. */
    void renew(List<ConsumedQueue> changed) {
        heartbeat.beatSoon(); // the worker's row may be gone, too
        List<ConsumedQueue> declared = new ArrayList<>();
        for (ConsumedQueue queue : changed) {
            declared.add(declare(queue.name()));
        }
        consumers.replace(changed, declared);
        announce.run();
        log.warn(
                "The database does not know {} under the numbers that it gave before: it was restored, truncated or failed over. "
                        + "These queues were declared again",
                changed.stream().map(ConsumedQueue::name).toList());
    }

    private ConsumedQueue declare(String name) {
        List<Handler> own = handlers.of(name);
        int attempts = own.stream()
                .mapToInt(handler -> handler.retry().attempts())
                .max()
                .orElseThrow();
        QueueRow row = store.declare(
                withWaitsOf(own.get(0).retry(), QueueSettings.of(name).attempts(attempts)));
        return new ConsumedQueue(new HandledQueue(row.id(), name, own));
    }

    /** Names the policy's waits, or {@code custom} where they have no text form. A user's policy may answer any text, or throw. */
    private static QueueSettings withWaitsOf(RetryPolicy policy, QueueSettings settings) {
        try {
            return settings.retryAfter(policy.describe());
        } catch (RuntimeException noTextForm) {
            return settings.retryAfter("custom");
        }
    }
}

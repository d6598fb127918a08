package io.postroom.internal.worker;

import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.Reason;
import io.postroom.api.RetryPolicy;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.execution.HandlerRegistry;
import io.postroom.internal.storage.Declarer;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.QueueName;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import io.postroom.internal.storage.StoreErrors;
import io.postroom.internal.storage.Stores;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
    private final JobStore jobs;
    private final Consumers consumers;
    private final Heartbeat heartbeat;
    private final Runnable announce;
    private final boolean strict;
    /** Whether the consumers changed and the store may not know it. */
    private volatile boolean isUnannounced;
    /** Queues that were found to have moved to another home while this process ran. They are not consumed any more. */
    private final Set<String> moved = ConcurrentHashMap.newKeySet();

    /**
     * @param announce tells other processes what this one consumes
     * @param strict whether other settings than those of the last declaration are refused
     */
    QueueDeclarations(
            HandlerRegistry handlers,
            Stores stores,
            Consumers consumers,
            Heartbeat heartbeat,
            Runnable announce,
            boolean strict) {
        this.strict = strict;
        this.handlers = handlers;
        this.store = stores.queues();
        this.jobs = stores.jobs();
        this.consumers = consumers;
        this.heartbeat = heartbeat;
        this.announce = announce;
    }

    /** Declares the queues that handlers name, all in one statement, and finds those that patterns of handlers match. */
    void declareAll() {
        declared(handlers.queues()).forEach(consumers::declare);
        if (handlers.hasPatterns()) {
            consumers.expectQueues();
            matching(null, false).forEach(queue -> consumers.declare(consumed(queue.id(), queue.name())));
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
        if (consumers.queues().size() >= handlers.queues().size() && consumers.hasAll()) {
            return false;
        }
        List<String> missing = handlers.queues().stream()
                .filter(name -> consumers.named(name) == null && !moved.contains(name))
                .toList();
        if (!missing.isEmpty()) {
            consumers.replace(List.of(), declaredAgain(missing));
            announce();
        }
        consumers.complete();
        return !missing.isEmpty();
    }

    /**
     * Consumes queues that appeared and that a pattern of a handler matches, and ends the consumers of those that were deleted or belong to
     * another process. What the handlers run of such a queue ends as it would have.
     *
     * @param horizon up to which changes of queues are known; null: all queues are looked at
     */
    void followPatterns(@Nullable String horizon) {
        if (!handlers.hasPatterns()) {
            return;
        }
        boolean changed = isUnannounced; // the last try failed
        for (QueueName queue : matching(horizon, true)) {
            ConsumedQueue present = consumers.named(queue.name());
            if (queue.deleted() && present != null && present.id() == queue.id()) {
                consumers.replace(List.of(present), List.of());
                changed = true;
            } else if (!queue.deleted() && present == null) {
                changed |= consumers.add(consumed(queue.id(), queue.name()));
            }
        }
        if (changed) {
            announce();
        }
    }

    /** The changed queues that patterns alone match. */
    private List<QueueName> matching(@Nullable String horizon, boolean deletedToo) {
        return store.changedSince(horizon, heartbeat.ownerIfRegistered()).stream()
                .filter(queue -> deletedToo || !queue.deleted())
                .filter(queue -> handlers.isByPatternOnly(queue.name()))
                .toList();
    }

    /**
     * The queue as this process consumes it. Begins to consume one that only a pattern matches and that no poll has found yet.
     *
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    Optional<ConsumedQueue> adopted(int id, String name) {
        ConsumedQueue present = consumers.named(name);
        if (present != null || !handlers.isByPatternOnly(name)) {
            return Optional.ofNullable(present);
        }
        store.otherOwner(name, heartbeat.ownerIfRegistered()).ifPresent(owner -> {
            throw new ExclusiveQueueException(name, owner, true);
        });
        if (consumers.add(consumed(id, name))) {
            announce();
        }
        return Optional.ofNullable(consumers.named(name));
    }

    /** Declares again each queue whose number has changed or is gone, and follows patterns. For a process that does not poll. */
    void renewChanged() {
        Map<String, Integer> ids = new HashMap<>();
        List<String> names =
                consumers.queues().stream().map(ConsumedQueue::name).toList();
        store.queues(names).forEach(row -> ids.put(row.name(), row.id()));
        List<ConsumedQueue> changed = consumers.queues().stream()
                .filter(queue -> !Objects.equals(ids.get(queue.name()), queue.id()))
                .toList();
        if (!changed.isEmpty()) {
            renew(changed);
        }
        declareMissing();
        followPatterns(null);
    }

    /**
     * Declares these queues again and consumes them under their new numbers. Queues that only patterns match are looked up and not
     * declared. What the handlers run already ends as it would have.
     */
    void renew(List<ConsumedQueue> changed) {
        heartbeat.beatSoon(); // the worker's row may be gone, too
        List<String> named = new ArrayList<>();
        List<String> matched = new ArrayList<>();
        changed.forEach(queue -> (handlers.isByPatternOnly(queue.name()) ? matched : named).add(queue.name()));
        List<ConsumedQueue> anew = new ArrayList<>(declaredAgain(named));
        if (!matched.isEmpty()) {
            store.queues(matched).forEach(row -> anew.add(consumed(row.id(), row.name())));
        }
        consumers.replace(changed, anew);
        announce();
        log.warn(
                "The database does not know {} queues under the numbers that it gave before: it was restored, truncated or failed over. "
                        + "They were declared again, or looked up where only a pattern matches. The first of them: {}",
                changed.size(),
                Stream.concat(named.stream(), matched.stream())
                        .limit(Consumers.NAMED)
                        .toList());
    }

    /**
     * Declares queues while this process runs. One that has moved to another home refuses the statement for all; each is declared by itself
     * then, and those that have moved are left out.
     */
    private List<ConsumedQueue> declaredAgain(Collection<String> names) {
        try {
            return declared(names);
        } catch (StoreException refused) {
            throwUnlessMoved(refused);
        }
        List<ConsumedQueue> there = new ArrayList<>();
        for (String name : names) {
            try {
                there.addAll(declared(List.of(name)));
            } catch (StoreException refused) {
                throwUnlessMoved(refused);
                moved.add(name);
                log.warn("Queue {} is consumed here no more: {}", name, refused.getMessage());
            }
        }
        return there;
    }

    private static void throwUnlessMoved(StoreException refused) {
        if (!StoreErrors.isOfMovedQueue(refused)) {
            throw refused;
        }
    }

    private List<ConsumedQueue> declared(Collection<String> names) {
        List<QueueRow> rows = declare(names.stream().map(this::settingsOf).toList(), null);
        return rows.stream().map(row -> consumed(row.id(), row.name())).toList();
    }

    /**
     * Declares queues for this process, which owns those that are exclusive. Where a queue belongs to a process that is dead, waits until
     * that is certain, a lease time at most, and deletes the queue first. Otherwise a process that was killed and starts again would be
     * refused by its own past.
     *
     * @param reason for the record; null: nobody said why
     */
    List<QueueRow> declare(List<QueueSettings> settings, @Nullable Reason reason) {
        boolean needsOwner = settings.stream().anyMatch(one -> one.kind().equals(Optional.of(QueueKind.EXCLUSIVE)));
        Declarer declarer =
                new Declarer(needsOwner ? heartbeat.owner() : heartbeat.ownerIfRegistered(), strict, reason);
        try {
            return store.declareAll(settings, declarer);
        } catch (ExclusiveQueueException owned) {
            if (!store.isAbandoned(owned.queue(), heartbeat.leaseTime()) || !heartbeat.awaitUnbroken()) {
                throw owned;
            }
            jobs.deleteAbandoned(heartbeat.leaseTime());
            return store.declareAll(settings, declarer);
        }
    }

    private void announce() {
        isUnannounced = true;
        announce.run();
        isUnannounced = false;
    }

    private ConsumedQueue consumed(int id, String name) {
        return new ConsumedQueue(new HandledQueue(id, name, handlers.of(name)));
    }

    /** The settings that the handlers of this very name give their queue. Handlers with patterns give none. */
    private QueueSettings settingsOf(String name) {
        List<Handler> own = handlers.named(name);
        int attempts = own.stream()
                .mapToInt(handler -> handler.retry().attempts())
                .max()
                .orElseThrow();
        return withWaitsOf(own.get(0).retry(), QueueSettings.of(name).attempts(attempts));
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

package io.postroom.internal.worker;

import io.postroom.handler.HandlerMode;
import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.consumer.Consumer;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ConsumerRow;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The queues with a handler in this process, and the consumer of each, by queue id. Thread-safe. {@link Engine} starts and stops it; {@link
 * QueueDeclarations} replaces queues whose number changed.
 */
public final class Consumers implements LocalConsumers {
    private final boolean workers;
    private final Map<Integer, ConsumedQueue> queues = new ConcurrentHashMap<>();
    private final Map<Integer, Consumer> running = new ConcurrentHashMap<>();
    /** Consumers of before a restart whose handlers ignored their interrupt and may still run. */
    private final List<Consumer> leftBehind = new CopyOnWriteArrayList<>();
    /** Starts the consumer of a queue; null while no consumer may claim. */
    private java.util.function.@Nullable Consumer<ConsumedQueue> starter;

    /** @param workers whether this process handles messages; without, queues are declared and no consumer starts */
    public Consumers(boolean workers) {
        this.workers = workers;
    }

    synchronized void declare(ConsumedQueue queue) {
        queues.put(queue.id(), queue);
    }

    /** Whether {@link #start} will start consumers. */
    boolean hasWork() {
        return workers && !queues.isEmpty();
    }

    /** Starts a new consumer for each declared queue. */
    synchronized void start(Function<ConsumedQueue, Consumer> create) {
        starter = queue -> {
            Consumer consumer = create.apply(queue);
            Consumer before = running.put(queue.id(), consumer);
            if (before != null) {
                before.announceStop();
                if (before.isBusy()) {
                    leftBehind.add(before);
                }
            }
            consumer.start();
        };
        queues.values().forEach(starter);
    }

    /** Consumes queues under new numbers. The consumers under the old numbers claim nothing more, and what they run ends by itself. */
    synchronized void replace(Collection<ConsumedQueue> changed, Collection<ConsumedQueue> declared) {
        leftBehind.removeIf(consumer -> !consumer.isBusy());
        for (ConsumedQueue queue : changed) { // all first: one's new number may be another's old one
            queues.remove(queue.id(), queue);
            Consumer before = running.get(queue.id());
            if (before != null && before.queue() == queue) {
                running.remove(queue.id());
                before.announceStop();
                leftBehind.add(before);
            }
        }
        declared.forEach(this::declare);
        if (starter != null) {
            declared.forEach(starter);
        }
    }

    /** Ends all claims and gives back what waits in the buffers; running handlers go on. */
    synchronized void stopClaiming() {
        starter = null;
        running.values().forEach(Consumer::announceStop); // all first: each stop may wait for a claim under way
        running.values().forEach(Consumer::stopClaiming);
    }

    @Override
    public boolean wake(Arrival arrival) {
        Consumer consumer = running.get(arrival.lane().queueId());
        if (consumer == null) {
            return true;
        }
        consumer.queue().cursors().arrived(arrival.lane().priority(), arrival.lowestSeq());
        consumer.signal();
        return consumer.queue().isConsumedElsewhere() && consumer.isSaturated();
    }

    /** Whether this process takes messages of any queue, and so polls. */
    public boolean isConsuming() {
        return !running.isEmpty();
    }

    /** Whether a handler runs or a message waits for one, in consumers of before a restart included. */
    boolean isBusy() {
        for (Consumer consumer : running.values()) {
            if (consumer.isBusy()) {
                return true;
            }
        }
        return leftBehind.stream().anyMatch(Consumer::isBusy);
    }

    /** Ids of the queues that are consumed here. */
    List<Integer> ids() {
        return List.copyOf(running.keySet());
    }

    @Nullable
    Consumer consumer(int queueId) {
        return running.get(queueId);
    }

    Collection<Consumer> all() {
        return running.values();
    }

    /** The queue of that name with a handler here; null: no handler here. */
    @Nullable
    synchronized ConsumedQueue named(String name) {
        return queues.values().stream()
                .filter(queue -> queue.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    /** The queue with a handler here, consumed or not; null: no handler here. */
    @Nullable
    ConsumedQueue queue(int queueId) {
        return queues.get(queueId);
    }

    Collection<ConsumedQueue> queues() {
        return queues.values();
    }

    /** Takes nothing more of the queue until a poll that begins after this says otherwise. */
    void holdBack(String queue) {
        queues.values().stream().filter(one -> one.name().equals(queue)).forEach(ConsumedQueue::holdBack);
    }

    /** What this process handles, for the other processes; empty with workers off. */
    List<ConsumerRow> rows() {
        if (!workers) {
            return List.of();
        }
        return queues.values().stream()
                .flatMap(queue -> queue.handled().handlers().stream()
                        .map(handler -> new ConsumerRow(
                                queue.id(),
                                handler.id(),
                                handler.direction(),
                                handler.concurrency(),
                                code(handler.mode()),
                                List.of(handler.takes()))))
                .toList();
    }

    /** The text stored in {@code consumer.mode}. A new mode does not compile before it has one. */
    private static String code(HandlerMode mode) {
        return switch (mode) {
            case LEASED -> "LEASED";
            case ATOMIC -> "ATOMIC";
        };
    }

    /** Names and thread counts, for the log. */
    String describe() {
        return running.isEmpty()
                ? "no consumers"
                : "consuming "
                        + running.values().stream()
                                .map(consumer -> consumer.queue().name() + " ("
                                        + consumer.queue().handled().concurrency() + " threads)")
                                .sorted()
                                .toList();
    }
}

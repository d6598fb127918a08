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
    /** Queues that a line of the log names. */
    static final int NAMED = 20;

    private final boolean workers;
    private final Map<Integer, ConsumedQueue> queues = new ConcurrentHashMap<>();
    private final Map<String, ConsumedQueue> byName = new ConcurrentHashMap<>();
    private final Map<Integer, Consumer> running = new ConcurrentHashMap<>();
    /** Told of arrivals in queues that are read without a handler, by queue id. */
    private final Map<Integer, java.util.function.Consumer<Arrival>> readers = new ConcurrentHashMap<>();
    /** What {@link #running} held when it was last asked for. */
    private volatile RunningQueues runningQueues = new RunningQueues(0, List.of());
    /** Changes with each change of {@link #running}. */
    private long generation;
    /** Whether queues may appear that a pattern of a handler matches. */
    private volatile boolean expectsQueues;

    private volatile boolean hasAll = true;
    /** Whether {@link #start} was called. */
    private volatile boolean started;
    /** Consumers of before a restart whose handlers ignored their interrupt and may still run. */
    private final List<Consumer> leftBehind = new CopyOnWriteArrayList<>();
    /** Starts the consumer of a queue; null while no consumer may claim. */
    private java.util.function.@Nullable Consumer<ConsumedQueue> starter;

    /** @param workers whether this process handles messages; without, queues are declared and no consumer starts */
    public Consumers(boolean workers) {
        this.workers = workers;
    }

    synchronized void declare(ConsumedQueue queue) {
        ConsumedQueue before = queues.put(queue.id(), queue);
        if (before != null) {
            byName.remove(before.name(), before);
            hasAll = false;
        }
        byName.put(queue.name(), queue);
    }

    /** Whether no queue has lost its number to another since {@link #complete} was called. */
    boolean hasAll() {
        return hasAll;
    }

    /** Notes that each queue that a handler names is consumed. */
    void complete() {
        hasAll = true;
    }

    /** Notes that queues may appear later, so that this process polls without any. */
    void expectQueues() {
        expectsQueues = true;
    }

    /** Whether {@link #start} will start consumers, now or when queues appear. */
    boolean hasWork() {
        return workers && (expectsQueues || !queues.isEmpty());
    }

    /** Starts a new consumer for each declared queue. */
    synchronized void start(Function<ConsumedQueue, Consumer> create) {
        started = true;
        starter = queue -> {
            Consumer consumer = create.apply(queue);
            Consumer before = running.put(queue.id(), consumer);
            generation++;
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
            byName.remove(queue.name(), queue);
            Consumer before = running.get(queue.id());
            if (before != null && before.queue() == queue) {
                running.remove(queue.id());
                generation++;
                before.announceStop();
                leftBehind.add(before);
            }
        }
        declared.forEach(this::declare);
        if (starter != null) {
            declared.forEach(starter);
        }
    }

    /** Consumes a queue that appeared, unless it is consumed already. Returns whether it was not. */
    synchronized boolean add(ConsumedQueue queue) {
        if (queues.containsKey(queue.id()) || byName.containsKey(queue.name())) {
            return false;
        }
        replace(List.of(), List.of(queue));
        return true;
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
            return !tellReader(arrival);
        }
        consumer.queue().cursors().arrived(arrival.lane().priority(), arrival.lowestSeq());
        consumer.wake();
        return consumer.queue().isConsumedElsewhere() && consumer.isSaturated();
    }

    @Override
    public void wakeFromOutside(Arrival arrival) {
        Consumer consumer = running.get(arrival.lane().queueId());
        if (consumer != null) {
            consumer.queue().cursors().arrived(arrival.lane().priority(), arrival.lowestSeq());
            consumer.arrived();
        } else {
            tellReader(arrival);
        }
    }

    private boolean tellReader(Arrival arrival) {
        java.util.function.Consumer<Arrival> reader = readers.get(arrival.lane().queueId());
        if (reader == null) {
            return false;
        }
        reader.accept(arrival);
        return true;
    }

    /** Tells of arrivals in a queue that this process reads without a handler. */
    void readBy(int queueId, java.util.function.Consumer<Arrival> reader) {
        readers.put(queueId, reader);
    }

    /** Ends what {@link #readBy} began; does nothing when nobody reads the queue. */
    void notReadBy(int queueId) {
        readers.remove(queueId);
    }

    /** Whether this process takes messages of any queue, and so polls. */
    public boolean isConsuming() {
        return !running.isEmpty() || started && hasWork();
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

    /** The queues that are consumed here, as they are now. Costs nothing while they stay the same. */
    RunningQueues running() {
        RunningQueues known = runningQueues;
        synchronized (this) {
            if (known.generation != generation) {
                known = new RunningQueues(
                        generation,
                        running.values().stream().map(Consumer::queue).toList());
                runningQueues = known;
            }
        }
        return known;
    }

    /**
     * Queues that are consumed here.
     *
     * @param generation the same as long as the queues are the same
     */
    record RunningQueues(long generation, List<ConsumedQueue> queues) {}

    @Nullable
    Consumer consumer(int queueId) {
        return running.get(queueId);
    }

    Collection<Consumer> all() {
        return running.values();
    }

    /** The queue of that name with a handler here; null: no handler here. */
    @Nullable
    ConsumedQueue named(String name) {
        return byName.get(name);
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
        ConsumedQueue held = byName.get(queue);
        if (held != null) {
            held.holdBack();
        }
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

    /** Names and concurrency of the first queues, for the log. */
    String describe() {
        if (running.isEmpty()) {
            return "no consumers";
        }
        List<String> first = running.values().stream()
                .map(consumer -> consumer.queue().name() + " ("
                        + consumer.queue().handled().concurrency() + " at a time)")
                .sorted()
                .limit(NAMED)
                .toList();
        int more = running.size() - first.size();
        return "consuming " + first + (more > 0 ? " and " + more + " queues more" : "");
    }
}

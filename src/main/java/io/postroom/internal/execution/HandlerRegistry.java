package io.postroom.internal.execution;

import io.postroom.api.Limits;
import io.postroom.api.MessageType;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.PayloadCodec;
import io.postroom.internal.storage.QueuePattern;
import io.postroom.internal.storage.ReplyMessage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The handlers of this process, by queue. More may be added until the engine starts. Thread-safe.
 *
 * <p>All handlers whose name or pattern matches serve a queue. Of two that take the same type and version, the one with the exact name
 * serves it alone. Two patterns that take the same type and version and could match one queue are refused.
 */
public final class HandlerRegistry {
    private final PayloadCodec codec;
    private volatile Handlers handlers = new Handlers(Map.of(), List.of());

    /**
     * @param codec reads the payloads of the handlers
     * @throws IllegalArgumentException two handlers would take the same messages, or have the same id
     * @throws PostroomException a handler's payload class cannot be read
     */
    public HandlerRegistry(PayloadCodec codec, Collection<Handler> handlers) {
        this.codec = codec;
        addAll(handlers);
    }

    /**
     * Adds all of them or none.
     *
     * @throws IllegalArgumentException as in the constructor
     * @throws PostroomException as in the constructor
     */
    public synchronized void addAll(Collection<Handler> handlers) {
        this.handlers = with(handlers);
    }

    /**
     * Refuses what {@link #addAll} would refuse, and adds nothing.
     *
     * @throws IllegalArgumentException as in the constructor
     */
    public void check(Collection<Handler> handlers) {
        with(handlers);
    }

    private Handlers with(Collection<Handler> more) {
        more.forEach(this::requireReadable);
        Map<String, List<Handler>> named = new LinkedHashMap<>();
        handlers.named.forEach((queue, present) -> named.put(queue, new ArrayList<>(present)));
        List<PatternHandler> matching = new ArrayList<>(handlers.matching);
        Map<String, Handler> byId = new HashMap<>();
        named.values().forEach(queue -> queue.forEach(handler -> byId.put(handler.id(), handler)));
        matching.forEach(one -> byId.put(one.handler.id(), one.handler));
        for (Handler handler : more) {
            if (Limits.isQueuePattern(handler.queue())) {
                addPattern(handler, matching);
            } else {
                add(handler, named.computeIfAbsent(handler.queue(), queue -> new ArrayList<>()));
            }
            requireOwnId(handler, byId);
        }
        return new Handlers(named, matching);
    }

    private void requireReadable(Handler handler) {
        if (Delivery.isReadByCodec(handler.payload())) {
            try {
                codec.requireReadable(handler.payload());
            } catch (IllegalArgumentException unreadable) {
                throw new PostroomException(
                        "handler " + handler.id() + " of queue \"" + handler.queue()
                                + "\" would never get a message: its payload class "
                                + handler.payload().getName() + " cannot be read: " + unreadable.getMessage(),
                        unreadable);
            }
        }
    }

    private static void add(Handler handler, List<Handler> others) {
        for (Handler other : others) {
            if (typeOf(other).equals(typeOf(handler))) {
                throw new IllegalArgumentException("queue \"" + handler.queue() + "\" has two handlers for "
                        + described(handler) + ": " + other.id() + " and " + handler.id()
                        + ". Give their payloads different @MessageType names or versions");
            }
        }
        others.add(handler);
    }

    private static void addPattern(Handler handler, List<PatternHandler> others) {
        QueuePattern pattern = new QueuePattern(handler.queue());
        for (PatternHandler other : others) {
            if (typeOf(other.handler).equals(typeOf(handler)) && other.pattern.intersects(pattern)) {
                throw new IllegalArgumentException("two handlers take " + described(handler)
                        + " from queues that match both \""
                        + other.pattern + "\" and \"" + pattern + "\": " + other.handler.id() + " and " + handler.id()
                        + ". Narrow one pattern, or give their payloads different @MessageType names or versions");
            }
        }
        others.add(new PatternHandler(pattern, handler));
    }

    private static void requireOwnId(Handler handler, Map<String, Handler> byId) {
        Handler other = byId.putIfAbsent(handler.id(), handler);
        if (other != null) {
            throw new IllegalArgumentException("two handlers have the id \"" + handler.id() + "\" (queues "
                    + other.queue() + " and " + handler.queue() + "). Set another id on one");
        }
    }

    /** The names of the queues that have a handler here by name, in the order of their first handlers. */
    public Set<String> queues() {
        return handlers.named.keySet();
    }

    /** The names of the entries of external systems that handlers here name. */
    public Set<String> entries() {
        return all().flatMap(handler -> handler.settings().stream()).collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * How many ATOMIC handlers may run at a time. Each holds a connection of the host's pool.
     *
     * @param threads that run handlers, at most
     */
    public int mostAtomic(int threads) {
        long all = all().filter(handler -> handler.mode() == HandlerMode.ATOMIC)
                .mapToLong(Handler::concurrency)
                .sum();
        return (int) Math.min(threads, all);
    }

    private Stream<Handler> all() {
        Handlers all = handlers;
        return Stream.concat(
                all.named.values().stream().flatMap(List::stream),
                all.matching.stream().map(PatternHandler::handler));
    }

    /** Whether there are handlers for all queues that match a pattern. */
    public boolean hasPatterns() {
        return !handlers.matching.isEmpty();
    }

    /** Whether the queue has handlers here, and none of them by its name. Patterns match no reply queue. */
    public boolean isByPatternOnly(String queue) {
        if (queue.startsWith(ReplyMessage.QUEUE_PREFIX)) {
            return false;
        }
        Handlers all = handlers;
        return !all.named.containsKey(queue) && all.matching.stream().anyMatch(one -> one.pattern.matches(queue));
    }

    /** The handlers with the queue's own name, in the order they were added; empty when it has none here. */
    public List<Handler> named(String queue) {
        return handlers.named.getOrDefault(queue, List.of());
    }

    /**
     * The queue's handlers: those with its name, then those whose pattern matches, each in the order they were added. Empty when it has
     * none here. Queues with the same handlers get the same list.
     */
    public List<Handler> of(String queue) {
        return layersOf(queue).all;
    }

    private Layers layersOf(String queue) {
        Handlers all = handlers;
        Layers known = all.byQueue.get(queue);
        if (known != null) {
            return known;
        }
        List<Handler> named = all.named.getOrDefault(queue, List.of());
        List<Handler> matching = all.matching.stream()
                .filter(one -> one.pattern.matches(queue))
                .map(PatternHandler::handler)
                .filter(one -> named.stream().noneMatch(own -> typeOf(own).equals(typeOf(one))))
                .toList();
        if (named.isEmpty() && matching.isEmpty()) {
            return Layers.NONE; // not remembered: a caller may ask for any number of names
        }
        List<Handler> together =
                Stream.concat(named.stream(), matching.stream()).toList();
        Layers layers = all.layers.computeIfAbsent(together, same -> new Layers(named, matching, same));
        all.byQueue.put(queue, layers);
        return layers;
    }

    /**
     * Finds the handler for a message. A message with a type goes to the handler of that type with the lowest version that takes it, else
     * to one that takes any type. A message without a type goes to the queue's only handler, or to the one for messages without a type. In
     * each of these steps, handlers with the queue's name are asked before those with a pattern.
     *
     * @param type null: without a type
     * @return empty when no handler here takes it
     */
    public Optional<Handler> find(String queue, @Nullable String type, int version) {
        Layers layers = layersOf(queue);
        if (type == null) {
            return withoutType(layers.named).or(() -> withoutType(layers.matching));
        }
        return ofType(layers.named, type, version)
                .or(() -> ofType(layers.matching, type, version))
                .or(() -> layers.all.stream().filter(Handler::takesAnyType).findFirst());
    }

    private static Optional<Handler> withoutType(List<Handler> handlers) {
        return handlers.size() == 1
                ? Optional.of(handlers.get(0))
                : handlers.stream().filter(handler -> handler.type().isEmpty()).findFirst();
    }

    private static Optional<Handler> ofType(List<Handler> handlers, String type, int version) {
        Handler nearest = null;
        int nearestVersion = Integer.MAX_VALUE;
        for (Handler handler : handlers) {
            MessageType taken = handler.type().orElse(null);
            if (taken != null
                    && taken.value().equals(type)
                    && version <= taken.version()
                    && taken.version() < nearestVersion) {
                nearest = handler;
                nearestVersion = taken.version();
            }
        }
        return Optional.ofNullable(nearest);
    }

    private static String described(Handler handler) {
        return typeOf(handler).isEmpty() ? "messages without a type" : "type " + typeOf(handler);
    }

    private static String typeOf(Handler handler) {
        return handler.type()
                .map(type -> "\"" + type.value() + "\" version " + type.version())
                .orElse("");
    }

    private record PatternHandler(QueuePattern pattern, Handler handler) {}

    /**
     * @param layers by all handlers of a queue: there are few such lists, however many queues there are
     * @param byQueue for each queue that has handlers and was asked for
     */
    private record Handlers(
            Map<String, List<Handler>> named,
            List<PatternHandler> matching,
            Map<List<Handler>, Layers> layers,
            Map<String, Layers> byQueue) {
        Handlers(Map<String, List<Handler>> named, List<PatternHandler> matching) {
            this(named, matching, new ConcurrentHashMap<>(), new ConcurrentHashMap<>());
        }
    }

    /** The handlers of a queue: those with its name, and those with a pattern. */
    private record Layers(List<Handler> named, List<Handler> matching, List<Handler> all) {
        static final Layers NONE = new Layers(List.of(), List.of(), List.of());
    }
}

package io.postroom.internal.execution;

import io.postroom.api.MessageType;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.handler.PayloadCodec;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The handlers of this process, by queue. More may be added until the engine starts. Thread-safe. */
public final class HandlerRegistry {
    private final PayloadCodec codec;
    private volatile Map<String, List<Handler>> byQueue = Map.of();

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
        byQueue = with(handlers);
    }

    /**
     * Refuses what {@link #addAll} would refuse, and adds nothing.
     *
     * @throws IllegalArgumentException as in the constructor
     */
    public void check(Collection<Handler> handlers) {
        with(handlers);
    }

    private Map<String, List<Handler>> with(Collection<Handler> handlers) {
        handlers.forEach(this::requireReadable);
        Map<String, List<Handler>> all = new LinkedHashMap<>();
        byQueue.forEach((queue, present) -> all.put(queue, new ArrayList<>(present)));
        handlers.forEach(handler -> add(handler, all));
        return all;
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

    private static void add(Handler handler, Map<String, List<Handler>> byQueue) {
        List<Handler> others = byQueue.computeIfAbsent(handler.queue(), queue -> new ArrayList<>());
        for (Handler other : others) {
            if (typeOf(other).equals(typeOf(handler))) {
                throw new IllegalArgumentException("queue \"" + handler.queue() + "\" has two handlers for "
                        + (typeOf(handler).isEmpty() ? "messages without a type" : "type " + typeOf(handler)) + ": "
                        + other.id() + " and " + handler.id()
                        + ". Give their payloads different @MessageType names or versions");
            }
        }
        byQueue.values().stream()
                .flatMap(List::stream)
                .filter(other -> other.id().equals(handler.id()))
                .findAny()
                .ifPresent(other -> {
                    throw new IllegalArgumentException("two handlers have the id \"" + handler.id() + "\" (queues "
                            + other.queue() + " and " + handler.queue() + "). Set another id on one");
                });
        others.add(handler);
    }

    /** The names of the queues that have a handler here, in the order of their first handlers. */
    public Set<String> queues() {
        return byQueue.keySet();
    }

    /** The queue's handlers in the order they were added; empty when it has none here. */
    public List<Handler> of(String queue) {
        return List.copyOf(byQueue.getOrDefault(queue, List.of()));
    }

    /**
     * Finds the handler for a message. A message with a type goes to the handler of that type with the lowest version that takes it, else
     * to one that takes any type. A message without a type goes to the queue's only handler, or to the one for messages without a type.
     *
     * @param type null: without a type
     * @return empty when no handler here takes it
     */
    public Optional<Handler> find(String queue, @Nullable String type, int version) {
        List<Handler> handlers = byQueue.getOrDefault(queue, List.of());
        if (type == null) {
            return handlers.size() == 1
                    ? Optional.of(handlers.get(0))
                    : handlers.stream()
                            .filter(handler -> handler.type().isEmpty())
                            .findFirst();
        }
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
        return nearest != null
                ? Optional.of(nearest)
                : handlers.stream().filter(Handler::takesAnyType).findFirst();
    }

    private static String typeOf(Handler handler) {
        return handler.type()
                .map(type -> "\"" + type.value() + "\" version " + type.version())
                .orElse("");
    }
}

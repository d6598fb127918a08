package io.postroom.api;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the {@link MessageType} of a class: its own, else that of the nearest superclass or interface. So a constant of an enum, a subclass
 * and a record of a sealed interface are stored under the type of their parent. Producer and handler look it up in the same way.
 * Thread-safe.
 */
public final class MessageTypes {
    /** Remembers the answer for each class: reading an annotation calls a proxy, and every message needs it. */
    private static final ClassValue<Optional<MessageType>> FOUND = new ClassValue<>() {
        @Override
        protected Optional<MessageType> computeValue(Class<?> type) {
            return search(type);
        }
    };

    private MessageTypes() {}

    /**
     * Returns the type under which objects of this class are stored; empty: without a type.
     *
     * @throws InvalidMessageException name or version is outside its limits, or two different types are equally near
     */
    public static Optional<MessageType> of(Class<?> payload) {
        return FOUND.get(payload);
    }

    /** Goes up level by level: first the class, then its superclass and interfaces, then theirs. */
    private static Optional<MessageType> search(Class<?> payload) {
        Set<Class<?>> level = Set.of(payload);
        while (!level.isEmpty()) {
            Map<String, MessageType> types = new LinkedHashMap<>();
            Set<Class<?>> above = new LinkedHashSet<>();
            for (Class<?> type : level) {
                MessageType own = type.getAnnotation(MessageType.class);
                if (own != null) {
                    types.put(own.value() + "/" + own.version(), requireValid(own));
                }
                above.addAll(List.of(type.getInterfaces()));
                if (type.getSuperclass() != null) {
                    above.add(type.getSuperclass());
                }
            }
            if (types.size() > 1) {
                throw new InvalidMessageException(
                        "type",
                        "the only one that is nearest to class " + payload.getName(),
                        String.join(" and ", types.keySet()),
                        "Put @MessageType on that class itself");
            } else if (types.size() == 1) {
                return Optional.of(types.values().iterator().next());
            }
            level = above;
        }
        return Optional.empty();
    }

    private static MessageType requireValid(MessageType type) {
        Limits.requireName("type", type.value());
        Limits.requireRange("version", type.version(), 1, Short.MAX_VALUE);
        return type;
    }
}

package io.postroom.handler;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import java.util.function.UnaryOperator;
import tools.jackson.databind.JsonNode;

/**
 * Turns the JSON of one version of a type into that of the next version, so that a newer handler reads older messages. The stored message
 * stays as it is.
 *
 * <p>A message of version 1 passes the steps from 1 and from 2 on its way to a handler of version 3. A step that no upcaster takes leaves
 * the JSON as it is. A handler that takes any type gets the stored content, without upcasting. A type's upcasters need JSON, in a body as
 * well.
 *
 * <pre>{@code
 * PayloadUpcaster.of("order.paid", 1, json -> {
 *     ObjectNode order = (ObjectNode) json;
 *     return order.put("cents", order.remove("euros").asInt() * 100);
 * })
 * }</pre>
 */
public interface PayloadUpcaster {
    /** The name of the type, as in {@code @MessageType}. */
    String type();

    /** The version that {@link #upcast} takes; 1 to 32766. Its answer is of the next version. */
    int fromVersion();

    /**
     * Answers the JSON of the next version; it may be the given one, changed. Called by many threads at a time, once for each delivery.
     * What this throws makes the payload undecodable.
     */
    JsonNode upcast(JsonNode payload);

    /**
     * Makes an upcaster of a function.
     *
     * @throws InvalidMessageException type or version is outside its limits
     */
    static PayloadUpcaster of(String type, int fromVersion, UnaryOperator<JsonNode> step) {
        Limits.requireName("type", type);
        if (fromVersion < 1 || fromVersion >= Short.MAX_VALUE) {
            throw new InvalidMessageException("fromVersion", "1 to 32766", String.valueOf(fromVersion));
        }
        return new PayloadUpcaster() {
            @Override
            public String type() {
                return type;
            }

            @Override
            public int fromVersion() {
                return fromVersion;
            }

            @Override
            public JsonNode upcast(JsonNode payload) {
                return step.apply(payload);
            }
        };
    }
}

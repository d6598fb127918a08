package io.postroom.internal.execution;

import io.postroom.api.MessageType;
import io.postroom.handler.Handler;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.internal.storage.Content;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The user's steps from one version of a type to the next. Thread-safe. */
public final class Upcasters {
    /** None at all. */
    public static final Upcasters NONE = new Upcasters(List.of());

    private static final JsonMapper JSON = JacksonPayloadCodec.rules().build();

    private final Map<Step, PayloadUpcaster> steps = new HashMap<>();

    private record Step(String type, int fromVersion) {}

    /** @throws IllegalArgumentException two take the same step */
    public Upcasters(Collection<PayloadUpcaster> upcasters) {
        for (PayloadUpcaster upcaster : upcasters) {
            Step step = new Step(upcaster.type(), upcaster.fromVersion());
            if (steps.put(step, upcaster) != null) {
                throw new IllegalArgumentException("two upcasters take type \"" + step.type + "\" from version "
                        + step.fromVersion + " to " + (step.fromVersion + 1) + ". Remove one");
            }
        }
    }

    /**
     * Takes the stored JSON up to the handler's version. A step without an upcaster changes nothing.
     *
     * @return null when no upcaster takes any of the steps: the stored JSON is right as it is
     */
    byte @Nullable [] upcast(Handler handler, Content content, byte[] stored) {
        Optional<MessageType> taken = handler.type();
        if (steps.isEmpty() || taken.isEmpty() || !taken.get().value().equals(content.type())) {
            return null;
        }
        JsonNode json = null;
        for (int version = content.version(); version < taken.get().version(); version++) {
            PayloadUpcaster step = steps.get(new Step(content.type(), version));
            if (step != null) {
                json = step.upcast(json == null ? JSON.readTree(stored) : json);
                if (json == null) {
                    throw new IllegalStateException(
                            "the upcaster from version " + version + " answered null instead of JSON");
                }
            }
        }
        return json == null ? null : JSON.writeValueAsBytes(json);
    }
}

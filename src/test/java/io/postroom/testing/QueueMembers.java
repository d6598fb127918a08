package io.postroom.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.QueueSettings;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The settings of a queue by the names that they have over HTTP, in files and, with hyphens, as properties. The names are those of {@link
 * QueueSettings} itself, so that a setting which is new there and forgotten elsewhere fails a test.
 */
public final class QueueMembers {
    /** A value for each setting but the queue's name, as HTTP and files take it; each is another one than the default. */
    private static final Map<String, Object> VALUES = values();

    private QueueMembers() {}

    private static Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("kind", "auto_delete");
        values.put("attempts", 7);
        values.put("retryAfter", "1s, 5s");
        values.put("timeToLive", "1m");
        values.put("retention", "1h");
        values.put("crashLimit", 2);
        values.put("deadLetterExchange", "dead");
        values.put("deadLetterRoutingKey", "k");
        values.put("ordered", false); // true would leave no room for a maximum length
        values.put("onDeadLetter", "block");
        values.put("maxLength", 5);
        values.put("overflow", "reject");
        values.put("singleActiveConsumer", true);
        values.put("expiresAfter", "3m");
        values.put("fair", true);
        assertThat(values.keySet()).as("a value for each setting").containsExactlyInAnyOrderElementsOf(names());
        return values;
    }

    /** The names of all settings; the queue's own name is none. */
    public static List<String> names() {
        return Arrays.stream(QueueSettings.class.getRecordComponents())
                .map(RecordComponent::getName)
                .filter(name -> !name.equals("queue"))
                .map(name -> name.equals("maxAttempts") ? "attempts" : name)
                .toList();
    }

    /** Each setting with a value, in the order of a file. */
    public static Map<String, Object> sample() {
        return new LinkedHashMap<>(VALUES);
    }

    /** Fails when a setting is not named. */
    public static void assertAllNamed(QueueSettings settings) {
        for (RecordComponent component : QueueSettings.class.getRecordComponents()) {
            try {
                Object value = component.getAccessor().invoke(settings);
                assertThat(value).as(component.getName()).isNotEqualTo(Optional.empty());
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}

package io.postroom.internal.definitions;

import io.postroom.api.Limits;
import io.postroom.api.QueueSettings;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** What each argument of a queue of RabbitMQ becomes. Names are without their {@code x-}. */
final class QueueArguments {
    /** Arguments that say how the broker stores a queue, and mean nothing here. */
    private static final Set<String> WITHOUT_MEANING = Set.of(
            "queue-type",
            "queue-mode",
            "queue-version",
            "queue-master-locator",
            "queue-leader-locator",
            "ha-mode",
            "ha-params",
            "ha-sync-mode",
            "max-priority", // priorities 0 to 9 are always there
            "dead-letter-exchange", // taken with its routing key, by RabbitMqImport
            "dead-letter-routing-key");

    private static final Map<String, String> DIFFERENT = Map.of(
            "expires", "it is not deleted when it is unused",
            "max-length", "its length is not limited",
            "max-length-bytes", "its length is not limited",
            "overflow", "its length is not limited",
            "dead-letter-strategy", "a dead letter goes on in the transaction that made it one",
            "single-active-consumer", "all its consumers are active",
            "delivery-limit", "attempts and crashes are counted apart, each with a limit of its own");

    private QueueArguments() {}

    /** The settings with one argument more; what is different about it is added to the differences. */
    static QueueSettings apply(QueueSettings settings, String name, JsonNode value, List<String> differences) {
        if (name.equals("message-ttl")) {
            return timeToLive(settings, value, differences);
        } else if (WITHOUT_MEANING.contains(name)) {
            return settings;
        }
        String difference = DIFFERENT.getOrDefault(name, "its argument " + name + " is not known and left out");
        if (!differences.contains(difference)) {
            differences.add(difference);
        }
        return settings;
    }

    private static QueueSettings timeToLive(QueueSettings settings, JsonNode millis, List<String> differences) {
        if (!millis.isIntegralNumber() || !millis.canConvertToLong() || millis.longValue() < 0) {
            differences.add("its message-ttl is no number of milliseconds and left out: " + RabbitMqFile.shown(millis));
            return settings;
        } else if (millis.longValue() == 0) {
            differences.add("a time to live of 0 is left out: there is no consumer that waits right now");
            return settings;
        } else if (millis.longValue() > Limits.HORIZON.toMillis()) {
            differences.add("its time to live is 400 days, the longest here");
            return settings.timeToLive(Limits.HORIZON);
        }
        return settings.timeToLive(Duration.ofMillis(millis.longValue()));
    }
}

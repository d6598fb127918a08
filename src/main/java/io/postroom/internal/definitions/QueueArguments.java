package io.postroom.internal.definitions;

import io.postroom.api.Limits;
import io.postroom.api.Overflow;
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
            "overflow", // taken with the maximum length
            "dead-letter-exchange", // taken with its routing key, by RabbitMqImport
            "dead-letter-routing-key");

    private static final Map<String, String> DIFFERENT = Map.of(
            "max-length-bytes", "the bytes in it are not limited",
            "dead-letter-strategy", "a dead letter goes on in the transaction that made it one",
            "delivery-limit", "attempts and crashes are counted apart, each with a limit of its own");

    /** What RabbitMQ calls them. */
    private static final Map<String, Overflow> OVERFLOWS = Map.of(
            "drop-head", Overflow.DROP_HEAD,
            "reject-publish", Overflow.REJECT,
            "reject-publish-dlx", Overflow.REJECT_TO_DEAD_LETTER_EXCHANGE);

    private QueueArguments() {}

    /** The settings with these arguments; what is different about them is added to the differences. */
    static QueueSettings apply(QueueSettings settings, Map<String, JsonNode> arguments, List<String> differences) {
        QueueSettings all = settings;
        for (Map.Entry<String, JsonNode> argument : arguments.entrySet()) {
            String name = argument.getKey();
            JsonNode value = argument.getValue();
            all = switch (name) {
                case "message-ttl" -> timeToLive(all, value, differences);
                case "max-length" -> maxLength(all, value, arguments, differences);
                case "expires" -> expires(all, value, differences);
                case "single-active-consumer" -> singleActiveConsumer(all, value, differences);
                default -> {
                    if (!WITHOUT_MEANING.contains(name)) {
                        differences.add(
                                DIFFERENT.getOrDefault(name, "its argument " + name + " is not known and left out"));
                    }
                    yield all;
                }
            };
        }
        return all;
    }

    /** The word of RabbitMQ for it. */
    static String wordOf(Overflow overflow) {
        return OVERFLOWS.entrySet().stream()
                .filter(word -> word.getValue() == overflow)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }

    private static QueueSettings timeToLive(QueueSettings settings, JsonNode millis, List<String> differences) {
        if (!isNumber(millis)) {
            differences.add(
                    "its message-ttl must be a whole number of milliseconds and is left out: " + Entry.shown(millis));
            return settings;
        } else if (millis.longValue() == 0) {
            differences.add("its message-ttl of 0 is left out, so nothing expires: the shortest one here is 1 ms");
            return settings;
        } else if (millis.longValue() > Limits.HORIZON.toMillis()) {
            differences.add("its time to live is 400 days, the longest here");
            return settings.timeToLive(Limits.HORIZON);
        }
        return settings.timeToLive(Duration.ofMillis(millis.longValue()));
    }

    private static QueueSettings maxLength(
            QueueSettings settings, JsonNode most, Map<String, JsonNode> arguments, List<String> differences) {
        if (!isNumber(most)) {
            differences.add("its max-length must be a whole number of messages and is left out: " + Entry.shown(most));
            return settings;
        } else if (most.longValue() == 0) {
            differences.add(
                    "its max-length of 0 is left out, so its length is not limited: the smallest limit here is 1");
            return settings;
        } else if (most.longValue() > Limits.QUEUE_LENGTH) {
            differences.add("its max-length is left out: the largest limit here is " + Limits.QUEUE_LENGTH);
            return settings;
        }
        JsonNode word = arguments.get("overflow");
        Overflow overflow = word == null ? Overflow.DROP_HEAD : OVERFLOWS.get(word.asString(""));
        if (overflow == null) {
            differences.add(
                    "its overflow is not drop-head, reject-publish or reject-publish-dlx, so its head is dropped: "
                            + Entry.shown(word));
            overflow = Overflow.DROP_HEAD;
        }
        if (overflow == Overflow.DROP_HEAD && arguments.containsKey("max-priority")) {
            differences.add("above its maximum length the lowest priority is dropped first");
        }
        return settings.maxLength(most.longValue(), overflow);
    }

    private static QueueSettings expires(QueueSettings settings, JsonNode millis, List<String> differences) {
        if (!isNumber(millis) || millis.longValue() == 0) {
            differences.add("its expires must be a whole number of milliseconds above 0 and is left out: "
                    + Entry.shown(millis));
            return settings;
        } else if (millis.longValue() > Limits.HORIZON.toMillis()) {
            differences.add("it is deleted when it was not used for 400 days, the longest here");
            return settings.expiresAfter(Limits.HORIZON);
        }
        return settings.expiresAfter(Duration.ofMillis(millis.longValue()));
    }

    private static QueueSettings singleActiveConsumer(
            QueueSettings settings, JsonNode isSingle, List<String> differences) {
        if (!isSingle.isBoolean()) {
            differences.add(
                    "its single-active-consumer must be true or false and is left out: " + Entry.shown(isSingle));
            return settings;
        }
        return isSingle.booleanValue() ? settings.singleActiveConsumer(true) : settings;
    }

    /** Whether it is a whole number that is not negative. */
    private static boolean isNumber(JsonNode value) {
        return value.isIntegralNumber() && value.canConvertToLong() && value.longValue() >= 0;
    }
}

package io.postroom.internal.definitions;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import tools.jackson.databind.JsonNode;

/** The policies of a file: of those whose pattern matches a name, the one with the highest priority adds arguments. Immutable. */
final class RabbitMqPolicies {
    private final List<Policy> policies = new ArrayList<>();

    private record Policy(Pattern pattern, String appliesTo, int priority, Map<String, JsonNode> definition) {}

    /** @param refused takes a policy whose pattern cannot be read, and why */
    RabbitMqPolicies(List<Entry> entries, BiConsumer<String, String> refused) {
        for (Entry entry : entries) {
            try {
                policies.add(new Policy(
                        Pattern.compile(entry.text("pattern")),
                        entry.optionalText("apply-to").orElse("all"),
                        entry.number("priority"),
                        entry.members("definition")));
            } catch (PatternSyntaxException unreadable) {
                refused.accept("policy " + entry.text("name"), "its pattern cannot be read: " + entry.text("pattern"));
            }
        }
        policies.sort(Comparator.comparingInt(Policy::priority).reversed());
    }

    /**
     * The arguments of a queue or exchange, with those that its policy adds. Names are those of arguments, without the {@code x-} that only
     * some of them have. An argument of its own goes before the policy's; of two numbers the lower one counts, as in the broker.
     *
     * @param kind queues or exchanges
     */
    Map<String, JsonNode> of(String kind, String name, Map<String, JsonNode> own) {
        Map<String, JsonNode> all = new LinkedHashMap<>();
        own.forEach((argument, value) -> all.put(plain(argument), value));
        policies.stream()
                .filter(policy -> policy.appliesTo.equals("all") || policy.appliesTo.endsWith(kind))
                .filter(policy -> policy.pattern.matcher(name).find())
                .findFirst()
                .ifPresent(policy -> policy.definition.forEach(
                        (key, value) -> all.merge(plain(key), value, RabbitMqPolicies::stricter)));
        return all;
    }

    private static JsonNode stricter(JsonNode own, JsonNode ofPolicy) {
        boolean areNumbers = own.isIntegralNumber() && ofPolicy.isIntegralNumber();
        return areNumbers && ofPolicy.bigIntegerValue().compareTo(own.bigIntegerValue()) < 0 ? ofPolicy : own;
    }

    private static String plain(String argument) {
        return argument.startsWith("x-") ? argument.substring(2) : argument;
    }
}

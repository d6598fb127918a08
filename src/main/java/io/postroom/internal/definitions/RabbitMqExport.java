package io.postroom.internal.definitions;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.Topology;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Writes a definitions file that RabbitMQ can import. */
final class RabbitMqExport {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private RabbitMqExport() {}

    static String write(String virtualHost, Topology topology) {
        Map<String, Object> file = new LinkedHashMap<>();
        file.put("vhosts", List.of(Map.of("name", virtualHost)));
        file.put(
                "queues",
                topology.queues().stream()
                        .map(queue -> queue(virtualHost, queue))
                        .toList());
        // The broker has these itself, and refuses a file that declares them.
        file.put(
                "exchanges",
                topology.exchanges().stream()
                        .filter(exchange -> !exchange.name().startsWith("amq."))
                        .map(exchange -> exchange(virtualHost, exchange))
                        .toList());
        file.put(
                "bindings",
                topology.bindings().stream()
                        .map(binding -> binding(virtualHost, binding))
                        .toList());
        return JSON.writeValueAsString(file);
    }

    private static Map<String, Object> queue(String virtualHost, QueueSettings queue) {
        Map<String, Object> arguments = new LinkedHashMap<>();
        queue.timeToLive().ifPresent(time -> arguments.put("x-message-ttl", time.toMillis()));
        arguments.put("x-max-priority", 9);
        queue.deadLetterExchange().ifPresent(exchange -> arguments.put("x-dead-letter-exchange", exchange));
        queue.deadLetterRoutingKey().ifPresent(key -> arguments.put("x-dead-letter-routing-key", key));
        queue.maxLength().ifPresent(most -> arguments.put("x-max-length", most));
        queue.overflow()
                .filter(overflow -> queue.maxLength().isPresent())
                .filter(overflow ->
                        overflow != Overflow.DROP_HEAD) // the default, which the broker takes for another setting
                .ifPresent(overflow -> arguments.put("x-overflow", QueueArguments.wordOf(overflow)));
        queue.expiresAfter().ifPresent(time -> arguments.put("x-expires", Math.max(1, time.toMillis())));
        queue.singleActiveConsumer()
                .filter(isSingle -> isSingle)
                .ifPresent(isSingle -> arguments.put("x-single-active-consumer", true));
        Map<String, Object> shown = definition(virtualHost, queue.queue());
        shown.put("auto_delete", queue.kind().equals(Optional.of(QueueKind.AUTO_DELETE)));
        shown.put("arguments", arguments);
        return shown;
    }

    private static Map<String, Object> exchange(String virtualHost, Exchange exchange) {
        Map<String, Object> shown = definition(virtualHost, exchange.name());
        shown.put("type", exchange.kind().word());
        shown.put("internal", false);
        shown.put(
                "arguments",
                exchange.alternate()
                        .<Map<String, Object>>map(other -> Map.of("alternate-exchange", other))
                        .orElse(Map.of()));
        return shown;
    }

    private static Map<String, Object> definition(String virtualHost, String name) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", name);
        shown.put("vhost", virtualHost);
        shown.put("durable", true);
        shown.put("auto_delete", false);
        return shown;
    }

    private static Map<String, Object> binding(String virtualHost, Binding binding) {
        Map<String, @Nullable Object> arguments = new LinkedHashMap<>();
        binding.arguments().forEach((name, value) -> arguments.put(name, value.orElse(null)));
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("source", binding.exchange());
        shown.put("vhost", virtualHost);
        shown.put("destination", binding.queue().or(binding::toExchange).orElse(""));
        shown.put("destination_type", binding.queue().isPresent() ? "queue" : "exchange");
        shown.put("routing_key", binding.routingKey());
        shown.put("arguments", arguments);
        return shown;
    }
}

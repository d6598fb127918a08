package io.postroom.api;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A binding leads from an exchange to a queue or to another exchange. Exactly one of the two must be set when it is bound. Immutable; every
 * method returns a changed copy, and refuses a bad name or key with {@link InvalidMessageException}.
 *
 * <pre>{@code
 * Binding.from("orders").key("order.*.paid").to("mail")
 * Binding.from("documents").argument("x-match", "any").argument("kind", "invoice").anyValue("vip").to("ledger")
 * }</pre>
 *
 * @param exchange where it begins
 * @param queue where it leads; empty: to an exchange, or nowhere yet
 * @param toExchange where it leads; empty: to a queue, or nowhere yet
 * @param routingKey the key of a direct exchange, or the pattern of a topic exchange; at most 255 bytes, may be empty
 * @param arguments of a headers exchange: {@code x-match} (all, any, all-with-x, any-with-x; default all) and the headers wanted; an
 *     empty value wants any value
 */
public record Binding(
        String exchange,
        Optional<String> queue,
        Optional<String> toExchange,
        String routingKey,
        Map<String, Optional<String>> arguments) {
    public Binding {
        Limits.requireName("exchange", exchange);
        queue.ifPresent(name -> Limits.requireName("queue", name));
        toExchange.ifPresent(name -> Limits.requireName("to_exchange", name));
        Limits.requireRoutingKey(routingKey);
        arguments.forEach((name, value) -> {
            Limits.requireStorable("arguments", name);
            value.ifPresent(text -> Limits.requireStorable("arguments", text));
        });
        arguments = Collections.unmodifiableMap(new TreeMap<>(arguments));
    }

    /** Begins a binding of this exchange, without a key. */
    public static Binding from(String exchange) {
        return new Binding(exchange, Optional.empty(), Optional.empty(), "", Map.of());
    }

    /** Sets the key of a direct exchange, or the pattern of a topic exchange. */
    public Binding key(String routingKey) {
        return new Binding(exchange, queue, toExchange, routingKey, arguments);
    }

    /** Adds a header that the message must have with this value; or {@code x-match}. */
    public Binding argument(String name, String value) {
        return with(name, Optional.of(value));
    }

    /** Adds a header that the message must have, whatever its value. */
    public Binding anyValue(String name) {
        return with(name, Optional.empty());
    }

    private Binding with(String name, Optional<String> value) {
        Map<String, Optional<String>> more = new TreeMap<>(arguments);
        more.put(name, value);
        return new Binding(exchange, queue, toExchange, routingKey, more);
    }

    /** Leads to this queue. */
    public Binding to(String queue) {
        return new Binding(exchange, Optional.of(queue), Optional.empty(), routingKey, arguments);
    }

    /** Leads to this exchange. */
    public Binding toExchange(String exchange) {
        return new Binding(this.exchange, Optional.empty(), Optional.of(exchange), routingKey, arguments);
    }
}

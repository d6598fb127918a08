package io.postroom.internal.producer;

import io.postroom.internal.storage.RoutingRows;
import io.postroom.internal.storage.RoutingRows.BindingRow;
import io.postroom.internal.storage.RoutingRows.ExchangeRow;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * All exchanges and bindings of one version, made for looking up. Has the rules of the functions in {@code db/function/route.sql}; a test
 * holds both against the same tables. Immutable.
 */
final class RoutingTable {
    private final @Nullable UUID version;
    private final Map<String, Bound> byName = new HashMap<>();
    private final Map<Integer, Bound> byId = new HashMap<>();

    RoutingTable(RoutingRows rows) {
        version = rows.version();
        for (ExchangeRow exchange : rows.exchanges()) {
            Bound bound = new Bound(exchange);
            byName.put(exchange.name(), bound);
            byId.put(exchange.id(), bound);
        }
        for (BindingRow binding : rows.bindings()) {
            Bound from = byId.get(binding.exchangeId());
            if (from != null) {
                from.add(binding);
            }
        }
    }

    /** The value that a change of exchanges and bindings replaces; null: this table may not be remembered. */
    @Nullable
    UUID version() {
        return version;
    }

    /** The exchange's id; 0: there is none of that name here. */
    int idOf(String exchange) {
        Bound bound = byName.get(exchange);
        return bound == null ? 0 : bound.exchange.id();
    }

    /** The queues that a message reaches, each once, with their numbers and in the order of their names. */
    SortedMap<String, Integer> queues(String exchange, String routingKey, Map<String, String> headers) {
        SortedMap<String, Integer> queues = new TreeMap<>();
        Bound first = byName.get(exchange);
        if (first == null) {
            return queues;
        }
        Set<Bound> reached = new HashSet<>(Set.of(first)); // an exchange that was reached before ends a cycle
        Deque<Bound> open = new ArrayDeque<>(reached);
        while (!open.isEmpty()) {
            Bound from = open.remove();
            List<BindingRow> matching = from.matching(routingKey, headers);
            for (BindingRow binding : matching) {
                if (binding.queue() != null) {
                    queues.put(binding.queue(), binding.queueId());
                } else {
                    goOn(byId.get(binding.toExchangeId()), reached, open);
                }
            }
            if (matching.isEmpty() && from.exchange.alternate() != null) {
                goOn(byName.get(from.exchange.alternate()), reached, open);
            }
        }
        return queues;
    }

    private static void goOn(@Nullable Bound to, Set<Bound> reached, Deque<Bound> open) {
        if (to != null && reached.add(to)) {
            open.add(to);
        }
    }

    /** An exchange with the bindings that begin at it. Compared by identity. */
    private static final class Bound {
        private final ExchangeRow exchange;
        private final Map<String, List<BindingRow>> byKey = new HashMap<>(0);
        private final TopicPatterns<BindingRow> byPattern = new TopicPatterns<>();
        private final List<BindingRow> all = new ArrayList<>(0);

        Bound(ExchangeRow exchange) {
            this.exchange = exchange;
        }

        void add(BindingRow binding) {
            switch (exchange.kind()) {
                case DIRECT ->
                    byKey.computeIfAbsent(binding.routingKey(), any -> new ArrayList<>(1))
                            .add(binding);
                case TOPIC -> byPattern.add(binding.routingKey(), binding);
                case FANOUT, HEADERS -> all.add(binding);
            }
        }

        List<BindingRow> matching(String routingKey, Map<String, String> headers) {
            return switch (exchange.kind()) {
                case DIRECT -> byKey.getOrDefault(routingKey, List.of());
                case TOPIC -> byPattern.matching(routingKey);
                case FANOUT -> all;
                case HEADERS ->
                    all.stream()
                            .filter(binding -> headersMatch(binding.arguments(), headers))
                            .toList();
            };
        }
    }

    /** Whether the arguments of a binding match the headers of a message: the rules of {@code postroom.headers_match}. */
    static boolean headersMatch(Map<String, @Nullable String> arguments, Map<String, String> headers) {
        String mode = Objects.requireNonNullElse(arguments.get("x-match"), "all");
        boolean wantsAny = mode.startsWith("any");
        boolean ignoresReserved = !mode.endsWith("-with-x");
        for (Map.Entry<String, @Nullable String> wanted : arguments.entrySet()) {
            String name = wanted.getKey();
            if (name.equals("x-match") || ignoresReserved && name.startsWith("x-")) {
                continue;
            }
            String given = headers.get(name);
            boolean isMet = given != null
                    && (wanted.getValue() == null || wanted.getValue().equals(given));
            if (isMet == wantsAny) {
                return wantsAny;
            }
        }
        return !wantsAny;
    }
}

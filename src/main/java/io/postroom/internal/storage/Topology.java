package io.postroom.internal.storage;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.Limiter;
import io.postroom.api.QueueSettings;
import java.util.List;
import java.util.Map;

/**
 * Queues with their limits, exchanges and bindings.
 *
 * @param queues without exclusive ones, which go with their process
 * @param bindings from and to exchanges and queues of this topology, or of the database
 * @param limiters of queues and destinations
 * @param destinations external systems of queues, by queue
 * @param groupWeights how many messages of a group go in one turn, by queue and group
 */
public record Topology(
        List<QueueSettings> queues,
        List<Exchange> exchanges,
        List<Binding> bindings,
        List<Limiter> limiters,
        Map<String, String> destinations,
        Map<String, Map<String, Integer>> groupWeights) {
    /** A topology without limits, destinations and weights. */
    public Topology(List<QueueSettings> queues, List<Exchange> exchanges, List<Binding> bindings) {
        this(queues, exchanges, bindings, List.of(), Map.of(), Map.of());
    }

    public Topology {
        limiters = List.copyOf(limiters);
        destinations = Map.copyOf(destinations);
        groupWeights = Map.copyOf(groupWeights);
        queues = List.copyOf(queues);
        exchanges = List.copyOf(exchanges);
        bindings = List.copyOf(bindings);
    }
}

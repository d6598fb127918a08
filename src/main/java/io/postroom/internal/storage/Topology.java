package io.postroom.internal.storage;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.QueueSettings;
import java.util.List;

/**
 * Queues, exchanges and bindings.
 *
 * @param queues without exclusive ones, which go with their process
 * @param bindings of these exchanges to these queues and exchanges
 */
public record Topology(List<QueueSettings> queues, List<Exchange> exchanges, List<Binding> bindings) {
    public Topology {
        queues = List.copyOf(queues);
        exchanges = List.copyOf(exchanges);
        bindings = List.copyOf(bindings);
    }
}

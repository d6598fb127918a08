package io.postroom.internal.storage;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.QueueSettings;
import java.util.List;

/**
 * Queues, exchanges and bindings.
 *
 * @param queues without exclusive ones, which go with their process
 * @param bindings from and to exchanges and queues of this topology, or of the database
 */
public record Topology(List<QueueSettings> queues, List<Exchange> exchanges, List<Binding> bindings) {
    public Topology {
        queues = List.copyOf(queues);
        exchanges = List.copyOf(exchanges);
        bindings = List.copyOf(bindings);
    }
}

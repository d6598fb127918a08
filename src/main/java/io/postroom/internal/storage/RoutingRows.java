package io.postroom.internal.storage;

import io.postroom.api.ExchangeKind;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * All exchanges and bindings, as one snapshot showed them.
 *
 * @param version the value that a change of them replaces; null: the store has none, so what was read may not be remembered
 */
public record RoutingRows(@Nullable UUID version, List<ExchangeRow> exchanges, List<BindingRow> bindings) {

    /** @param alternate null: none */
    public record ExchangeRow(
            int id,
            String name,
            ExchangeKind kind,
            @Nullable String alternate) {}

    /**
     * A binding, which leads to a queue or to an exchange.
     *
     * @param queue its name; null: it leads to an exchange
     * @param toExchangeId 0: it leads to a queue
     * @param arguments a null value wants any value
     */
    public record BindingRow(
            int exchangeId,
            int queueId,
            @Nullable String queue,
            int toExchangeId,
            String routingKey,
            Map<String, @Nullable String> arguments) {}
}

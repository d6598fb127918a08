package io.postroom.internal.producer;

import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.Exchanges;
import io.postroom.api.Limits;
import io.postroom.api.Route;
import io.postroom.internal.storage.RoutingStore;
import java.util.List;
import java.util.Map;

/** Declares and binds exchanges in the store. This process follows its own changes at once, others with their next message. Thread-safe. */
public final class DefaultExchanges implements Exchanges {
    private final RoutingStore store;
    private final Router router;
    private final OwnerCheck ownerCheck;

    public DefaultExchanges(RoutingStore store, Router router, OwnerCheck ownerCheck) {
        this.store = store;
        this.router = router;
        this.ownerCheck = ownerCheck;
    }

    @Override
    public boolean declare(Exchange exchange) {
        return forgetting(store.declare(exchange));
    }

    @Override
    public boolean delete(String exchange, boolean ifUnused) {
        return forgetting(store.delete(Limits.requireName("exchange", exchange), ifUnused));
    }

    @Override
    public boolean bind(Binding binding) {
        binding.queue().ifPresent(ownerCheck::require);
        return forgetting(store.bind(binding));
    }

    @Override
    public boolean unbind(Binding binding) {
        binding.queue().ifPresent(ownerCheck::require);
        return forgetting(store.unbind(binding));
    }

    /** Spares the next message the INSERT that finds the bindings changed. */
    private boolean forgetting(boolean changed) {
        if (changed) {
            router.forget();
        }
        return changed;
    }

    @Override
    public List<Exchange> list() {
        return store.exchanges();
    }

    @Override
    public List<Binding> bindings(String exchange) {
        return store.bindings(Limits.requireName("exchange", exchange));
    }

    @Override
    public List<Route> route(String exchange, String routingKey, Map<String, String> headers) {
        CreateMessage message =
                CreateMessage.via(exchange, routingKey); // has the limits of a message with this key and these headers
        for (Map.Entry<String, String> header : headers.entrySet()) {
            message = message.header(header.getKey(), header.getValue());
        }
        return store.route(exchange, message.routingKey(), message.headers());
    }
}

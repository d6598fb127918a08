package io.postroom.internal.storage;

import io.postroom.api.Binding;
import io.postroom.api.Exchange;
import io.postroom.api.Route;
import java.sql.Connection;
import java.util.List;
import java.util.Map;

/** Exchanges and bindings. Thread-safe. Failures are StoreExceptions; refusals are those of {@link io.postroom.api.Exchanges}. */
public interface RoutingStore {
    boolean declare(Exchange exchange);

    boolean delete(String exchange, boolean ifUnused);

    boolean bind(Binding binding);

    boolean unbind(Binding binding);

    List<Exchange> exchanges();

    List<Binding> bindings(String exchange);

    List<Route> route(String exchange, String routingKey, Map<String, String> headers);

    /** Reads everything that routing needs, in one snapshot. */
    RoutingRows read();

    /**
     * Chooses the queues of a message in the caller's transaction, which may have bound them itself or have an older snapshot.
     *
     * @param message created through an exchange
     * @throws io.postroom.api.ExchangeNotFoundException the exchange does not exist; the transaction can go on
     */
    Targets resolve(NewMessage message, Connection connection);

    /**
     * Requires that a queue is not one that is closed, or that has left this home.
     *
     * @throws io.postroom.api.StoreException it is; nothing is written
     */
    void requireNotMoved(String queue, Connection connection);

    /** Keeps a line of a message that reaches no queue and is dropped, in the caller's transaction. */
    void drop(NewMessage message, Connection connection);
}

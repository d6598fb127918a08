package io.postroom.api;

import java.util.List;
import java.util.Map;

/**
 * The exchanges and their bindings: declare, bind, list, route. Thread-safe. Each call runs in a transaction of its own, whatever
 * transaction the caller has open. A change counts for every message that is created after its commit, in all processes. Failures of the
 * database are {@link StoreException}s.
 */
public interface Exchanges {
    /**
     * Makes the exchange if it does not exist. A repeat writes nothing.
     *
     * @return whether it is new
     * @throws InvalidMessageException it exists with another kind or alternate exchange
     */
    boolean declare(Exchange exchange);

    /**
     * Deletes the exchange and all bindings from and to it. Messages that were routed already are not touched.
     *
     * @param ifUnused refuse while bindings begin at it
     * @return false: there was none
     * @throws IllegalStateException the exchange still has bindings of its own and {@code ifUnused} was set; nothing was changed
     * @throws InvalidMessageException the name breaks a limit
     */
    boolean delete(String exchange, boolean ifUnused);

    /**
     * Adds a binding. A repeat writes nothing.
     *
     * @return whether it is new
     * @throws ExchangeNotFoundException one of its exchanges does not exist
     * @throws QueueNotFoundException its queue does not exist
     * @throws ExclusiveQueueException its queue belongs to another process
     * @throws InvalidMessageException it leads nowhere, or its arguments do not fit the kind of its exchange
     */
    boolean bind(Binding binding);

    /**
     * Removes the binding that equals this one.
     *
     * @return false: there was none
     * @throws ExclusiveQueueException its queue belongs to another process
     */
    boolean unbind(Binding binding);

    /** All exchanges, by name. */
    List<Exchange> list();

    /** All bindings that begin at this exchange, by routing key, then queue, then exchange; none if it does not exist. */
    List<Binding> bindings(String exchange);

    /**
     * Answers which queues a message would reach, and by which bindings: one route a queue, by the queue's name. None: the message would
     * reach no queue. Writes nothing.
     *
     * @param exchange its name; empty: the default exchange, where the key names the queue
     * @throws ExchangeNotFoundException it does not exist
     * @throws InvalidMessageException the name, key or headers break a limit
     */
    List<Route> route(String exchange, String routingKey, Map<String, String> headers);
}

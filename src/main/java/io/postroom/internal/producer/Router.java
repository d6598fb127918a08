package io.postroom.internal.producer;

import io.postroom.api.CreateMessage;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.RoutingStore;
import io.postroom.internal.storage.Targets;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/**
 * Chooses the queues of messages that are created through an exchange. Thread-safe.
 *
 * <p>Exchanges and bindings are remembered with their version, and so the choice needs no round trip. The INSERT names the version and
 * writes nothing under another one: a stale choice cannot be stored. Then the bindings are read again. A transaction whose snapshot still
 * shows another version has changed the bindings itself, or began before the last change: the queues are chosen by a statement of that
 * transaction.
 */
public final class Router {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final TypeReference<Map<String, String>> HEADERS = new TypeReference<>() {};

    private final RoutingStore store;
    private final QueueCache queues;
    private volatile @Nullable RoutingTable remembered;

    public Router(RoutingStore store, QueueCache queues) {
        this.store = store;
        this.queues = queues;
    }

    /**
     * Chooses by what is remembered. No queue: the exchange is unknown here, or no binding matches, so the transaction that writes is to
     * look for itself.
     */
    public Targets route(CreateMessage message) {
        return targets(
                message.exchange().orElse(""),
                message.routingKey(),
                message.headers(),
                new Targets(null, 0, message.mandatory(), message.timeToLive().orElse(null), List.of()));
    }

    /** Chooses once more, with bindings that are read anew if the message's choice was made by those that are remembered. */
    NewMessage routeAgain(NewMessage message) {
        Targets old = message.targets();
        if (old == null) {
            return message;
        }
        if (old.version()
                != null) { // else it was chosen by a statement of the transaction, and says nothing of what is
            // remembered
            forget(old.version());
        }
        return message.withTargets(targets(
                Objects.requireNonNull(message.content().exchange()),
                Objects.requireNonNull(message.content().routingKey()),
                headers(message.content().headers()),
                old));
    }

    /** Chooses by a statement of the transaction that writes. */
    NewMessage routeOn(Connection connection, NewMessage message) {
        return message.withTargets(store.resolve(message, connection));
    }

    private Targets targets(String exchange, String routingKey, Map<String, String> headers, Targets asked) {
        RoutingTable table = table();
        SortedMap<String, Integer> found = table.queues(exchange, routingKey, headers);
        if (found.isEmpty() || table.version() == null) {
            return asked.chosenAnew(table.idOf(exchange), List.of());
        }
        Map<String, @Nullable Duration> times = queues.timesToLive(found.keySet());
        return new Targets(
                table.version(),
                table.idOf(exchange),
                asked.mandatory(),
                asked.timeToLive(),
                found.entrySet().stream()
                        .map(queue -> new Targets.Target(queue.getValue(), queue.getKey(), times.get(queue.getKey())))
                        .toList());
    }

    private static Map<String, String> headers(@Nullable String json) {
        return json == null ? Map.of() : JSON.readValue(json, HEADERS);
    }

    private RoutingTable table() {
        RoutingTable known = remembered;
        return known != null ? known : read();
    }

    private synchronized RoutingTable read() {
        RoutingTable known = remembered; // another thread may have read it meanwhile
        if (known == null) {
            known = new RoutingTable(store.read());
            remembered = known.version() == null ? null : known;
        }
        return known;
    }

    /** Forgets what is remembered: the next message reads it anew. */
    public synchronized void forget() {
        remembered = null;
    }

    /** Forgets what is remembered if it has this version. */
    private synchronized void forget(UUID version) {
        RoutingTable known = remembered;
        if (known != null && version.equals(known.version())) {
            remembered = null;
        }
    }
}

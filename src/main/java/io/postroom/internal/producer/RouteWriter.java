package io.postroom.internal.producer;

import io.postroom.api.ExchangeNotFoundException;
import io.postroom.api.UnroutableMessageException;
import io.postroom.internal.producer.MessageWriter.Written;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.EnqueueStore;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.RoutingStore;
import io.postroom.internal.storage.Targets;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Chooses queues in the transaction that writes, for messages whose queues the {@link Router} did not know. Refuses or drops messages that
 * reach no queue. Thread-safe.
 */
final class RouteWriter {
    private final Router router;
    private final RoutingStore routing;
    private final EnqueueStore store;

    RouteWriter(Router router, RoutingStore routing, EnqueueStore store) {
        this.router = router;
        this.routing = routing;
        this.store = store;
    }

    /** Chooses once more, with bindings that are read anew. */
    NewMessage routeAgain(NewMessage message) {
        return router.routeAgain(message);
    }

    /** Chooses queues for those messages that have none yet, and writes. */
    Written write(List<NewMessage> messages, Connection connection, Function<List<NewMessage>, Written> writer) {
        return write(messages, RouteWriter::hasNoQueue, connection, writer);
    }

    /** Chooses the queues of all messages that were created through an exchange, whatever was chosen before, and writes. */
    Written writeAllRouted(
            List<NewMessage> messages, Connection connection, Function<List<NewMessage>, Written> writer) {
        return write(messages, message -> message.targets() != null, connection, writer);
    }

    private static boolean hasNoQueue(NewMessage message) {
        Targets targets = message.targets();
        return targets != null && targets.queues().isEmpty();
    }

    private Written write(
            List<NewMessage> messages,
            Predicate<NewMessage> isOpen,
            Connection connection,
            Function<List<NewMessage>, Written> writer) {
        boolean someAreOpen = false;
        for (NewMessage message : messages) { // no stream: this runs for each single message
            someAreOpen |= isOpen.test(message);
        }
        if (!someAreOpen) {
            return writer.apply(messages);
        }
        List<NewMessage> chosen = new ArrayList<>(messages.size());
        for (NewMessage message : messages) {
            chosen.add(isOpen.test(message) ? routed(message, connection) : message);
        }
        return written(chosen, connection, writer);
    }

    /** The message for which an exchange that is gone was asked may be stored: then it stays without queues and is answered as a repeat. */
    private NewMessage routed(NewMessage message, Connection connection) {
        try {
            return router.routeOn(connection, message);
        } catch (ExchangeNotFoundException gone) {
            if (store.repeated(message, connection).isEmpty()) {
                throw gone;
            }
            return message.withTargets(Objects.requireNonNull(message.targets()).chosenAnew(0, List.of()));
        }
    }

    /** Refuses before anything is written, so that nothing of a refused batch stays. */
    private Written written(
            List<NewMessage> chosen, Connection connection, Function<List<NewMessage>, Written> writer) {
        List<Optional<EnqueueResult>> without = new ArrayList<>(chosen.size());
        for (NewMessage message : chosen) {
            without.add(hasNoQueue(message) ? Optional.of(withoutQueue(message, connection)) : Optional.empty());
        }
        List<NewMessage> rest = new ArrayList<>(chosen.size());
        for (int i = 0; i < chosen.size(); i++) {
            if (without.get(i).isEmpty()) {
                rest.add(chosen.get(i));
            } else if (without.get(i).get().queues().isEmpty()) {
                routing.drop(chosen.get(i), connection);
            }
        }
        Written stored = rest.isEmpty() ? new Written(rest, List.of()) : writer.apply(rest);
        return merged(chosen, without, stored);
    }

    /** A message that reaches no queue now may repeat one that was stored while a binding matched. Then it is a repeat. */
    private EnqueueResult withoutQueue(NewMessage message, Connection connection) {
        Optional<EnqueueResult> repeated = store.repeated(message, connection);
        if (repeated.isEmpty() && "".equals(message.content().exchange())) {
            // Never dropped: the queue is closed for a while, or lives on another home.
            routing.requireNotMoved(Objects.requireNonNull(message.content().routingKey()), connection);
        }
        if (repeated.isEmpty() && message.targets() != null && message.targets().mandatory()) {
            throw new UnroutableMessageException(
                    Objects.requireNonNull(message.content().exchange()),
                    Objects.requireNonNull(message.content().routingKey()));
        }
        return repeated.orElseGet(() -> new EnqueueResult(message.id(), false, true, 0, List.of()));
    }

    private static Written merged(List<NewMessage> chosen, List<Optional<EnqueueResult>> without, Written stored) {
        List<NewMessage> messages = new ArrayList<>(chosen.size());
        List<EnqueueResult> results = new ArrayList<>(chosen.size());
        int next = 0;
        for (int i = 0; i < chosen.size(); i++) {
            boolean isStored = without.get(i).isEmpty();
            messages.add(isStored ? stored.messages().get(next) : chosen.get(i));
            results.add(isStored ? stored.results().get(next++) : without.get(i).get());
        }
        return new Written(messages, results);
    }
}

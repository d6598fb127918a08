package io.postroom.internal.producer;

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
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Completes, in the transaction that writes, the queues of messages that the {@link Router} knew none for: and refuses or drops what
 * reaches no queue. Thread-safe.
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
            chosen.add(isOpen.test(message) ? router.routeOn(connection, message) : message);
        }
        return written(chosen, connection, writer);
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

    /** A repeat of a message that was stored while there was a way is none the less a repeat. */
    private EnqueueResult withoutQueue(NewMessage message, Connection connection) {
        Optional<EnqueueResult> repeated = store.repeated(message, connection);
        if (repeated.isEmpty() && message.targets() != null && message.targets().mandatory()) {
            throw new UnroutableMessageException(
                    String.valueOf(message.content().exchange()),
                    String.valueOf(message.content().routingKey()));
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

package io.postroom.homes;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.Limits;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.BiConsumer;

/** Makes the engines of homes: gives each what belongs to it. Immutable. */
final class HomeEngines {
    private final HomeRules rules;
    private final SchemaMode schema;
    private final List<BiConsumer<String, Postroom.Builder>> each;
    private final List<Handler> handlers;
    private final List<QueueSettings> queues;

    HomeEngines(
            HomeRules rules,
            SchemaMode schema,
            List<BiConsumer<String, Postroom.Builder>> each,
            Collection<Handler> handlers,
            Collection<QueueSettings> queues) {
        this.rules = rules;
        this.schema = schema;
        this.each = each;
        this.handlers = List.copyOf(handlers);
        this.queues = List.copyOf(queues);
    }

    /** Whether {@link #prepareSchema} makes a schema where there is none. */
    boolean makesSchemas() {
        return schema == SchemaMode.MIGRATE;
    }

    /** Makes the schema of a home ready. Comes before the look at its rules, which stand in a table. */
    void prepareSchema(Home home) {
        schema.prepare(home.source());
    }

    /** Makes the engine of a home, which does not work yet. It declares queues, so the rules are compared before. */
    DefaultPostroom prepare(Home home) {
        Postroom.Builder builder = Postroom.on(home.source());
        each.forEach(settings -> settings.accept(home.name(), builder));
        builder.schema(SchemaMode.NONE);
        home.transactions().ifPresent(builder::transactions);
        for (QueueSettings queue : queues) {
            for (QueueHome place : rules.homesOf(queue.queue())) {
                if (place.home().equals(home.name())) {
                    builder.queue(queue.withQueue(place.queue()));
                }
            }
        }
        handlersOf(home.name(), handlers).forEach(builder::handler);
        return builder.prepare();
    }

    /** Checks that each handler and each queue has a home. Comes first, so that a mistake is told at the start, whatever is down. */
    void requireHomes(Collection<Handler> more) {
        queues.forEach(queue -> rules.homesOf(queue.queue()));
        List<Handler> all = new ArrayList<>(handlers);
        all.addAll(more);
        all.stream()
                .filter(handler -> !Limits.isQueuePattern(handler.queue()))
                .forEach(handler -> rules.homesOf(handler.queue()));
    }

    /** The handlers that one home gets: for its queues, for its parts of queues, and those with patterns. */
    List<Handler> handlersOf(String home, Collection<Handler> all) {
        List<Handler> its = new ArrayList<>();
        for (Handler handler : all) {
            if (Limits.isQueuePattern(handler.queue())) {
                its.add(handler);
                continue;
            }
            for (QueueHome place : rules.homesOf(handler.queue())) {
                if (place.home().equals(home)) {
                    its.add(ofPlace(handler, place));
                }
            }
        }
        return its;
    }

    /** A handler has an id that is unique in its engine. One that was set gets the number of the part. */
    private static Handler ofPlace(Handler handler, QueueHome place) {
        if (place.queue().equals(handler.queue())) {
            return handler;
        }
        Handler ofPart = handler.withQueue(place.queue());
        return ofPart.id().equals(handler.id())
                ? ofPart.id(
                        handler.id() + place.queue().substring(handler.queue().length()))
                : ofPart;
    }
}

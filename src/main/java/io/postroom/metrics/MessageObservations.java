package io.postroom.metrics;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Observes the creation of each message and each call of a handler by Micrometer: as timers where a meter registry listens, as spans where
 * a tracer does. The trace of a creation goes on in the handler, because the tracer's headers (W3C {@code traceparent}) are headers of the
 * message. They stay with it through retries and redrives. A span of a creation has no length: the message is stored later, by the
 * transaction of the caller.
 *
 * <p>A call that creates several messages is an observation of its own, besides those of its messages, and has the length of the storing.
 * {@link BulkTracing} gives its span links to theirs.
 *
 * <p>A call for several messages is one observation. {@link BatchTracing} begins a trace for it that has links to those of its messages;
 * without that handler it goes on with the trace of its first message. A header of the trace that breaks a limit of headers is left out.
 * Does nothing while the registry has no handler. Thread-safe.
 */
public final class MessageObservations implements MessageInterceptor {
    private static final Logger log = LoggerFactory.getLogger(MessageObservations.class);
    private static final SendConvention SEND = new SendConvention();
    private static final BulkConvention BULK = new BulkConvention();

    /** Not static: it keeps key values for the {@link #tags}. */
    private final ProcessConvention usualProcess = new ProcessConvention();

    private final QueueTags tags = new QueueTags();
    private final ObservationRegistry registry;
    private final @Nullable SendConvention send;
    private final @Nullable BulkConvention bulk;
    private final @Nullable ProcessConvention process;

    /** With the names of {@link SendConvention}, {@link BulkConvention} and {@link ProcessConvention}. */
    public MessageObservations(ObservationRegistry registry) {
        this(registry, null, null, null);
    }

    /**
     * @param send other names for creations; null: the usual ones
     * @param bulk other names for calls that create several messages; null: the usual ones
     * @param process other names for calls of handlers; null: the usual ones
     */
    public MessageObservations(
            ObservationRegistry registry,
            @Nullable SendConvention send,
            @Nullable BulkConvention bulk,
            @Nullable ProcessConvention process) {
        this.registry = registry;
        this.send = send;
        this.bulk = bulk;
        this.process = process;
    }

    @Override
    public CreateMessage beforeCreate(CreateMessage message) {
        return created(message, false);
    }

    @Override
    public CreateMessage beforeCreateInBulk(CreateMessage message) {
        return created(message, true);
    }

    @Override
    public List<Created> aroundBulk(List<CreateMessage> messages, Supplier<List<Created>> next) {
        if (registry.isNoop()) {
            return next.get();
        }
        String first = destination(messages.get(0));
        boolean isOne =
                messages.stream().allMatch(message -> destination(message).equals(first));
        BulkContext context = new BulkContext(messages, isOne ? tags.of(first) : "");
        return Objects.requireNonNull(Observation.createNotStarted(bulk, BULK, () -> context, registry)
                .observe(next));
    }

    private static String destination(CreateMessage message) {
        return message.exchange().orElse(message.queue());
    }

    private CreateMessage created(CreateMessage message, boolean inBulk) {
        if (registry.isNoop()) {
            return message;
        }
        SendContext context = new SendContext(message, tags.of(destination(message)), inBulk);
        Observation.createNotStarted(send, SEND, () -> context, registry)
                .start()
                .stop();
        return traced(message, Objects.requireNonNull(context.getCarrier()));
    }

    /** A trace is no reason to refuse a message: what its headers have no room for is left out. */
    private static CreateMessage traced(CreateMessage message, Map<String, String> headers) {
        CreateMessage traced = message;
        for (Map.Entry<String, String> header : headers.entrySet()) {
            try {
                traced = traced.header(header.getKey(), header.getValue());
            } catch (InvalidMessageException refused) {
                log.debug("header {} of the trace is left out", header.getKey(), refused);
            }
        }
        return traced;
    }

    @Override
    public Outcome aroundHandling(MessageContext message, Callable<Outcome> next) throws Exception {
        return aroundBatch(List.of(message), next);
    }

    @Override
    public Outcome aroundBatch(List<MessageContext> messages, Callable<Outcome> next) throws Exception {
        if (registry.isNoop()) {
            return next.call();
        }
        ProcessContext context =
                new ProcessContext(messages, tags.of(messages.get(0).queue()));
        Observation observation = Observation.createNotStarted(process, usualProcess, () -> context, registry)
                .start();
        try (Observation.Scope scope = observation.openScope()) {
            Outcome outcome = next.call();
            context.ended(outcome);
            return outcome;
        } catch (Throwable thrown) {
            observation.error(thrown);
            throw thrown;
        } finally {
            observation.stop();
        }
    }
}

package io.postroom.metrics;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Observes the creation of each message and each call of a handler by Micrometer: as timers where a meter registry listens, as spans where
 * a tracer does. The trace of a creation goes on in the handler, because the tracer's headers (W3C {@code traceparent}) are headers of the
 * message. They stay with it through retries and redrives. A span of a creation has no length: the message is stored later, by the
 * transaction of the caller.
 *
 * <p>A call for a batch is one observation, which goes on with the trace of its first message. Thread-safe. Without anybody who observes it
 * does nothing.
 */
public final class MessageObservations implements MessageInterceptor {
    private static final SendConvention SEND = new SendConvention();
    private static final ProcessConvention PROCESS = new ProcessConvention();

    private final ObservationRegistry registry;
    private final @Nullable SendConvention send;
    private final @Nullable ProcessConvention process;

    /** With the names of {@link SendConvention} and {@link ProcessConvention}. */
    public MessageObservations(ObservationRegistry registry) {
        this(registry, null, null);
    }

    /**
     * @param send other names for creations; null: the usual ones
     * @param process other names for calls; null: the usual ones
     */
    public MessageObservations(
            ObservationRegistry registry, @Nullable SendConvention send, @Nullable ProcessConvention process) {
        this.registry = registry;
        this.send = send;
        this.process = process;
    }

    @Override
    public CreateMessage beforeCreate(CreateMessage message) {
        if (registry.isNoop()) {
            return message;
        }
        SendContext context = new SendContext(message);
        Observation.createNotStarted(send, SEND, () -> context, registry)
                .start()
                .stop();
        CreateMessage traced = message;
        for (Map.Entry<String, String> header :
                Objects.requireNonNull(context.getCarrier()).entrySet()) {
            traced = traced.header(header.getKey(), header.getValue());
        }
        return traced;
    }

    @Override
    public Outcome aroundHandling(MessageContext message, Callable<Outcome> next) throws Exception {
        if (registry.isNoop()) {
            return next.call();
        }
        ProcessContext context = new ProcessContext(message);
        Observation observation = Observation.createNotStarted(process, PROCESS, () -> context, registry)
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

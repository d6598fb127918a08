package io.postroom.metrics;

import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * Names the message in the lines that its handler logs, as fields of SLF4J's MDC: {@value #MESSAGE}, {@value #QUEUE} and, where there is
 * one, {@value #CORRELATION}. In a call for a batch they name its first message. Thread-safe.
 */
public final class MessageLogFields implements MessageInterceptor {
    /** The field with the message's id. */
    public static final String MESSAGE = "postroom.message";
    /** The field with the queue's name. */
    public static final String QUEUE = "postroom.queue";
    /** The field with the correlation id. */
    public static final String CORRELATION = "postroom.correlation";

    /** A handler may send synchronously: the inner call gives the fields back as it found them. */
    @Override
    public Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
        String message = MDC.get(MESSAGE);
        String queue = MDC.get(QUEUE);
        String correlation = MDC.get(CORRELATION);
        set(MESSAGE, context.id().toString());
        set(QUEUE, context.queue());
        set(CORRELATION, context.correlationId().orElse(null));
        try {
            return next.call();
        } finally {
            set(MESSAGE, message);
            set(QUEUE, queue);
            set(CORRELATION, correlation);
        }
    }

    private static void set(String field, @Nullable String value) {
        if (value == null) {
            MDC.remove(field);
        } else {
            MDC.put(field, value);
        }
    }
}

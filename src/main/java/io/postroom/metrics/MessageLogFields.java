package io.postroom.metrics;

import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import java.util.concurrent.Callable;
import org.slf4j.MDC;
import org.slf4j.MDC.MDCCloseable;

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

    @Override
    public Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
        try (MDCCloseable message = MDC.putCloseable(MESSAGE, context.id().toString());
                MDCCloseable queue = MDC.putCloseable(QUEUE, context.queue())) {
            if (context.correlationId().isEmpty()) {
                return next.call();
            }
            try (MDCCloseable correlation =
                    MDC.putCloseable(CORRELATION, context.correlationId().get())) {
                return next.call();
            }
        }
    }
}

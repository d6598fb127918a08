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
        set(CORRELATION, context.correlationId().map(MessageLogFields::oneLine).orElse(null));
        try {
            return next.call();
        } finally {
            set(MESSAGE, message);
            set(QUEUE, queue);
            set(CORRELATION, correlation);
        }
    }

    /** An id is a text of whoever created the message: what could end a line of the log becomes a replacement character. */
    private static String oneLine(String id) {
        return id.codePoints().allMatch(MessageLogFields::isPlain)
                ? id
                : id.codePoints()
                        .map(c -> isPlain(c) ? c : '\uFFFD')
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
    }

    private static boolean isPlain(int c) {
        int type = Character.getType(c);
        return type != Character.CONTROL && type != Character.LINE_SEPARATOR && type != Character.PARAGRAPH_SEPARATOR;
    }

    private static void set(String field, @Nullable String value) {
        if (value == null) {
            MDC.remove(field);
        } else {
            MDC.put(field, value);
        }
    }
}

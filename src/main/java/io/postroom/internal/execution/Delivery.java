package io.postroom.internal.execution;

import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Runs a handler over messages in hand: reads the payloads, goes through the interceptors, calls the user's code. Thread-safe.
 *
 * <p>What comes out: one outcome for each message; {@link UndecodableException} when a payload cannot be read; else what the user's code threw.
 */
public final class Delivery {
    private final PayloadCodec codec;
    private final List<MessageInterceptor> interceptors;

    public Delivery(PayloadCodec codec, List<MessageInterceptor> interceptors) {
        this.codec = codec;
        this.interceptors = List.copyOf(interceptors);
    }

    /** Turns stored content into the handler's payload; null for JSON null. */
    public @Nullable Object read(Handler handler, Content content) throws UndecodableException {
        try {
            Class<?> type = handler.payload();
            if (type == byte[].class) {
                return content.bytes();
            } else if (type == String.class) {
                return content.text();
            }
            return codec.read(content.bytes(), type);
        } catch (Exception | StackOverflowError | LinkageError error) {
            throw new UndecodableException(handler, error);
        }
    }

    /** Calls the handler. {@code payloads} and {@code contexts} have the same order. */
    public List<Outcome> call(Handler handler, List<Object> payloads, List<MessageContext> contexts) throws Exception {
        if (interceptors.isEmpty()) {
            return handler.call(payloads, contexts);
        }
        Called called = new Called();
        Outcome outcome = around(0, contexts.get(0), () -> {
            called.outcomes = handler.call(payloads, contexts);
            called.first = called.outcomes.get(0);
            return called.first;
        });
        // An interceptor that answered something of its own speaks for all messages of the call.
        return outcome == called.first ? called.outcomes : java.util.Collections.nCopies(payloads.size(), outcome);
    }

    private Outcome around(int index, MessageContext context, java.util.concurrent.Callable<Outcome> handling)
            throws Exception {
        return index == interceptors.size()
                ? handling.call()
                : interceptors.get(index).aroundHandling(context, () -> around(index + 1, context, handling));
    }

    private static final class Called {
        private List<Outcome> outcomes = List.of();
        private @Nullable Outcome first;
    }

    /** Stored content: JSON text or bytes. */
    public interface Content {
        byte[] bytes();

        String text();
    }

    /** The payload does not fit the handler's class; trying again cannot help until the code or the message changes. */
    public static final class UndecodableException extends Exception {
        UndecodableException(Handler handler, Throwable cause) {
            super(
                    "payload cannot be read as " + handler.payload().getName() + " for handler " + handler.id() + ": "
                            + cause,
                    cause);
        }
    }
}

package io.postroom.internal.execution;

import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.Failure;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Delivers content to handlers: decodes the payload, goes through the interceptors, calls the handler. Runs on the calling thread.
 * Thread-safe.
 */
public final class Delivery {
    private static final String JSON_NULL = "null";

    private final PayloadCodec codec;
    private final Upcasters upcasters;
    private final List<MessageInterceptor> interceptors;

    /** @param interceptors in the order in which they are applied, the first one outermost */
    public Delivery(PayloadCodec codec, Upcasters upcasters, List<MessageInterceptor> interceptors) {
        this.codec = codec;
        this.upcasters = upcasters;
        this.interceptors = List.copyOf(interceptors);
    }

    /**
     * Turns stored content into the handler's payload; null for JSON null. A {@code byte[]} is the stored array itself when the content is
     * bytes. Content of an older version than the handler's passes the upcasters first.
     *
     * @throws UndecodableException the codec or an upcaster threw, for whatever reason
     */
    @Nullable
    Object read(Handler handler, Content content) throws UndecodableException {
        try {
            Class<?> type = handler.payload();
            if (type == byte[].class) {
                return bytes(content);
            } else if (type == String.class) {
                return text(content);
            }
            byte[] stored = bytes(content);
            byte[] upcast = upcasters.upcast(handler, content, stored);
            return codec.read(upcast == null ? stored : upcast, type);
        } catch (Exception | StackOverflowError | LinkageError error) {
            throw new UndecodableException(handler, error);
        }
    }

    /**
     * Turns the content of a reply into an object, as {@link #read} does for a handler's payload; null for JSON null.
     *
     * @throws PostroomException the content cannot be read as this class
     */
    public <T> @Nullable T readReply(Class<T> type, Content content) {
        try {
            @SuppressWarnings("unchecked") // not cast(): a primitive class has no instances
            T payload = (T) read(Handler.process("reply", type, (reply, context) -> Outcome.done()), content);
            return payload;
        } catch (UndecodableException undecodable) {
            throw new PostroomException(
                    "the reply cannot be read as " + type.getName() + ": " + Failure.textOf(undecodable.getCause()),
                    undecodable.getCause());
        }
    }

    /** Whether payloads of this class come from the codec, not as they are stored. */
    static boolean isReadByCodec(Class<?> type) {
        return type != byte[].class && type != String.class;
    }

    private static byte[] bytes(Content content) {
        return content.body() != null ? content.body() : json(content).getBytes(StandardCharsets.UTF_8);
    }

    private static String text(Content content) {
        return content.body() != null ? new String(content.body(), StandardCharsets.UTF_8) : json(content);
    }

    private static String json(Content content) {
        return content.payload() == null ? JSON_NULL : content.payload();
    }

    /**
     * Calls the handler once, inside the interceptors. What they throw counts as thrown by the handler.
     *
     * @param payloads one a message, at least one
     * @param contexts one a message, in the same order
     * @return one outcome a message, in the same order
     */
    List<Outcome> call(Handler handler, List<Object> payloads, List<MessageContext> contexts) throws Exception {
        if (interceptors.isEmpty()) {
            return handler.call(payloads, contexts);
        }
        Called called = new Called();
        Outcome outcome = around(0, contexts, () -> {
            called.outcomes = handler.call(payloads, contexts);
            called.first = called.outcomes.get(0);
            return called.first;
        });
        if (outcome == null) {
            throw new IllegalStateException(
                    "an interceptor answered null instead of an Outcome around handler " + handler.id());
        }
        // An interceptor that answers an outcome of its own answers for all messages of the call.
        return outcome == called.first ? called.outcomes : Collections.nCopies(payloads.size(), outcome);
    }

    private Outcome around(int index, List<MessageContext> contexts, Callable<Outcome> handling) throws Exception {
        if (index == interceptors.size()) {
            return handling.call();
        }
        MessageInterceptor interceptor = interceptors.get(index);
        Callable<Outcome> next = () -> around(index + 1, contexts, handling);
        return contexts.size() == 1
                ? interceptor.aroundHandling(contexts.get(0), next)
                : interceptor.aroundBatch(List.copyOf(contexts), next);
    }

    /** What the handler answered, for comparison with what came through the interceptors. */
    private static final class Called {
        private List<Outcome> outcomes = List.of();
        private @Nullable Outcome first;
    }

    /** The payload does not fit the handler's class here. Another process, or a newer version of this program, may read it. */
    static final class UndecodableException extends Exception {
        private final String handler;
        private final String errorClass;

        UndecodableException(Handler handler, Throwable cause) {
            super(
                    "payload cannot be read as " + handler.payload().getName() + " for handler " + handler.id() + ": "
                            + Failure.textOf(cause),
                    cause);
            this.handler = handler.id();
            this.errorClass = cause.getClass().getName();
        }

        /** The id of the handler that would have taken the message. */
        String handler() {
            return handler;
        }

        /** The class of what the codec or an upcaster threw. */
        String errorClass() {
            return errorClass;
        }
    }
}

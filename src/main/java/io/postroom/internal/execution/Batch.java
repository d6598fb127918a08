package io.postroom.internal.execution;

import io.postroom.handler.Handler;
import io.postroom.internal.storage.ClaimedMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Messages that came together, sorted: those that one call of a batch handler takes, and the others. Used by one thread. */
final class Batch {
    private final List<ClaimedMessage> messages = new ArrayList<>();
    private final List<Object> payloads = new ArrayList<>();
    private final List<ClaimedMessage> others = new ArrayList<>();
    private @Nullable Handler handler;

    /** Whether a call of this handler may take the message, too: one call has one handler. */
    boolean accepts(Handler batchHandler) {
        return handler == null || handler == batchHandler;
    }

    void add(Handler batchHandler, ClaimedMessage message, @Nullable Object payload) {
        handler = batchHandler;
        messages.add(message);
        payloads.add(payload);
    }

    void addOther(ClaimedMessage message) {
        others.add(message);
    }

    /** Begins the call, on the thread that runs it; empty when no message goes to a batch handler. */
    Optional<HandlerCall> begin(HandledQueue queue, @Nullable AttemptSettings settings) {
        return Optional.ofNullable(handler).map(one -> HandlerCall.begin(queue, one, settings, messages, payloads));
    }

    /** The handler of the call; empty when no message goes to a batch handler. */
    Optional<Handler> handler() {
        return Optional.ofNullable(handler);
    }

    /** The messages of the call. */
    List<ClaimedMessage> messages() {
        return messages;
    }

    /** The messages that run one by one. */
    List<ClaimedMessage> others() {
        return others;
    }
}

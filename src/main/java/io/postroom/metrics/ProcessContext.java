package io.postroom.metrics;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The observation of one call of a handler. A trace goes on that its message's headers carry; of several messages the first one's, where no
 * {@link BatchTracing} begins another.
 */
public final class ProcessContext extends ReceiverContext<MessageContext> {
    private final List<MessageContext> messages;
    private final String destination;
    private @Nullable Outcome outcome;
    private @Nullable KeyValues details;

    ProcessContext(List<MessageContext> messages, String destination) {
        super((carrier, header) -> carrier.headers().get(header), Kind.CONSUMER);
        this.messages = messages;
        this.destination = destination;
        setCarrier(messages.get(0));
    }

    /** The queue as a tag: one of few values. */
    public String destination() {
        return destination;
    }

    /** The message; of several the first one. */
    public MessageContext message() {
        return messages.get(0);
    }

    /** The messages of the call, one at least. */
    public List<MessageContext> messages() {
        return messages;
    }

    /** What the handler answered; null: it threw, or has not ended. */
    public @Nullable Outcome outcome() {
        return outcome;
    }

    /** Returns the key values of high cardinality. Micrometer asks at the start and at the stop; they stay the same and are made once. */
    KeyValues details(Function<ProcessContext, KeyValues> make) {
        if (details == null) {
            details = make.apply(this);
        }
        return details;
    }

    void ended(Outcome answered) {
        outcome = answered;
    }
}

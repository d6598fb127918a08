package io.postroom.metrics;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The observation of one call of a handler. A trace goes on that its message's headers carry. */
public final class ProcessContext extends ReceiverContext<MessageContext> {
    private final String destination;
    private @Nullable Outcome outcome;

    ProcessContext(MessageContext message, String destination) {
        super((carrier, header) -> carrier.headers().get(header), Kind.CONSUMER);
        this.destination = destination;
        setCarrier(message);
    }

    /** The queue as a tag: one of few values. */
    public String destination() {
        return destination;
    }

    /** The message; of a batch the first one. */
    public MessageContext message() {
        return Objects.requireNonNull(getCarrier());
    }

    /** What the handler answered; null: it threw, or has not ended. */
    public @Nullable Outcome outcome() {
        return outcome;
    }

    void ended(Outcome answered) {
        outcome = answered;
    }
}

package io.postroom.metrics;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import io.postroom.api.CreateMessage;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** The observation of the creation of one message. What a tracer writes into it becomes headers of the message. */
public final class SendContext extends SenderContext<Map<String, String>> {
    private final CreateMessage message;
    private final String destination;
    private final boolean inBulk;

    SendContext(CreateMessage message, String destination, boolean inBulk) {
        super((carrier, header, value) -> Objects.requireNonNull(carrier).put(header, value), Kind.PRODUCER);
        this.message = message;
        this.destination = destination;
        this.inBulk = inBulk;
        setCarrier(new LinkedHashMap<>());
    }

    /** The message as it was when it was given to this interceptor. */
    public CreateMessage message() {
        return message;
    }

    /** The queue or exchange as a tag: one of few values. */
    public String destination() {
        return destination;
    }

    /** Whether it is one of several messages of a call, which is observed by itself: see {@link BulkContext}. */
    public boolean isInBulk() {
        return inBulk;
    }
}

package io.postroom.metrics;

import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.postroom.api.CreateMessage;
import java.util.List;

/**
 * The observation of one call that creates several messages: from after they were checked to the commit, or to the end of the statement in
 * a transaction of the caller.
 */
public final class BulkContext extends Observation.Context {
    private final List<CreateMessage> messages;
    private final String destination;

    /** @param destination empty: there are several */
    BulkContext(List<CreateMessage> messages, String destination) {
        this.messages = messages;
        this.destination = destination;
    }

    /** The messages as they are stored, two at least, with the headers of the tracer. */
    public List<CreateMessage> messages() {
        return messages;
    }

    /** The queue or exchange of all messages as a tag, one of few values; {@link KeyValue#NONE_VALUE}: there are several. */
    public String destination() {
        return destination.isEmpty() ? KeyValue.NONE_VALUE : destination;
    }

    /** Whether all messages go to one queue or exchange. */
    public boolean hasOneDestination() {
        return !destination.isEmpty();
    }
}

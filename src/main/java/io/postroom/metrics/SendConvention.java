package io.postroom.metrics;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names the observation of a creation: {@code postroom.send}, span "send" and the queue or exchange; "create" in a bulk. Extend it to name
 * it otherwise.
 */
public class SendConvention implements ObservationConvention<SendContext> {
    @Override
    public String getName() {
        return "postroom.send";
    }

    @Override
    public String getContextualName(SendContext context) {
        return type(context) + " " + context.destination();
    }

    @Override
    public KeyValues getLowCardinalityKeyValues(SendContext context) {
        return KeyValues.of(
                "messaging.system",
                "postroom",
                "messaging.operation.name",
                "create",
                "messaging.operation.type",
                type(context),
                "messaging.destination.name",
                context.destination());
    }

    /** A single message needs one span, which is that of its sending. In a bulk the call has another one. */
    private static String type(SendContext context) {
        return context.isInBulk() ? "create" : "send";
    }

    @Override
    public KeyValues getHighCardinalityKeyValues(SendContext context) {
        return context.message()
                .correlationId()
                .map(id -> KeyValues.of("messaging.message.conversation_id", id))
                .orElseGet(KeyValues::empty);
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof SendContext;
    }
}

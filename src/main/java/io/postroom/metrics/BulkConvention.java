package io.postroom.metrics;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names the observation of a call that creates several messages: {@code postroom.send.bulk}, span "send" and the queue or exchange, if they
 * have one in common. Extend it to name it otherwise.
 */
public class BulkConvention implements ObservationConvention<BulkContext> {
    @Override
    public String getName() {
        return "postroom.send.bulk";
    }

    @Override
    public String getContextualName(BulkContext context) {
        return context.hasOneDestination() ? "send " + context.destination() : "send";
    }

    @Override
    public KeyValues getLowCardinalityKeyValues(BulkContext context) {
        return KeyValues.of(
                "messaging.system", "postroom",
                "messaging.operation.name", "send",
                "messaging.operation.type", "send",
                "messaging.destination.name", context.destination());
    }

    @Override
    public KeyValues getHighCardinalityKeyValues(BulkContext context) {
        return KeyValues.of(
                "messaging.batch.message_count",
                String.valueOf(context.messages().size()));
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof BulkContext;
    }
}

package io.postroom.metrics;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import org.jspecify.annotations.Nullable;

/** Names the observation of a handler's call: {@code postroom.process}, span "process" and the queue. Extend it to name it otherwise. */
public class ProcessConvention implements ObservationConvention<ProcessContext> {
    @Override
    public String getName() {
        return "postroom.process";
    }

    @Override
    public String getContextualName(ProcessContext context) {
        return "process " + context.message().queue();
    }

    @Override
    public KeyValues getLowCardinalityKeyValues(ProcessContext context) {
        return KeyValues.of(
                "messaging.system",
                "postroom",
                "messaging.operation.name",
                "process",
                "messaging.operation.type",
                "process",
                "messaging.destination.name",
                context.message().queue(),
                "postroom.message.type",
                context.message().type(),
                "postroom.outcome",
                word(context.outcome()));
    }

    @Override
    public KeyValues getHighCardinalityKeyValues(ProcessContext context) {
        MessageContext message = context.message();
        KeyValues values = KeyValues.of(
                "messaging.message.id", message.id().toString(),
                "postroom.deliveries", String.valueOf(message.deliveries()),
                "postroom.failures", String.valueOf(message.failures()));
        return message.correlationId()
                .map(id -> values.and("messaging.message.conversation_id", id))
                .orElse(values);
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof ProcessContext;
    }

    /** The handler's answer in the words of the history; what threw is decided later, by the error handling or the retry policy. */
    private static String word(@Nullable Outcome outcome) {
        return outcome == null ? "failed" : outcome.match(WORDS);
    }

    private static final Outcome.Cases<String> WORDS = new Outcome.Cases<>() {
        @Override
        public String done(Outcome.Done outcome) {
            return "done";
        }

        @Override
        public String retry(Outcome.Retry outcome) {
            return "retry";
        }

        @Override
        public String snooze(Outcome.Snooze outcome) {
            return "snooze";
        }

        @Override
        public String notNow(Outcome.NotNow outcome) {
            return "not_now";
        }

        @Override
        public String reject(Outcome.Reject outcome) {
            return "reject";
        }
    };
}

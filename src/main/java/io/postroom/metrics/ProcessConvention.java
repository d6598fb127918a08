package io.postroom.metrics;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.postroom.api.Outcome;
import io.postroom.handler.MessageContext;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Names the observation of a handler's call: {@code postroom.process}, span "process" and the queue. Extend it to name it otherwise. */
public class ProcessConvention implements ObservationConvention<ProcessContext> {
    /**
     * Key values by destination and outcome. Making them for each call took a fifth of an observation. The map stays small: a destination
     * is one of about a thousand values, and there are seven outcomes.
     */
    private final Map<String, Map<String, KeyValues>> valuesByOutcome = new ConcurrentHashMap<>();

    @Override
    public String getName() {
        return "postroom.process";
    }

    @Override
    public String getContextualName(ProcessContext context) {
        return "process " + context.destination();
    }

    @Override
    public KeyValues getLowCardinalityKeyValues(ProcessContext context) {
        String destination = context.destination();
        // get takes no lock, and nearly always finds what computeIfAbsent would lock to look for
        Map<String, KeyValues> byOutcome = valuesByOutcome.get(destination);
        if (byOutcome == null) {
            byOutcome = valuesByOutcome.computeIfAbsent(destination, any -> new ConcurrentHashMap<>());
        }
        String word = word(context);
        KeyValues values = byOutcome.get(word);
        return values != null ? values : byOutcome.computeIfAbsent(word, outcome -> values(destination, outcome));
    }

    private static KeyValues values(String destination, String outcome) {
        return KeyValues.of(
                "messaging.system",
                "postroom",
                "messaging.operation.name",
                "process",
                "messaging.operation.type",
                "process",
                "messaging.destination.name",
                destination,
                "postroom.outcome",
                outcome);
    }

    @Override
    public KeyValues getHighCardinalityKeyValues(ProcessContext context) {
        return context.details(ProcessConvention::details);
    }

    private static KeyValues details(ProcessContext context) {
        MessageContext message = context.message();
        if (context.messages().size() > 1) { // what differs from message to message is no attribute of all
            return KeyValues.of(
                    "messaging.batch.message_count",
                    String.valueOf(context.messages().size()),
                    "postroom.message.type",
                    message.type());
        }
        KeyValues values = KeyValues.of(
                "messaging.message.id",
                message.id().toString(),
                "postroom.message.type",
                message.type(),
                "postroom.deliveries",
                String.valueOf(message.deliveries()),
                "postroom.failures",
                String.valueOf(message.failures()));
        return message.correlationId()
                .map(id -> values.and("messaging.message.conversation_id", id))
                .orElse(values);
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
        return context instanceof ProcessContext;
    }

    /** The handler's answer in the words of the history. What becomes of an exception is decided later, outside of the call. */
    private static String word(ProcessContext context) {
        Outcome outcome = context.outcome();
        if (outcome != null) {
            return outcome.match(WORDS);
        }
        return context.getError() == null ? "none" : "failed"; // none: it runs
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

package io.postroom.cli;

import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Says which dead letters are meant, in the words of the filters of SQL and HTTP. All conditions must hold. */
final class DeadLetterOptions {
    @Option(names = "--queue", description = "Queue, or a pattern as in 'mail.*' or 'mail.#'")
    @Nullable
    String queue;

    @Option(names = "--fingerprint", description = "Fingerprint of the error")
    @Nullable
    String fingerprint;

    @Option(names = "--error-class", description = "Class of the exception, by its full name")
    @Nullable
    String errorClass;

    @Option(names = "--dead-reason", description = "Why they are dead, as in attempts_spent or rejected")
    @Nullable
    String reason;

    @Option(names = "--type", description = "Type, whatever version")
    @Nullable
    String type;

    @Option(names = "--correlation-id", description = "Correlation id, compared exactly")
    @Nullable
    String correlationId;

    @Option(names = "--dead-from", description = "First time of death, with a zone: 2030-01-31T08:00:00Z")
    @Nullable
    OffsetDateTime deadFrom;

    @Option(names = "--dead-to", description = "First time after it")
    @Nullable
    OffsetDateTime deadTo;

    @Option(names = "--created-from", description = "First time of creation, with a zone")
    @Nullable
    OffsetDateTime createdFrom;

    @Option(names = "--created-to", description = "First time after it")
    @Nullable
    OffsetDateTime createdTo;

    @Option(names = "--all", description = "Every dead letter; nothing may be given beside it")
    boolean all;

    boolean isEmpty() {
        return filter().isEmpty();
    }

    /** Returns the filter as a JSON object. */
    String json() {
        return filter().toString();
    }

    private ObjectNode filter() {
        ObjectNode filter = CliJson.MAPPER.createObjectNode();
        put(filter, "queue", queue);
        put(filter, "fingerprint", fingerprint);
        put(filter, "errorClass", errorClass);
        put(filter, "reason", reason);
        put(filter, "type", type);
        put(filter, "correlationId", correlationId);
        put(filter, "deadFrom", deadFrom);
        put(filter, "deadTo", deadTo);
        put(filter, "createdFrom", createdFrom);
        put(filter, "createdTo", createdTo);
        if (all) {
            filter.put("all", true);
        }
        return filter;
    }

    private static void put(ObjectNode filter, String name, @Nullable Object value) {
        if (value instanceof OffsetDateTime time) {
            filter.put(name, time.toInstant().toString());
        } else if (value != null) {
            filter.put(name, value.toString());
        }
    }
}

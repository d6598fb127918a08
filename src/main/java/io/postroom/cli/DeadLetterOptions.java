package io.postroom.cli;

import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
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

    @Option(
            names = "--header",
            paramLabel = "NAME=VALUE",
            description = "A header with this value; with several all of them")
    Map<String, String> headers = new LinkedHashMap<>();

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
        CliJson.put(filter, "queue", queue);
        CliJson.put(filter, "fingerprint", fingerprint);
        CliJson.put(filter, "errorClass", errorClass);
        CliJson.put(filter, "reason", reason);
        CliJson.put(filter, "type", type);
        CliJson.put(filter, "correlationId", correlationId);
        CliJson.put(filter, "headers", headers);
        putTime(filter, "deadFrom", deadFrom);
        putTime(filter, "deadTo", deadTo);
        putTime(filter, "createdFrom", createdFrom);
        putTime(filter, "createdTo", createdTo);
        if (all) {
            filter.put("all", true);
        }
        return filter;
    }

    private static void putTime(ObjectNode filter, String name, @Nullable OffsetDateTime time) {
        CliJson.put(filter, name, time == null ? null : time.toInstant().toString());
    }
}

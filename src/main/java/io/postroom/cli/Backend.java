package io.postroom.cli;

import io.postroom.api.BulkSettings;
import io.postroom.api.LedgerFilter;
import io.postroom.api.MessageFilter;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.JsonNode;

/**
 * What commands ask: a server over HTTP, a database, or several. All answer the JSON of the HTTP API. What is refused or fails ends in an
 * exception, whose meaning {@link CliException#of} knows. For one thread.
 */
interface Backend extends AutoCloseable {
    JsonNode queues();

    JsonNode unpark(String destination, Optional<Reason> reason);

    JsonNode limiters();

    /** Asks about entries of external systems, and changes limiters. */
    SettingsVerbs settings();

    JsonNode pause(String queue, boolean paused, Optional<Reason> reason);

    JsonNode consumers(String queue);

    /** @param howMany a number, or all */
    JsonNode stopConsumers(String queue, String howMany, Duration deadline, Optional<Reason> reason);

    JsonNode startConsumers(String queue, Optional<Reason> reason);

    /** Lists messages that match, at most 200. */
    JsonNode messages(MessageFilter filter);

    JsonNode message(UUID id);

    JsonNode explain(UUID id);

    /** @param request as {@code POST /api/v1/messages} takes it */
    JsonNode create(String request);

    JsonNode redrive(UUID id, Optional<Reason> reason);

    JsonNode discard(UUID id, Optional<String> queue, Reason reason);

    /** @param filter a JSON object, as elsewhere below */
    JsonNode preview(String filter);

    /**
     * Looks whether an operation on what the filter matches could begin here.
     *
     * @throws CliException it could not; says what to give
     */
    default void requireOperation(String filter) {}

    /** Begins an operation and answers it. */
    JsonNode redrive(String filter, BulkSettings settings);

    /** Begins an operation and answers it. */
    JsonNode discard(String filter, BulkSettings settings);

    JsonNode operations(int limit);

    JsonNode operation(UUID id);

    JsonNode stopOperation(UUID id, Reason reason);

    JsonNode ledger(LedgerFilter filter);

    /** @param known the end of an earlier check */
    JsonNode checkLedger(Optional<LedgerEnd> known);

    /** Makes a token and answers it, this once. */
    JsonNode createToken(NewAccessToken token, Optional<Reason> reason);

    /** Lists tokens by name, from behind one on. */
    JsonNode tokens(String after, int limit);

    JsonNode revokeToken(String name, Optional<Reason> reason);

    JsonNode database(Duration olderThan);

    /** Brings the schema to this version. A server does that at its start. */
    JsonNode migrate();

    JsonNode importDefinitions(
            String file, Definitions definitions, boolean dryRun, List<String> renames, Optional<Reason> reason);

    String exportDefinitions(Definitions definitions);

    @Override
    void close();

    /** The last line of an earlier check of the ledger, and its hash. */
    record LedgerEnd(long number, String hash) {}

    /**
     * The format of a definitions file.
     *
     * @param rabbitMq whether it is RabbitMQ's
     * @param virtualHost in such a file; empty: the only one, in an export {@code /}
     */
    record Definitions(boolean rabbitMq, Optional<String> virtualHost) {}
}

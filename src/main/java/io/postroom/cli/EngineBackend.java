package io.postroom.cli;

import io.postroom.Postroom;
import io.postroom.api.AccessTokens;
import io.postroom.api.BulkSettings;
import io.postroom.api.Consumers;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.ImportOptions;
import io.postroom.api.LedgerFilter;
import io.postroom.api.Limiters;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.NewAccessToken;
import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.api.Reason;
import io.postroom.api.Receipts;
import io.postroom.rest.Answers;
import io.postroom.rest.ConsumersAnswer;
import io.postroom.rest.ImportRequest;
import io.postroom.rest.MessageAnswer;
import io.postroom.rest.MessageRequest;
import io.postroom.rest.Problem;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Asks the engine of one database, by the API of Java. */
abstract class EngineBackend implements Backend {
    private static final JsonMapper JSON = CliJson.MAPPER;

    abstract Postroom postroom();

    @Override
    public JsonNode queues() {
        return json(Answers.queues(postroom().queues().stats()));
    }

    @Override
    public JsonNode unpark(String destination, Optional<Reason> reason) {
        Limiters limiters = postroom().limiters();
        return json(Map.of(
                "unparked",
                reason.map(why -> limiters.unpark(destination, why)).orElseGet(() -> limiters.unpark(destination))));
    }

    @Override
    public JsonNode limiters() {
        return json(Answers.limiters(postroom().limiters().list()));
    }

    @Override
    public SettingsVerbs settings() {
        return new DatabaseSettings(postroom());
    }

    @Override
    public JsonNode pause(String queue, boolean paused, Optional<Reason> reason) {
        Queues queues = postroom().queues();
        if (paused) {
            reason.ifPresentOrElse(why -> queues.pause(queue, why), () -> queues.pause(queue));
        } else {
            reason.ifPresentOrElse(why -> queues.resume(queue, why), () -> queues.resume(queue));
        }
        return json(Map.of(paused ? "paused" : "resumed", queue));
    }

    @Override
    public JsonNode consumers(String queue) {
        return JSON.readTree(ConsumersAnswer.list(queue, postroom().consumers().list(queue)));
    }

    @Override
    public JsonNode stopConsumers(String queue, String howMany, Duration deadline, Optional<Reason> reason) {
        Consumers consumers = postroom().consumers();
        Receipts receipts;
        if (howMany.equals("all")) {
            receipts = reason.map(why -> consumers.stopAll(queue, deadline, why))
                    .orElseGet(() -> consumers.stopAll(queue, deadline));
        } else {
            int most = Integer.parseInt(howMany);
            receipts = reason.map(why -> consumers.stop(queue, most, deadline, why))
                    .orElseGet(() -> consumers.stop(queue, most, deadline));
        }
        return JSON.readTree(ConsumersAnswer.receipts(queue, receipts));
    }

    @Override
    public JsonNode startConsumers(String queue, Optional<Reason> reason) {
        Consumers consumers = postroom().consumers();
        int started = reason.map(why -> consumers.start(queue, why)).orElseGet(() -> consumers.start(queue));
        return JSON.readTree(ConsumersAnswer.started(queue, started));
    }

    @Override
    public JsonNode messages(MessageFilter filter) {
        return json(Answers.messages(postroom().queueMessages().findWithoutPayloads(filter)));
    }

    @Override
    public JsonNode message(UUID id) {
        Message message = known(id);
        return JSON.readTree(
                MessageAnswer.found(message, postroom().queueMessages().history(id)));
    }

    @Override
    public JsonNode explain(UUID id) {
        known(id);
        return JSON.readTree(
                MessageAnswer.explained(id, postroom().queueMessages().explain(id)));
    }

    private Message known(UUID id) {
        return postroom()
                .queueMessages()
                .find(id)
                .orElseThrow(() -> CliException.refused(
                        Problem.unknownMessage(id.toString()).detail()));
    }

    @Override
    public JsonNode create(String request) {
        return create(MessageRequest.read(request, null));
    }

    JsonNode create(CreateMessage message) {
        Created created = postroom().queueMessages().createMessage(message);
        postroom().queueMessages().wakeUp(created.queues().toArray(String[]::new));
        return JSON.readTree(MessageAnswer.created(created, message.exchange().isPresent()));
    }

    @Override
    public JsonNode redrive(UUID id, Optional<Reason> reason) {
        QueueMessages messages = postroom().queueMessages();
        int redriven = reason.map(why -> messages.redrive(id, why)).orElseGet(() -> messages.redrive(id));
        return json(Map.of("redriven", redriven));
    }

    @Override
    public JsonNode discard(UUID id, Optional<String> queue, Reason reason) {
        int discarded = queue.isPresent()
                ? postroom().deadLetters().discard(id, queue.get(), reason)
                : postroom().deadLetters().discard(id, reason);
        return json(Map.of("discarded", discarded));
    }

    @Override
    public JsonNode preview(String filter) {
        return json(Answers.preview(postroom().deadLetters().preview(DeadLetterFilter.json(filter))));
    }

    @Override
    public JsonNode redrive(String filter, BulkSettings settings) {
        return json(Answers.operation(postroom()
                .deadLetters()
                .redrive(DeadLetterFilter.json(filter), settings)
                .status()));
    }

    @Override
    public JsonNode discard(String filter, BulkSettings settings) {
        return json(Answers.operation(postroom()
                .deadLetters()
                .discard(DeadLetterFilter.json(filter), settings)
                .status()));
    }

    @Override
    public JsonNode operations(int limit) {
        return json(Answers.operations(postroom().deadLetters().operations(limit)));
    }

    @Override
    public JsonNode operation(UUID id) {
        return json(Answers.operation(postroom()
                .deadLetters()
                .operation(id)
                .orElseThrow(() -> CliException.refused(
                        Problem.unknownOperation(id.toString()).detail()))));
    }

    @Override
    public JsonNode stopOperation(UUID id, Reason reason) {
        return json(Map.of("stopped", postroom().deadLetters().stop(id, reason)));
    }

    @Override
    public JsonNode checkLedger(Optional<LedgerEnd> known) {
        io.postroom.api.Ledger ledger = postroom().ledger();
        return json(Answers.ledgerCheck(
                known.map(end -> ledger.check(end.number(), end.hash())).orElseGet(ledger::check)));
    }

    @Override
    public JsonNode ledger(LedgerFilter filter) {
        return json(Answers.ledger(postroom().ledger().lines(filter)));
    }

    @Override
    public JsonNode createToken(NewAccessToken token, Optional<Reason> reason) {
        AccessTokens tokens = postroom().accessTokens();
        return json(Answers.token(
                token.name(), reason.map(why -> tokens.create(token, why)).orElseGet(() -> tokens.create(token))));
    }

    @Override
    public JsonNode tokens(String after, int limit) {
        return json(Answers.tokens(postroom().accessTokens().list(after, limit)));
    }

    @Override
    public JsonNode revokeToken(String name, Optional<Reason> reason) {
        AccessTokens tokens = postroom().accessTokens();
        boolean revoked = reason.map(why -> tokens.revoke(name, why)).orElseGet(() -> tokens.revoke(name));
        return json(Map.of("name", name, "revoked", revoked));
    }

    @Override
    public JsonNode database(Duration olderThan) {
        return json(Answers.database(postroom().database().health(olderThan)));
    }

    @Override
    public JsonNode importDefinitions(
            String file, Definitions definitions, boolean dryRun, List<String> renames, Optional<Reason> reason) {
        ImportOptions options = ImportRequest.options(dryRun, definitions.virtualHost(), renames, reason);
        return json(Answers.report(
                definitions.rabbitMq()
                        ? postroom().definitions().importRabbitMq(file, options)
                        : postroom().definitions().importFile(file, options)));
    }

    @Override
    public String exportDefinitions(Definitions definitions) {
        return (definitions.rabbitMq()
                        ? postroom()
                                .definitions()
                                .exportRabbitMq(definitions.virtualHost().orElse("/"))
                        : postroom().definitions().exportFile())
                + "\n";
    }

    static JsonNode json(Map<String, Object> members) {
        return JSON.valueToTree(members);
    }
}

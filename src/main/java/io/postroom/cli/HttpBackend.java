package io.postroom.cli;

import io.postroom.api.BulkSettings;
import io.postroom.api.Durations;
import io.postroom.api.LedgerFilter;
import io.postroom.api.MessageFilter;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The verbs as requests of the HTTP API. How a request is sent and its answer read: {@link HttpApi}. */
final class HttpBackend implements Backend {
    private static final JsonMapper JSON = CliJson.MAPPER;

    private final HttpApi api;
    private final Duration timeout;

    /** @param timeout of a request */
    HttpBackend(HttpApi api, Duration timeout) {
        this.api = api;
        this.timeout = timeout;
    }

    @Override
    public JsonNode queues() {
        return get("/queues");
    }

    @Override
    public JsonNode unpark(String destination, Optional<Reason> reason) {
        return post("/limiters/destinations/" + encoded(destination) + "/unpark" + new Query().add(reason), null);
    }

    @Override
    public JsonNode limiters() {
        return get("/limiters");
    }

    @Override
    public SettingsVerbs settings() {
        return new HttpSettings(api, timeout);
    }

    @Override
    public JsonNode pause(String queue, boolean paused, Optional<Reason> reason) {
        return post("/queues/" + encoded(queue) + (paused ? "/pause" : "/resume") + new Query().add(reason), null);
    }

    @Override
    public JsonNode consumers(String queue) {
        return get("/queues/" + encoded(queue) + "/consumers");
    }

    @Override
    public JsonNode stopConsumers(String queue, String howMany, Duration deadline, Optional<Reason> reason) {
        Query query = new Query();
        query.add("howMany", howMany);
        query.add("deadline", Durations.format(deadline));
        String path = "/queues/" + encoded(queue) + "/consumers/stop" + query.add(reason);
        return api.json("POST", path, null, timeout.plus(deadline));
    }

    @Override
    public JsonNode startConsumers(String queue, Optional<Reason> reason) {
        return post("/queues/" + encoded(queue) + "/consumers/start" + new Query().add(reason), null);
    }

    @Override
    public JsonNode messages(MessageFilter filter) {
        Query query = new Query();
        filter.queue().ifPresent(value -> query.add("queue", value));
        filter.states().stream().sorted().forEach(state -> query.add("state", state.name()));
        filter.type().ifPresent(value -> query.add("type", value));
        filter.correlationId().ifPresent(value -> query.add("correlationId", value));
        filter.headers().forEach((name, value) -> query.add("header", name + "=" + value));
        filter.fingerprint().ifPresent(value -> query.add("fingerprint", value));
        filter.createdFrom().ifPresent(value -> query.add("createdFrom", value.toString()));
        filter.createdTo().ifPresent(value -> query.add("createdTo", value.toString()));
        filter.before().ifPresent(value -> query.add("before", value.toString()));
        query.add("limit", String.valueOf(filter.limit()));
        return get("/messages/search" + query);
    }

    @Override
    public JsonNode message(UUID id) {
        return get("/messages/" + id);
    }

    @Override
    public JsonNode explain(UUID id) {
        return get("/messages/" + id + "/explain");
    }

    @Override
    public JsonNode create(String request) {
        return post("/messages", request);
    }

    @Override
    public JsonNode redrive(UUID id, Optional<Reason> reason) {
        return post("/dead-letters/" + id + "/redrive" + new Query().add(reason), null);
    }

    @Override
    public JsonNode discard(UUID id, Optional<String> queue, Reason reason) {
        ObjectNode body = because(reason);
        queue.ifPresent(name -> body.put("queue", name));
        return post("/dead-letters/" + id + "/discard", body.toString());
    }

    @Override
    public JsonNode preview(String filter) {
        return post(
                "/dead-letters/preview",
                filtered(JSON.createObjectNode(), filter).toString());
    }

    @Override
    public JsonNode redrive(String filter, BulkSettings settings) {
        ObjectNode body = bulk(filter, settings);
        body.put("canary", settings.canary());
        body.put("canaryThreshold", settings.canaryThreshold());
        return post("/dead-letters/redrive", body.toString());
    }

    @Override
    public JsonNode discard(String filter, BulkSettings settings) {
        return post("/dead-letters/discard", bulk(filter, settings).toString());
    }

    @Override
    public JsonNode operations(int limit) {
        return get("/operations?limit=" + limit);
    }

    @Override
    public JsonNode operation(UUID id) {
        return get("/operations/" + id);
    }

    @Override
    public JsonNode stopOperation(UUID id, Reason reason) {
        return post("/operations/" + id + "/stop", because(reason).toString());
    }

    @Override
    public JsonNode checkLedger(Optional<LedgerEnd> known) {
        Query query = new Query();
        known.ifPresent(end -> {
            query.add("knownNumber", String.valueOf(end.number()));
            query.add("knownHash", end.hash());
        });
        return get("/ledger/check" + query);
    }

    @Override
    public JsonNode ledger(LedgerFilter filter) {
        Query query = new Query();
        filter.actor().ifPresent(value -> query.add("actor", value));
        filter.action().ifPresent(value -> query.add("action", value));
        filter.queue().ifPresent(value -> query.add("queue", value));
        filter.message().ifPresent(value -> query.add("message", value.toString()));
        filter.operation().ifPresent(value -> query.add("operation", value.toString()));
        filter.before().ifPresent(value -> query.add("before", value.toString()));
        query.add("limit", String.valueOf(filter.limit()));
        return get("/ledger" + query);
    }

    @Override
    public JsonNode createToken(NewAccessToken token, Optional<Reason> reason) {
        ObjectNode body = reason.map(HttpBackend::because).orElseGet(JSON::createObjectNode);
        body.put("name", token.name());
        body.put("role", token.role().word());
        if (!token.queues().isEmpty()) {
            token.queues().forEach(body.putArray("queues")::add);
        }
        token.expiresAt().ifPresent(end -> body.put("expiresAt", end.toString()));
        return post("/tokens", body.toString());
    }

    @Override
    public JsonNode tokens(String after, int limit) {
        Query query = new Query();
        query.add("after", after);
        query.add("limit", String.valueOf(limit));
        return get("/tokens" + query);
    }

    @Override
    public JsonNode revokeToken(String name, Optional<Reason> reason) {
        return post("/tokens/" + encoded(name) + "/revoke" + new Query().add(reason), null);
    }

    @Override
    public JsonNode database(Duration olderThan) {
        return get("/database?olderThan=" + encoded(Durations.format(olderThan)));
    }

    @Override
    public JsonNode migrate() {
        throw CliException.usage("migrate needs --db: a server migrates its database at its own start");
    }

    @Override
    public JsonNode importDefinitions(
            String file, Definitions definitions, boolean dryRun, List<String> renames, Optional<Reason> reason) {
        Query query = new Query().add(reason);
        query.add("dryRun", String.valueOf(dryRun));
        renames.forEach(rename -> query.add("rename", rename));
        definitions.virtualHost().ifPresent(host -> query.add("virtualHost", host));
        return post("/definitions" + (definitions.rabbitMq() ? "/rabbitmq" : "") + query, file);
    }

    @Override
    public String exportDefinitions(Definitions definitions) {
        Query query = new Query();
        definitions.virtualHost().ifPresent(host -> query.add("virtualHost", host));
        return api.text("GET", "/definitions" + (definitions.rabbitMq() ? "/rabbitmq" + query : ""), null, timeout);
    }

    @Override
    public void close() {
        // the client's threads end with it
    }

    private static ObjectNode because(Reason reason) {
        ObjectNode body = JSON.createObjectNode().put("reason", reason.text());
        reason.actor().ifPresent(actor -> body.put("actor", actor));
        return body;
    }

    private static ObjectNode bulk(String filter, BulkSettings settings) {
        return filtered(because(settings.reason()), filter).put("perSecond", settings.perSecond());
    }

    private static ObjectNode filtered(ObjectNode body, String filter) {
        body.set("filter", JSON.readTree(filter));
        return body;
    }

    private JsonNode get(String path) {
        return api.json("GET", path, null, timeout);
    }

    private JsonNode post(String path, @Nullable String body) {
        return api.json("POST", path, body, timeout);
    }

    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Parameters behind the question mark. */
    static final class Query {
        private final List<String> parameters = new ArrayList<>();

        void add(String name, String value) {
            parameters.add(name + "=" + encoded(value));
        }

        Query add(Optional<Reason> reason) {
            reason.ifPresent(why -> {
                add("reason", why.text());
                why.actor().ifPresent(actor -> add("actor", actor));
            });
            return this;
        }

        @Override
        public String toString() {
            return parameters.isEmpty() ? "" : "?" + String.join("&", parameters);
        }
    }
}

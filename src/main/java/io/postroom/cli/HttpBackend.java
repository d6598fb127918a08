package io.postroom.cli;

import io.postroom.api.BulkSettings;
import io.postroom.api.Durations;
import io.postroom.api.LedgerFilter;
import io.postroom.api.MessageFilter;
import io.postroom.api.Reason;
import io.postroom.rest.Problem;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Asks a server over its HTTP API. Follows no redirect, because the token would go along. */
final class HttpBackend implements Backend {
    private static final JsonMapper JSON = CliJson.MAPPER;
    private static final Duration CONNECT = Duration.ofSeconds(5);
    /** More than any list of the API has: pages are bounded. */
    private static final int LONGEST_ANSWER = 64 * 1024 * 1024;

    private final URI root;
    private final @Nullable String token;
    private final Duration timeout;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    /**
     * @param url as in {@code http://127.0.0.1:8080}, with a path if the server has one
     * @param token null: none
     * @param timeout of a request
     */
    HttpBackend(String url, @Nullable String token, Duration timeout) {
        this.root = root(url);
        this.token = token;
        this.timeout = timeout;
    }

    private static URI root(String url) {
        try {
            URI root = URI.create(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
            boolean isHttp = "http".equalsIgnoreCase(root.getScheme()) || "https".equalsIgnoreCase(root.getScheme());
            if (isHttp && root.getHost() != null && root.getUserInfo() == null && root.getQuery() == null) {
                return root;
            }
        } catch (IllegalArgumentException unreadable) {
            // refused below
        }
        throw CliException.usage("--url must be such as http://127.0.0.1:8080, without user and query");
    }

    @Override
    public JsonNode queues() {
        return get("/queues");
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
        return json(send("POST", path, BodyPublishers.noBody(), timeout.plus(deadline)));
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
    public JsonNode database(Duration olderThan) {
        return get("/database?olderThan=" + encoded(Durations.format(olderThan)));
    }

    @Override
    public JsonNode migrate() {
        throw CliException.usage("migrate needs --db: a server migrates its database at its own start");
    }

    @Override
    public JsonNode importDefinitions(String file, Definitions definitions, boolean dryRun, List<String> renames) {
        Query query = new Query();
        query.add("dryRun", String.valueOf(dryRun));
        renames.forEach(rename -> query.add("rename", rename));
        definitions.virtualHost().ifPresent(host -> query.add("virtualHost", host));
        return post("/definitions" + (definitions.rabbitMq() ? "/rabbitmq" : "") + query, file);
    }

    @Override
    public String exportDefinitions(Definitions definitions) {
        Query query = new Query();
        definitions.virtualHost().ifPresent(host -> query.add("virtualHost", host));
        return send(
                "GET",
                "/definitions" + (definitions.rabbitMq() ? "/rabbitmq" + query : ""),
                BodyPublishers.noBody(),
                timeout);
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
        return json(send("GET", path, BodyPublishers.noBody(), timeout));
    }

    private JsonNode post(String path, @Nullable String body) {
        return json(
                send("POST", path, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body), timeout));
    }

    private String send(String method, String path, HttpRequest.BodyPublisher body, Duration limit) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(root + "/api/v1" + path))
                .timeout(limit)
                .header("Accept", "application/json")
                .method(method, body);
        if (body.contentLength() != 0) {
            request.header("Content-Type", "application/json");
        }
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        long began = System.nanoTime();
        try {
            HttpResponse<InputStream> response = http.send(request.build(), BodyHandlers.ofInputStream());
            byte[] bytes = body(response.body(), limit.minusNanos(System.nanoTime() - began));
            return checked(response, new String(bytes, StandardCharsets.UTF_8));
        } catch (IOException away) {
            throw CliException.unreachable(root + " cannot be reached: " + reason(away));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw CliException.refused("Interrupted");
        }
    }

    /**
     * Reads a body within a time. The limit of the request ends with the head of the answer: a server that stops in the middle of the body
     * would keep the command for ever.
     */
    private static byte[] body(InputStream in, Duration left) throws IOException {
        CompletableFuture<Boolean> read = new CompletableFuture<>();
        read.completeOnTimeout(false, Math.max(0, left.toNanos()), TimeUnit.NANOSECONDS)
                .thenAccept(isInTime -> {
                    if (!isInTime) {
                        close(in); // the read fails then
                    }
                });
        byte[] bytes;
        try (in) {
            bytes = in.readNBytes(LONGEST_ANSWER + 1);
        } catch (IOException broken) {
            throw read.complete(true) ? broken : new HttpTimeoutException("the answer did not end within --timeout");
        }
        read.complete(true);
        if (bytes.length > LONGEST_ANSWER) {
            throw CliException.refused("The answer is longer than " + LONGEST_ANSWER + " bytes: ask for less");
        }
        return bytes;
    }

    private static void close(InputStream in) {
        try {
            in.close();
        } catch (IOException alreadyBroken) {
            // the reader meets it
        }
    }

    private static String reason(IOException away) {
        return away.getMessage() == null ? away.getClass().getSimpleName() : away.getMessage();
    }

    private String checked(HttpResponse<?> response, String text) {
        int status = response.statusCode();
        if (status / 100 == 2) {
            return text;
        }
        String type = response.headers().firstValue("Content-Type").orElse("");
        JsonNode problem = type.startsWith(Problem.CONTENT_TYPE) ? json(text) : JSON.createObjectNode();
        if (!problem.path("type").asString("").startsWith(Problem.TYPE)) {
            throw noPostroom("HTTP " + status);
        }
        String detail = problem.path("detail").asString("HTTP " + status);
        throw status == 503 ? CliException.unreachable(detail) : CliException.refused(detail);
    }

    private JsonNode json(String text) {
        try {
            JsonNode answer = JSON.readTree(text);
            if (answer.isObject()) {
                return answer;
            }
        } catch (JacksonException noJson) {
            // refused below
        }
        throw noPostroom("it answers no JSON");
    }

    private CliException noPostroom(String why) {
        return CliException.unreachable("What answers at " + root + " is no Postroom server, or is too old: " + why);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Parameters behind the question mark. */
    private static final class Query {
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
